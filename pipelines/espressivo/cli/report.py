"""What a command says at its end: the files it wrote, how long they last, where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from espressivo.console import print_json, print_table

if TYPE_CHECKING:
    from espressivo.music.asked import AttributeRow
    from espressivo.music.candidates import Candidate

__all__ = ["RunReport"]

NUM_SHOWN = 8
"""Candidates in the table; JSON has them all."""


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
        attributes: Music: what was asked for and what was achieved.
        candidates: Music: the pieces that were composed.
    """

    files: Sequence[Path]
    duration_s: float
    seconds: dict[str, float]
    wall_s: float
    seed: int
    warnings: Sequence[str] = ()
    attributes: Sequence[AttributeRow] = field(default=())
    candidates: Sequence[Candidate] = field(default=())

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
                | self._music()
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
        self._show_music()
        for warning in self.warnings:
            print_table("", ("note",), [(warning,)])

    def _music(self) -> dict[str, object]:
        if not self.candidates:
            return {}
        return {
            "attributes": [asdict(row) | {"is_met": row.is_met} for row in self.attributes],
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }

    def _show_music(self) -> None:
        if not self.candidates:
            return
        rows = [
            (row.label, row.name, _shown(row.asked), _shown(row.achieved), "yes" if row.is_met else "no")
            for row in self.attributes
        ]
        print_table("Asked and achieved", ("section", "attribute", "asked", "achieved", "met"), rows)
        if len(self.candidates) > 1:
            nearest = sorted(self.candidates, key=lambda candidate: candidate.distance)[:NUM_SHOWN]
            tried = [(str(c.index), f"{c.distance:.3f}", "kept" if c.is_chosen else "") for c in nearest]
            title = f"The nearest of {len(self.candidates)} candidates"
            print_table(title, ("candidate", "distance in tolerances", ""), tried)


def _shown(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.3g}"
