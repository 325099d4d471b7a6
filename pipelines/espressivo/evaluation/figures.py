"""What a measurement gives: a figure with its floor, its uncertainty and what it is compared with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from espressivo.resources import home

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Figure", "as_report", "bootstrap_interval", "missed", "rows", "share_interval"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        name: Stable, with dots, e.g. ``"lips.closures_hit"``.
        value: The measurement; ``None`` when it was skipped, which is never a pass.
        unit: ``""`` for a plain ratio.
        better: Which direction is good.
        floor: What is asked for at least (or at most, where lower is better); ``None`` asks for nothing.
        interval: 95 % confidence interval.
        baselines: What the same measure gives for others, in the same run.
        published: What others report under another protocol, with its source in the name; not comparable, shown for scale.
        source: Data and protocol; says why where interval or baselines are missing, or why it was skipped.
    """

    name: str
    value: float | None
    unit: str
    better: Literal["higher", "lower"]
    floor: float | None = None
    interval: tuple[float, float] | None = None
    baselines: dict[str, float] = field(default_factory=dict)
    source: str = ""
    published: dict[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the floor is reached; ``None`` without a floor or a value."""
        if self.floor is None or self.value is None:
            return None
        return self.value >= self.floor if self.better == "higher" else self.value <= self.floor


def missed(figures: Sequence[Figure]) -> list[Figure]:
    """Figures that miss their floor."""
    return [figure for figure in figures if figure.met is False]


def as_report(topic: str, figures: Sequence[Figure], command: str) -> dict[str, Any]:
    """The figures as JSON values, with what a reader needs to get them again: command, version, commit, machine, date."""
    return {
        "topic": topic,
        "command": command,
        "version": version("espressivo"),
        **_commit(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "figures": [json.loads(json.dumps(_values(figure))) for figure in figures],
    }


def _commit() -> dict[str, str]:
    """The commit of the source tree; nothing where the package was installed without one."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 - wherever git is
            cwd=home(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return {}
    return {"commit": done.stdout.strip()} if done.returncode == 0 else {}


def _values(figure: Figure) -> dict[str, Any]:
    names = ("name", "value", "unit", "better", "floor", "interval", "baselines", "source", "published")
    return {name: getattr(figure, name) for name in names}


def rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """Rows of a table: name, value, interval, floor, verdict, baselines."""
    verdicts = {True: "met", False: "MISSED", None: ""}
    return [
        (
            figure.name,
            "skipped" if figure.value is None else f"{figure.value:.3g} {figure.unit}".strip(),
            "" if figure.interval is None else f"{figure.interval[0]:.3g}..{figure.interval[1]:.3g}",
            "" if figure.floor is None else f"{figure.floor:g}",
            verdicts[figure.met],
            ", ".join(f"{name} {value:.3g}" for name, value in figure.baselines.items()),
        )
        for figure in figures
    ]


def bootstrap_interval(values: Sequence[float], *, seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean (Efron 1979)."""
    import numpy as np

    data = np.asarray(values, float)
    picks = np.random.Generator(np.random.PCG64(seed)).integers(0, len(data), (draws, len(data)))
    low, high = np.percentile(data[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def share_interval(hits: NDArray[np.bool_]) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    n, p, z = hits.size, float(hits.mean()), 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return centre - half, centre + half
