"""Scripted users at a demo for a while: ``python -m espressivo_demo.soak --minutes 20 --json FILE``.

Each user plans, composes, films, runs batches, makes mistakes and changes their mind, one after the other, from a program. Told
are latencies, and whether memory, file descriptors and the folder for results stay flat. ``--clicks N`` measures instead, in a
browser, how long it takes from a click to the plan, the preview and the film, against the command line with the same settings.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from espressivo.resources import example_path
from espressivo_demo.screenshots import CHROMIUM_ARGUMENTS, chromium_path
from espressivo_demo.serving import HEALTH_PATH

if TYPE_CHECKING:
    from gradio_client import Client

__all__ = ["main"]

EMOTIONS: Final = ("joy", "quiet sadness", "calm -> panic -> relief", "joy:0.7+surprise:0.3", "I can't believe we won!")
QUICK: Final = {"consent": "synthetic_person", "size": 160}
KEEP_S: Final = 120
SAMPLE_S: Final = 10.0
START_LIMIT_S: Final = 180.0


@dataclass(slots=True)
class Told:
    """What the users saw, from several threads."""

    latencies_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def timed(self, name: str, act: Callable[[], Any]) -> None:
        """Do something and note how long it took, or that it failed."""
        began = time.monotonic()
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever a user sees is told
            with self.lock:
                self.failures.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
            return
        with self.lock:
            self.latencies_s[name].append(time.monotonic() - began)


def main() -> None:
    """Serve a demo, use it, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--users", type=int, default=4)
    parser.add_argument("--clicks", type=int, default=0, help="measure so many times in a browser instead")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espressivo-soak-") as folder:
        process, url = _served(Path(folder))
        try:
            told = _clicked(url, options.clicks) if options.clicks else _soaked(process.pid, url, options.users, options.minutes)
        finally:
            process.terminate()
            process.wait()
    text = json.dumps(told, indent=2)
    print(text)  # noqa: T201 - a command
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


def _served(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "espressivo", "demo", "--port", str(port), "--keep", str(KEEP_S)]
    # Everything that the server writes lies in one folder that can be measured.
    process = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(folder)})  # noqa: S603 - our own command
    url = f"http://127.0.0.1:{port}"
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up:
        with suppress(OSError), urllib.request.urlopen(url + HEALTH_PATH, timeout=5):  # noqa: S310 - a loopback address
            return process, url
        time.sleep(0.2)
    process.kill()
    message = "the demo did not start"
    raise RuntimeError(message)


def _soaked(pid: int, url: str, num_users: int, minutes: float) -> dict[str, Any]:
    told, stop = Told(), threading.Event()
    users = [threading.Thread(target=_use, args=(url, number, told, stop), daemon=True) for number in range(num_users)]
    for user in users:
        user.start()
    samples = []
    ends = time.monotonic() + 60 * minutes
    while time.monotonic() < ends:
        samples.append(_sample(pid))
        time.sleep(SAMPLE_S)
    stop.set()
    for user in users:
        user.join(timeout=120)
    return {
        "minutes": minutes,
        "users": num_users,
        "latencies_s": {name: _percentiles(values) for name, values in sorted(told.latencies_s.items())},
        "failures": told.failures,
        "server": {name: _course([sample[name] for sample in samples]) for name in samples[0]},
    }


def _use(url: str, number: int, told: Told, stop: threading.Event) -> None:
    from gradio_client import Client, handle_file

    choose = random.Random(number)
    client = Client(url, verbose=False)
    rounds = 0
    while not stop.is_set():
        rounds += 1
        if rounds % 10 == 0:  # leave and come back
            client.close()
            client = Client(url, verbose=False)
        emotion = choose.choice(EMOTIONS)
        face = handle_file(str(example_path(choose.choice(["portrait.png", "portrait_2.png"]))))
        told.timed("plan", lambda: client.predict(emotion, api_name="/plan"))  # noqa: B023 - called at once
        act = choose.choice(["compose", "talk", "talk", "batch", "mistake", "cancel"])
        told.timed(act, lambda: ACTS[act](client, emotion, face))  # noqa: B023 - as above


def _compose(client: Client, emotion: str, _face: object) -> None:
    client.predict(emotion=emotion, duration_s=4, api_name="/compose")


def _talk(client: Client, emotion: str, face: object) -> None:
    client.predict(portrait=face, emotion=emotion, duration_s=2, settings=QUICK, api_name="/talking_head")


