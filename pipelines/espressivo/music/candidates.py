"""Best of several: compose more than once, measure, keep the nearest to what was asked.

For measured attributes (``MusicSettings.attributes``) the plan's own attributes are bent by a cross-entropy search
(Rubinstein 1999): the rule composer reaches any subset of them. The learned composer takes them as conditions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan, Mode, MusicAttributes
from espressivo.errors import SettingError
from espressivo.music.asked import AttributeRow, checked_attributes, compare, mean_error
from espressivo.music.compose import compose
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import MODE_STEPS
from espressivo.progress import CancelToken
from espressivo.seeds import child_seed, numpy_generator

__all__ = ["MAX_CANDIDATES", "Candidate", "Choice", "Maker", "Piece", "compose_best"]

MAX_CANDIDATES: Final = 64
KNOBS: Final = (
    "tempo", "mode", "density", "register", "register_width", "velocity", "velocity_spread", "articulation", "dissonance",
    "irregularity",
)  # fmt: skip
GENERATION, NUM_ELITE = 8, 3
MAX_SEARCH, MIN_SEARCH = 40, 8
SEARCHED_S: Final = 60.0
"""Up to this length a search takes MAX_SEARCH compositions, beyond it fewer, so that its time is bounded."""
FIRST_SPREAD, LEAST_SPREAD = 0.8, 0.15
PLANS_SHARE: Final = 0.2
STRAYING_COST: Final = 0.02
"""Of a unit of every knob, against an error of one tolerance: what was not asked for stays as the emotion wants it."""
MODES_DARK_TO_BRIGHT: Final[tuple[Mode, ...]] = tuple(MODE_STEPS)


@dataclass(frozen=True, slots=True)
class Piece:
    """A score, and the stretch of it that is new and follows the plan (the score itself where all is new)."""

    score: Score
    new: Score


Maker = Callable[[EmotionPlan, int], Piece]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the pieces that were composed.

    Attributes:
        index: Place in the order of their making, from 0.
        distance: Mean error in tolerances: of the measured attributes asked for, plus a fifth of the plan's; of the plan's alone
            where none was.
        is_chosen: Whether it is the one that was kept.
    """

    index: int
    distance: float
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The piece that was kept, its attributes asked and achieved, and all candidates in the order of their making."""

    score: Score
    rows: tuple[AttributeRow, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    knobs: NDArray[np.float64]
    score: Score
    rows: tuple[AttributeRow, ...]

    @property
    def distance(self) -> float:
        plans = mean_error(row for row in self.rows if row.section is not None)
        measured = [row for row in self.rows if row.section is None]
        return mean_error(measured) + PLANS_SHARE * plans if measured else plans

    @property
    def cost(self) -> float:
        return self.distance + STRAYING_COST * float(np.square(self.knobs).sum())


def compose_best(
    plan: EmotionPlan,
    *,
    seed: int,
    settings: MusicSettings,
    num_candidates: int = 1,
    make: Maker | None = None,
    cancel: CancelToken | None = None,
) -> Choice:
    """Compose ``num_candidates`` pieces (more where attributes are asked for by rank) and keep the nearest.

    The first candidate is what :func:`espressivo.music.compose.compose` gives for the same seed.

    Args:
        plan: As for composing.
        seed: 0 or more.
        settings: As for composing, with ``attributes``.
        num_candidates: 1 to 64.
        make: Makes a piece from a plan and a seed; default composes one.
        cancel: Looked at before each candidate.

    Raises:
        SettingError: ``setting.candidates``, ``setting.attribute``, or as for composing.
        Cancelled: ``cancel`` was set.
    """
    if not 1 <= num_candidates <= MAX_CANDIDATES:
        raise SettingError("setting.candidates", f"{num_candidates} candidates; accepted: 1 to {MAX_CANDIDATES}")
    if _is_searched(settings):
        num_candidates = max(num_candidates, int(np.clip(MAX_SEARCH * SEARCHED_S / plan.duration_s, MIN_SEARCH, MAX_SEARCH)))
    search = _Search(plan, seed, settings, make or _composer(settings), cancel)
    attempts = search.run(num_candidates)
    best = min(attempts, key=lambda attempt: attempt.cost)
    return Choice(best.score, best.rows, tuple(Candidate(i, a.distance, a is best) for i, a in enumerate(attempts)))


def _is_searched(settings: MusicSettings) -> bool:
    """Whether ranks are asked for that the composer does not take as conditions."""
    return bool(checked_attributes(settings.attributes)) and settings.composer == "rules"


def _composer(settings: MusicSettings) -> Maker:
    def make(plan: EmotionPlan, seed: int) -> Piece:
        score = compose(plan, seed=seed, settings=settings)
        return Piece(score, score)

    return make


class _Search:
    """Composes candidates; where ranks are asked for, each generation begins where the best of all so far ended."""

    def __init__(self, plan: EmotionPlan, seed: int, settings: MusicSettings, make: Maker, cancel: CancelToken | None) -> None:
        self._plan, self._seed, self._settings, self._make, self._cancel = plan, seed, settings, make, cancel
        self._random = numpy_generator(seed, "candidates")

    def run(self, num_candidates: int) -> list[_Attempt]:
        centre = np.zeros(len(KNOBS))
        spread = np.full(len(KNOBS), FIRST_SPREAD if _is_searched(self._settings) else 0.0)
        attempts = [self._attempt(0, centre)]
        while len(attempts) < num_candidates:
            generation = min(GENERATION, num_candidates - len(attempts))
            knobs = centre + spread * self._random.standard_normal((generation, len(KNOBS)))
            attempts += [self._attempt(len(attempts) + i, np.clip(row, -2.5, 2.5)) for i, row in enumerate(knobs)]
            elite = np.stack([a.knobs for a in sorted(attempts, key=lambda attempt: attempt.cost)[:NUM_ELITE]])
            centre = elite.mean(axis=0)
            spread = np.where(spread > 0.0, np.maximum(0.6 * spread, LEAST_SPREAD), 0.0)
        return attempts

    def _attempt(self, index: int, knobs: NDArray[np.float64]) -> _Attempt:
        if self._cancel is not None:
            self._cancel.raise_if_cancelled()
        seed = self._seed if index == 0 else child_seed(self._seed, "candidate", str(index))
        piece = self._make(_bent(self._plan, knobs), seed)
        return _Attempt(knobs, piece.score, compare(piece.new, self._plan, self._settings))


def _bent(plan: EmotionPlan, knobs: NDArray[np.float64]) -> EmotionPlan:
    if not knobs.any():
        return plan
    turned = dict(zip(KNOBS, knobs.tolist(), strict=True))
    segments = [segment.model_copy(update={"music": _turned(segment.music, turned)}) for segment in plan.segments]
    return plan.model_copy(update={"segments": tuple(segments)})


def _turned(music: MusicAttributes, knobs: dict[str, float]) -> MusicAttributes:
    """Attributes moved by so many steps, each as large as listeners notice, within their ranges."""
    centre = 0.5 * (music.register_low + music.register_high) + 7.0 * knobs["register"]
    half = 0.5 * (music.register_high - music.register_low) * float(np.exp(0.4 * knobs["register_width"]))
    low = int(np.clip(round(centre - half), 28, 90))
    mode = MODES_DARK_TO_BRIGHT.index(music.mode) + round(knobs["mode"])
    return music.model_copy(
        update={
            "tempo_bpm": _scaled(music.tempo_bpm, 0.15 * knobs["tempo"], 40.0, 200.0),
            "mode": MODES_DARK_TO_BRIGHT[min(max(mode, 0), len(MODES_DARK_TO_BRIGHT) - 1)],
            "density_nps": _scaled(music.density_nps, 0.5 * knobs["density"], 0.5, 14.0),
            "register_low": low,
            "register_high": int(np.clip(round(centre + half), low + 7, 105)),
            "velocity": float(np.clip(music.velocity + 16.0 * knobs["velocity"], 15.0, 122.0)),
            "velocity_spread": _scaled(max(music.velocity_spread, 1.0), 0.6 * knobs["velocity_spread"], 1.0, 35.0),
            "articulation": _scaled(music.articulation, 0.4 * knobs["articulation"], 0.2, 1.2),
            "dissonance": float(np.clip(music.dissonance + 0.25 * knobs["dissonance"], 0.0, 1.0)),
            "irregularity": float(np.clip(music.irregularity + 0.25 * knobs["irregularity"], 0.0, 1.0)),
        }
    )


def _scaled(value: float, log_factor: float, low: float, high: float) -> float:
    return float(np.clip(value * np.exp(log_factor), low, high))
