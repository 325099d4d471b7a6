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
OURS, WITH_WORDS, BY_RULES = "as it is", "its words given", "--motion procedural"
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
    words = example_path("speech.txt").read_text(encoding="utf-8")
    spent_s: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for times in TIMES:
            save_wav(AudioClip(np.tile(speech.samples, (1, times)), speech.sample_rate_hz), folder / f"{times}.wav")
            (folder / f"{times}.txt").write_text(f"{words}\n" * times, encoding="utf-8")
        _spent_s(folder, TIMES[0], OURS, cores)  # what is compiled at first use is compiled now, as it is for every user but once
        for way in (OURS, WITH_WORDS, BY_RULES):
            spent_s[way] = (_spent_s(folder, TIMES[0], way, cores), _spent_s(folder, TIMES[1], way, cores))
    return talk_figures((TIMES[0] * speech.duration_s, TIMES[1] * speech.duration_s), spent_s)


def talk_figures(lengths_s: tuple[float, float], spent_s: dict[str, tuple[float, float]]) -> list[Figure]:
    """What two films tell: a fixed start and a cost of each second, on a straight line.

    Args:
        lengths_s: Of the films.
        spent_s: Wall seconds of each, by the way that they were made.
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
    others = {way: value for way, value in values.items() if way != OURS}
    return Figure(f"peers.{name}", values.get(OURS), unit, "lower", floor, None, others, source)


def _spent_s(folder: Path, times: int, way: str, cores: Sequence[int]) -> float:
    files = ["--portrait", str(example_path("portrait.png")), "--speech", f"{times}.wav", "--output", "talk.mp4"]
    options = ["--emotion", "joy", "--size", str(SIZE), "--seed", "1", "--consent", "synthetic_person", "--quiet"]
    own = {OURS: [], WITH_WORDS: ["--transcript", f"{times}.txt"], BY_RULES: ["--motion", "procedural"]}[way]
    command = [sys.executable, "-m", "espressivo", "talk", *files, *options, *own]

    def confine() -> None:
        os.sched_setaffinity(0, cores)

    started = time.perf_counter()
    subprocess.run(command, cwd=folder, preexec_fn=confine, capture_output=True, check=True)  # noqa: S603 - our own command
    return time.perf_counter() - started