def _batch(client: Client, emotion: str, _face: object) -> None:
    from gradio_client import handle_file

    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as manifest:
        manifest.write(json.dumps({"kind": "plan", "emotion": emotion}) + "\n")
        manifest.flush()
        client.predict(manifest=handle_file(manifest.name), api_name="/batch")


def _mistake(client: Client, _emotion: str, face: object) -> None:
    from gradio_client.exceptions import AppError

    with suppress(AppError):
        client.predict(portrait=face, emotion="hapiness", settings=QUICK, api_name="/talking_head")
        message = "a mistake went through"
        raise RuntimeError(message)


def _cancel(client: Client, emotion: str, face: object) -> None:
    job = client.submit(portrait=face, emotion=emotion, duration_s=60, settings=QUICK, api_name="/talking_head")
    time.sleep(2.0)
    job.cancel()


ACTS: Final[dict[str, Callable[[Any, str, object], None]]] = {
    "compose": _compose,
    "talk": _talk,
    "batch": _batch,
    "mistake": _mistake,
    "cancel": _cancel,
}


def _sample(pid: int) -> dict[str, float]:
    """Memory in MB, open file descriptors, threads and MB below the server's temporary folder."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    temporary = Path(Path(f"/proc/{pid}/cwd").readlink())
    size = 0
    for folder, _, names in os.walk(temporary):  # which passes over what is removed meanwhile
        for name in names:
            with suppress(OSError):
                size += Path(folder, name).stat().st_size
    return {
        "memory_mb": int(values["VmRSS"].split()[0]) / 1024,
        "file_descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": int(values["Threads"]),
        "folder_mb": size / 1e6,
    }


def _course(values: list[float]) -> dict[str, float]:
    """Means of the four quarters of the time, and the highest value: what grows without end shows in the last quarters."""
    quarters = [float(np.mean(part)) for part in np.array_split(values, 4) if len(part)]
    return {f"quarter_{index + 1}": round(value, 1) for index, value in enumerate(quarters)} | {"highest": round(max(values), 1)}


def _percentiles(values: list[float]) -> dict[str, float]:
    return {
        "count": len(values),
        "p50": round(float(np.percentile(values, 50)), 2),
        "p95": round(float(np.percentile(values, 95)), 2),
        "highest": round(max(values), 2),
    }


def _clicked(url: str, count: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    told = Told()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(300_000)
        told.timed("first load to controls", lambda: (page.goto(url), page.wait_for_selector("#timeline .band")))
        page.wait_for_selector("#strip img")
        page.locator("#talk-settings > button").first.click()
        page.fill("#size input[type=number]", "256")
        page.locator("#size input[type=number]").press("Tab")
        for index in range(count):
            words = ("joy turning to fear", "anger turning to relief")[index % 2]
            page.fill("#words textarea", words)
            old = page.inner_html("#strip")
            first = words.split(maxsplit=1)[0]
            began = time.monotonic()
            page.click("#think")
            page.wait_for_selector(f"#timeline .band >> text={first}")
            told.latencies_s["click to plan"].append(time.monotonic() - began)
            page.wait_for_function("old => document.querySelector('#strip').innerHTML !== old", arg=old)
            page.wait_for_selector(f"#strip figcaption >> text={first}")
            told.latencies_s["click to preview"].append(time.monotonic() - began)
            shown = page.get_attribute("#video video", "src") if page.locator("#video video").count() else ""
            began = time.monotonic()
            page.click("#film")
            page.wait_for_function(
                "old => { const v = document.querySelector('#video video'); return v && v.src && v.src !== old; }",
                arg=shown or "",
            )
            told.latencies_s["click to film"].append(time.monotonic() - began)
            told.timed("command line, the same film", lambda: _by_command(words))  # noqa: B023 - called at once
        browser.close()
    return {"latencies_s": {name: _percentiles(values) for name, values in told.latencies_s.items()}, "failures": told.failures}


def _by_command(words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "espressivo", "talk", "--portrait", str(example_path("portrait.png")), "--speech",
            str(example_path("speech.wav")), "--transcript", str(example_path("speech.txt")), "--emotion", words, "--size", "256",
            "--consent", "synthetic_person", "--label", "--quiet", "-o", f"{folder}/talk.mp4",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command


if __name__ == "__main__":
    main()
