"""What a command says at its end: the files it wrote, how long they last, where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from espressivo.console import print_json, print_table

__all__ = ["RunReport"]


@dataclass(frozen=True, slots=True)
class RunReport:
    """The end of a run.

    Attributes:
        files: What was written.
        duration_s: Length of the result.
        seconds: Time by stage.
        wall_s: Time from the start of the command to its end.
        seed: The seed that was used.
        warnings: What the user should know.
    """

    files: Sequence[Path]
    duration_s: float
    seconds: dict[str, float]
    wall_s: float
    seed: int
    warnings: Sequence[str] = ()

    @property
    def real_time_factor(self) -> float:
        """Seconds spent per second of result."""
        return self.wall_s / self.duration_s

    def show(self, *, as_json: bool) -> None:
        """As a table, or as JSON."""
        if as_json:
            print_json(
                {
                    "files": [path.as_posix() for path in self.files],
                    "duration_s": round(self.duration_s, 3),
                    "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
                    "wall_s": round(self.wall_s, 3),
                    "real_time_factor": round(self.real_time_factor, 3),
                    "seed": self.seed,
                    "warnings": list(self.warnings),
                }
            )
            return
        print_table("Files", ("file", "kB"), [(path.as_posix(), f"{path.stat().st_size / 1024:.0f}") for path in self.files])
        rows = [
            ("  " + stage.partition("/")[2] if "/" in stage else stage, f"{value:.2f}", f"{value / self.duration_s:.3f}")
            for stage, value in self.seconds.items()
        ]
        rows.append(("all, with start-up", f"{self.wall_s:.2f}", f"{self.real_time_factor:.3f}"))
        title = f"{self.duration_s:.2f} s of result, seed {self.seed}"
        print_table(title, ("stage", "seconds", "real-time factor"), rows)
        for warning in self.warnings:
            print_table("", ("note",), [(warning,)])
