"""Whether music does as its plan says: the plan's attributes asked and achieved, emotion made continuous, arcs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.evaluation.music_attributes import FLOOR, correlation, mild_plans, not_asked
from espressivo.evaluation.music_pieces import EARLY_TICKS, Piece, Writer, Writers, plan_at
from espressivo.music.achieved import measure_attributes
from espressivo.music.score import Score, Section
from espressivo.music.theory import MODE_BRIGHTNESS, MODE_STEPS

__all__ = ["measure_arc", "measure_continuity", "measure_plan_control"]

Floats = NDArray[np.float64]
PLAN_CONTROLS: dict[str, tuple[float, float]] = {
    "tempo_bpm": (45, 180),
    "density_nps": (1.5, 9),
    "velocity": (30, 115),
    "velocity_spread": (3, 20),
    "articulation": (0.3, 1.0),
    "dissonance": (0.0, 0.8),
    "irregularity": (0.0, 0.8),
    "register_low": (48, 70),
}
"""Attributes of the plan and the range in which they are asked for."""
COMPOSERS: tuple[Writer, ...] = ("model", "rules")


def _with_attributes(plan: EmotionPlan, changes: dict[str, float]) -> EmotionPlan:
    """The plan with other values of some attributes in all segments."""
    segments = []
    for segment in plan.segments:
        values = segment.music.model_dump() | changes
        values["register_low"] = round(values["register_low"])
        values["register_high"] = max(values["register_high"], values["register_low"] + 16)
        segments.append(segment.model_copy(update={"music": type(segment.music).model_validate(values)}))
    return plan.model_copy(update={"segments": tuple(segments)})


def measure_plan_control(writers: Writers, num_plans: int, num_values: int, duration_s: float) -> list[Figure]:
    """Rank correlation of asked and given for the plan's own attributes, within each plan and with the same seed.

    Args:
        writers: Who write.
        num_plans: Plans for each attribute; the correlations' mean is taken.
        num_values: Values asked for in each plan, evenly over the attribute's range; no control: plans as they are, other seeds.
        duration_s: Length of the pieces.
    """
    plans = mild_plans(num_plans, duration_s)
    asked = {name: np.linspace(low, high, num_values) for name, (low, high) in PLAN_CONTROLS.items()}
    pieces: list[Piece] = [
        (_with_attributes(plan, {name: value}), seed) for name in asked for plan, seed in plans for value in asked[name].tolist()
    ]
    followed = {composer: _followed(writers.write(pieces, composer), asked, num_plans) for composer in COMPOSERS}
    by_chance = _followed(writers.write(not_asked(plans, num_values), "rules") * len(asked), asked, num_plans)
    source = f"Spearman over {num_values} values in each of {num_plans} plans of {duration_s:g} s, same seed; mean of the plans"
    figures = []
    for name in asked:
        ranks = followed["model"][name]
        others = {"rules": float(np.mean(followed["rules"][name])), "no control": float(np.mean(by_chance[name]))}
        interval = bootstrap_interval(ranks) if num_plans > 1 else None
        figures.append(Figure(f"control.plan.{name}", float(np.mean(ranks)), "", "higher", FLOOR, interval, others, source))
    return figures


def _followed(scores: Sequence[Score], asked: dict[str, Floats], num_plans: int) -> dict[str, list[float]]:
    """Correlation within each plan by attribute, of pieces in the order of attribute, plan and value."""
    rows = iter([measure_attributes(score, score.sections[0]) for score in scores])
    return {
        name: [correlation(values, [float(row[name]) for row in islice(rows, len(values))]) for _ in range(num_plans)]
        for name, values in asked.items()
    }


def measure_continuity(writers: Writers, num_steps: int, num: int, duration_s: float) -> list[Figure]:
    """Arousal and valence raised in small steps: do the means of what should rise rise?"""
    steps = np.linspace(-0.9, 0.9, num_steps)
    figures = []
    for axis, names in (("arousal", ("tempo_bpm", "density_nps", "velocity")), ("valence", ("brightness",))):
        pieces = []
        for step in steps.tolist():
            valence, arousal = (0.2, step) if axis == "arousal" else (step, 0.1)
            pieces += [(plan_at(valence, arousal, 0.0, duration_s, index), index) for index in range(num)]
        ranks: dict[str, dict[str, float]] = {}
        for composer in COMPOSERS:
            given = [_achieved(score) for score in writers.write(pieces, composer)]
            for name in names:
                means = np.array([row[name] for row in given]).reshape(num_steps, num).mean(axis=1)
                ranks.setdefault(name, {})[composer] = correlation(steps.tolist(), means.tolist())
        for name in names:
            source = f"Spearman of {axis} and the mean of {num} pieces of {duration_s:g} s at each of {num_steps} steps"
            others = {"rules": ranks[name]["rules"], "no control": 0.0}
            figures.append(Figure(f"continuous.{axis}.{name}", ranks[name]["model"], "", "higher", 0.9, None, others, source))
    return figures


def _achieved(score: Score) -> dict[str, float]:
    values = measure_attributes(score, score.sections[0])
    brightness = MODE_BRIGHTNESS[next(mode for mode in MODE_STEPS if mode == values["mode"])]
    return {name: float(values[name]) for name in ("tempo_bpm", "density_nps", "velocity")} | {"brightness": brightness}


def measure_arc(writers: Writers, num: int, duration_s: float) -> list[Figure]:
    """From sadness (Q3) to joy (Q1): onsets a second and loudness of the bars must rise with time."""
    pieces = []
    for index in range(num):
        request = EmotionRequest.model_validate(
            {
                "keyframes": [{"time_s": duration_s / 4 * k, "mixture": {"sadness": 4.0 - k, "joy": k + 0.01}} for k in range(4)],
                "duration_s": duration_s,
            }
        )
        pieces.append((plan_emotion(request, seed=index), index))
    rises = {composer: [_rise(score) for score in writers.write(pieces, composer)] for composer in COMPOSERS}
    figures = []
    for place, name in enumerate(("density", "velocity")):
        values = [pair[place] for pair in rises["model"]]
        others = {"rules": float(np.mean([pair[place] for pair in rises["rules"]])), "no control": 0.0}
        source = f"mean Spearman of bar, the last left out, and {name} over {num} arcs of {duration_s:g} s"
        mean = float(np.mean(values))
        figures.append(Figure(f"arc.{name}", mean, "", "higher", FLOOR, bootstrap_interval(values), others, source))
    return figures


def _rise(score: Score) -> tuple[float, float]:
    """Spearman of time with the bars' onsets a second, and with their loudness; the last bar is an ending, held by design."""
    bars = [Section(max(start - EARLY_TICKS, 0), end - EARLY_TICKS, "") for start, end in score.bars()[:-1]]
    density = [float(measure_attributes(score, bar)["density_nps"]) for bar in bars]
    notes = [score.notes_between(bar.start_tick, bar.end_tick) for bar in bars]
    velocity = [float(np.mean([note.velocity for note in bar])) if bar else 0.0 for bar in notes]
    places = list(range(len(bars)))
    return correlation(places, density), correlation(places, velocity)
