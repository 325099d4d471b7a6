"""A demo server on a free loopback port, and a browser for it."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "espressivo", "demo", "--port", str(port)]
    folder = tmp_path_factory.mktemp("demo")
    with (folder / "log.txt").open("wb") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_it_answers(url, server)
            yield url
        finally:
            server.terminate()


def _wait_until_it_answers(url, server):
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - a loopback address made above
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert server.poll() is None, "the demo server ended"
            time.sleep(0.1)
    pytest.fail("the demo did not answer within a minute")


@pytest.fixture
def page(demo_url):
    """A fresh page that has loaded the demo, and remembers requests and console errors."""
    if CHROMIUM is None:
        pytest.fail("no Chromium found; install Debian's package chromium, or deselect with -m 'not browser'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.outside, page.errors = [], []
        page.on("request", lambda request: _note_outside(page, demo_url, request.url))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.goto(demo_url)
        page.wait_for_selector("#think", timeout=60_000)
        yield page
        browser.close()


def _note_outside(page, demo_url, url):
    if not url.startswith((demo_url, demo_url.replace("http", "ws", 1), "data:", "blob:")):
        page.outside.append(url)
