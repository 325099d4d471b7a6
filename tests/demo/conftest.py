"""A demo server on a free loopback port, a browser for it, and clients."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from espressivo_demo.screenshots import CHROMIUM_ARGUMENTS, chromium_path
from espressivo_demo.serving import HEALTH_PATH


def start_demo(folder, *options):
    """A server in its own process; yields its address, then ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "espressivo", "demo", "--port", str(port), *options]
    with (folder / "log.txt").open("wb") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_healthy(url, server)
            yield url
        finally:
            server.terminate()


def wait_until_healthy(url, server):
    for _ in range(1200):
        try:
            with urllib.request.urlopen(url + HEALTH_PATH, timeout=5):  # noqa: S310 - a loopback address made above
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert server.poll() is None, "the demo server ended"
            time.sleep(0.1)
    pytest.fail("the demo did not answer within two minutes")


@pytest.fixture
def demo_with(tmp_path):
    """Starts a demo of its own with some options."""
    running = []

    def start(*options):
        running.append(start_demo(tmp_path, *options))
        return next(running[-1])

    yield start
    for server in running:
        next(server, None)


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory):
    yield from start_demo(tmp_path_factory.mktemp("demo"), "--max-upload", "4")


@pytest.fixture(scope="session")
def browser():
    if chromium_path() is None:
        pytest.fail("no Chromium found; install Debian's package chromium, or deselect with -m 'not browser'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(demo_url, browser):
    """A fresh page that has loaded the demo, and remembers requests and console errors."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(120_000)
    page.outside, page.errors = [], []
    page.on("request", lambda request: _note_outside(page, demo_url, request.url))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(demo_url)
    page.wait_for_selector("#timeline .band")
    yield page
    page.close()


def _note_outside(page, demo_url, url):
    if not url.startswith((demo_url, demo_url.replace("http", "ws", 1), "data:", "blob:")):
        page.outside.append(url)


@pytest.fixture
def client(demo_url):
    from gradio_client import Client

    return Client(demo_url, verbose=False)
