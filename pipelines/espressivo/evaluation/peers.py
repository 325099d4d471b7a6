"""Ours beside networks of the sizes that a user would pick instead, in one run on one machine: speed and memory, not quality.

Their weights are random: what they would draw or play is not looked at. Their audio encoders, feature extractors and encoding of
the video are left out, which favours them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from espressivo.batch.engine_local import THREAD_VARIABLES
from espressivo.evaluation.figures import Figure
from espressivo.evaluation.peers_talk import measure_talk

__all__ = ["evaluate"]

MEBIBYTE: Final = 1024 * 1024
ABOUT: Final = "peers' sizes with random weights, for speed and memory only"
SINGLE: Final = "one run, no interval"
# Runs after one another in one process; the interval shown is from the least to the greatest.
REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class _Contest:
    """Tasks that make the same kind of output.

    Attributes:
        name: Of the figures.
        ours: Our task, the default one.
        others: Name in the table and task of each other.
        ours_s: Seconds of output asked of ours.
        theirs_s: And of the others, which may need minutes for a frame.
    """

    name: str
    ours: str
    others: dict[str, str]
    ours_s: float
    theirs_s: float


CONTESTS: Final = (
    _Contest("render_256", "render_256", {"LivePortrait-sized": "render_256_liveportrait_sized"}, 1.0, 0.04),
    _Contest("render_512", "render_512", {"LivePortrait-sized": "render_512_liveportrait_sized"}, 1.0, 0.04),
    _Contest(
        "motion",
        "motion_diffusion",
        {
            "our rules and statistics": "motion_procedural",
            "Ditto-sized, 50 steps": "motion_ditto_sized_50_steps",
            "Ditto-sized, 10 steps": "motion_ditto_sized_10_steps",
            "JoyVASA-sized, 500 steps": "motion_joyvasa_sized_500_steps",
        },
        3.0,
        4.0,
    ),
    _Contest("music", "music_rules", {"our model": "music_model", "EmoGen-sized": "music_emogen_sized"}, 20.0, 8.0),
)
# How much longer the longer run is.
LENGTHENING: Final = 3.0


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of a second of output; of several runs the median, with the least and the greatest."""

    wall_s: float
    cpu_s: float
    cpu_range_s: tuple[float, float]
    peak_bytes: float


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """Seconds per second of output on one core and two, memory, growth with length and resolution, and the whole command.

    Args:
        data: Not needed.
        quick: One run on one core only, and nothing longer.
    """
    del data
    figures: list[Figure] = []
    one_core: dict[str, dict[str, _Cost]] = {}
    cores = sorted(os.sched_getaffinity(0))
    repeats = 1 if quick else REPEATS
    for contest in CONTESTS:
        tasks = {"ours": contest.ours, **contest.others}
        lengths = {name: contest.ours_s if name.startswith("our") else contest.theirs_s for name in tasks}
        one = {name: _measured(task, lengths[name], cores[:1], repeats) for name, task in tasks.items()}
        one_core[contest.name] = one
        figures += _on_one_core(contest.name, one, repeats)
        if quick or len(cores) < 2:
            names = [f"peers.{contest.name}_{kind}" for kind in ("wall_two_cores", "growth_with_length")]
            figures += [Figure(name, None, "", "lower", source="skipped: --quick, or one core") for name in names]
            continue
        two = {name: _measured(task, lengths[name], cores[:2], 1) for name, task in tasks.items()}
        what = f"{ABOUT}; encoding left out; {SINGLE}"
        figures.append(_figure(f"{contest.name}_wall_two_cores", "s/s", {n: c.wall_s for n, c in two.items()}, what))
        longer = {name: _measured(task, lengths[name] * LENGTHENING, cores[:1], 1) for name, task in tasks.items()}
        growth = {name: longer[name].cpu_s / one[name].cpu_s for name in tasks}
        source = f"{ABOUT}; cost of a second of output at {LENGTHENING:g} times the length, against before; {SINGLE}"
        figures.append(_figure(f"{contest.name}_growth_with_length", "", growth, source))
    small, large = one_core["render_256"], one_core["render_512"]
    growth = {name: large[name].cpu_s / small[name].cpu_s for name in small}
    source = f"{ABOUT}; cost at 512 px against 256 px, with four times the pixels; quotient of the rows above"
    figures.append(_figure("render_growth_with_resolution", "", growth, source))
    return figures + measure_talk([] if quick else cores[:2])


def _on_one_core(name: str, one: dict[str, _Cost], repeats: int) -> list[Figure]:
    ranges = "; ".join(f"{task} {cost.cpu_range_s[0]:.3g}-{cost.cpu_range_s[1]:.3g}" for task, cost in one.items())
    source = f"{ABOUT}; encoding left out; median of {repeats} runs, least and greatest: {ranges}"
    memory = {task: cost.peak_bytes / MEBIBYTE for task, cost in one.items()}
    interval = one["ours"].cpu_range_s if repeats > 1 else None
    return [
        _figure(f"{name}_cpu_one_core", "s/s", {n: c.cpu_s for n, c in one.items()}, source, interval),
        _figure(f"{name}_peak_memory", "MB", memory, f"{ABOUT}; whole process with libraries; {SINGLE}"),
    ]


def _figure(name: str, unit: str, values: dict[str, float], source: str, interval: tuple[float, float] | None = None) -> Figure:
    baselines = {other: value for other, value in values.items() if other != "ours"}
    return Figure(f"peers.{name}", values["ours"], unit, "lower", None, interval, baselines, source)


def _measured(task: str, seconds: float, cores: list[int], repeats: int) -> _Cost:
    """Cost of a second of output, in a process of its own that has only these cores."""
    threads = dict.fromkeys(THREAD_VARIABLES, str(len(cores)))
    command = [sys.executable, "-m", "espressivo.evaluation.peers_tasks", task, str(seconds), str(repeats)]

    def confine() -> None:
        os.sched_setaffinity(0, cores)

    done = subprocess.run(command, env=os.environ | threads, preexec_fn=confine, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    told = json.loads(done.stdout)
    cpu_s = [run["cpu_s"] / run["output_s"] for run in told["runs"]]
    wall_s = [run["wall_s"] / run["output_s"] for run in told["runs"]]
    return _Cost(median(wall_s), median(cpu_s), (min(cpu_s), max(cpu_s)), told["peak_bytes"])
