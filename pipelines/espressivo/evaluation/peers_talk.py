"""The whole of ``espressivo talk`` against the clock: start of Python, libraries, reading, listening, drawing, encoding."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from espressivo.evaluation.figures import Figure
from espressivo.media.audio import load_audio, save_wav
from espressivo.media.clip import AudioClip
from espressivo.resources import example_path

__all__ = ["measure_talk", "talk_figures"]

SIZE: Final = 512
# How often the bundled speech is said: once, and four times for a film of half a minute.
TIMES: Final = (1, 4)
BACKENDS: Final = ("diffusion", "procedural")
NAMES: Final = ("talk_512_short", "talk_512_long", "talk_512_start", "talk_512_real_time_from")
WHAT: Final = (
    "`espressivo talk --size 512` as typed, all of its wall time; words not given; the default motion; one run, no interval"
)


def measure_talk(cores: Sequence[int]) -> list[Figure]:
    """Wall seconds per second of film at two lengths, and what follows from them.

    Args:
        cores: Processors to run on: two, or the figures are skipped.
    """
    if len(cores) < 2:
        return [Figure(f"peers.{name}", None, "", "lower", source="skipped: --quick, or one core") for name in NAMES]
    speech = load_audio(example_path("speech.wav"))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{times}.wav" for times in TIMES]
        for path, times in zip(paths, TIMES, strict=True):
            save_wav(AudioClip(np.tile(speech.samples, (1, times)), speech.sample_rate_hz), path)
        _spent_s(paths[0], BACKENDS[0], cores)  # what is compiled at first use is compiled now, as it is for every user but once
        spent_s = {backend: (_spent_s(paths[0], backend, cores), _spent_s(paths[1], backend, cores)) for backend in BACKENDS}
    return talk_figures((TIMES[0] * speech.duration_s, TIMES[1] * speech.duration_s), spent_s)


def talk_figures(lengths_s: tuple[float, float], spent_s: dict[str, tuple[float, float]]) -> list[Figure]:
    """What two films tell: a fixed start and a cost of each second, on a straight line.

    Args:
        lengths_s: Of the films.
        spent_s: By backend of motion, wall seconds of each.
    """
    short_s, long_s = lengths_s
    slopes = {name: (long - short) / (long_s - short_s) for name, (short, long) in spent_s.items()}
    starts = {name: short - slopes[name] * short_s for name, (short, _) in spent_s.items()}
    even = {name: starts[name] / (1.0 - slope) for name, slope in slopes.items() if slope < 1.0}
    short_rates = {name: short / short_s for name, (short, _) in spent_s.items()}
    long_rates = {name: long / long_s for name, (_, long) in spent_s.items()}
    return [
        _figure("talk_512_short", "s/s", short_rates, f"{short_s:.1f} s of speech; {WHAT}"),
        _figure("talk_512_long", "s/s", long_rates, f"{long_s:.1f} s of speech; {WHAT}", 1.0),
        _figure("talk_512_start", "s", starts, "time for a film of no length, from the two rows above"),
        _figure(
            "talk_512_real_time_from",
            "s",
            even,
            "length from which a film takes less than it lasts, from the same rows; none where a second costs more than a second",
        ),
    ]


def _figure(name: str, unit: str, values: dict[str, float], source: str, floor: float | None = None) -> Figure:
    others = {backend: value for backend, value in values.items() if backend != BACKENDS[0]}
    return Figure(f"peers.{name}", values.get(BACKENDS[0]), unit, "lower", floor, None, others, source)


def _spent_s(speech: Path, backend: str, cores: Sequence[int]) -> float:
    command = [
        sys.executable,
        "-m",
        "espressivo",
        "talk",
        "--portrait",
        str(example_path("portrait.png")),
        "--speech",
        str(speech),
    ]
    options = [
        "--emotion",
        "joy",
        "--size",
        str(SIZE),
        "--motion",
        backend,
        "--seed",
        "1",
        "--consent",
        "synthetic_person",
        "--quiet",
    ]

    def confine() -> None:
        os.sched_setaffinity(0, cores)

    started = time.perf_counter()
    output = ["--output", str(speech.with_suffix(".mp4"))]
    subprocess.run([*command, *options, *output], preexec_fn=confine, capture_output=True, check=True)  # noqa: S603 - our own command
    return time.perf_counter() - started
