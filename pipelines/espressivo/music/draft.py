"""Notes as written, before they are performed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SIXTEENTH", "DraftNote"]

SIXTEENTH = 120


@dataclass(frozen=True, slots=True)
class DraftNote:
    """A note on the grid of the score.

    Attributes:
        start_tick: Notated start.
        duration_ticks: Notated length.
        pitch: MIDI pitch.
        role: Part that plays it.
        weight: Loudness against the others, in velocity steps; 0 is the part's own level.
    """

    start_tick: int
    duration_ticks: int
    pitch: int
    role: str
    weight: float = 0.0

    @property
    def end_tick(self) -> int:
        """Notated end."""
        return self.start_tick + self.duration_ticks
