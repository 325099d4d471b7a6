"""Whether music does as it is told: attributes asked and achieved, emotion made continuous, arcs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.evaluation.figures import Figure, bootstrap_interval, share_interval
from espressivo.evaluation.music_pieces import CENTRES, EARLY_TICKS, PIANO, SEED, Piece, Writer, Writers, plan_at
from espressivo.music.achieved import measure_attributes
from espressivo.music.asked import RANK_TOLERANCE, attribute_rank
from espressivo.music.attributes import NoteTable, measure
from espressivo.music.candidates import compose_best
from espressivo.music.conditions import CONDITION_NAMES
from espressivo.music.score import Score
from espressivo.music.theory import MODE_BRIGHTNESS, MODE_STEPS
from espressivo.seeds import numpy_generator

__all__ = ["measure_arc", "measure_attribute_control", "measure_continuity", "measure_plan_control"]

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
FLOOR = 0.7
COMPOSERS: tuple[Writer, ...] = ("model", "rules")


def _spearman(asked: Sequence[float], given: Sequence[float]) -> float:
    """0 where one of them never changes: nothing was followed."""
    if np.ptp(asked) == 0.0 or np.ptp(given) == 0.0:
        return 0.0
    return float(spearmanr(asked, given).statistic)


def measure_attribute_control(writers: Writers, num: int, num_searches: int, duration_s: float) -> list[Figure]:
    """Each attribute that the model knows, asked for alone by rank in ``num`` pieces, against what is measured of them.

    Args:
        writers: Who write.
        num: Pieces for each attribute.
        num_searches: Attributes for which the rule composer searches too.
        duration_s: Length of the pieces.
    """
    ranks = (np.arange(num) + 0.5) / num
    pieces, settings = [], []
    for name in CONDITION_NAMES:
        for index, rank in enumerate(ranks.tolist()):
            valence, arousal = CENTRES[1 + index % 4]
            pieces.append((plan_at(0.5 * valence, 0.5 * arousal, 0.0, duration_s, index), index))
            settings.append(PIANO.model_copy(update={"attributes": {name: rank}}))
    measured = [measure(NoteTable.of_score(score)) for score in writers.write(pieces, "model", settings)]
    given = {
        name: [values[name] for values in measured[place * num : (place + 1) * num]] for place, name in enumerate(CONDITION_NAMES)
    }
    followed = {name: _spearman(ranks.tolist(), values) for name, values in given.items()}
    achieved = {name: np.array([attribute_rank(name, value) for value in values]) for name, values in given.items()}
    failing = sorted((name for name, value in followed.items() if value < FLOOR), key=lambda name: followed[name])
    values = list(followed.values())
    low, high = np.percentile(
        np.median(numpy_generator(SEED, "median").choice(values, (2000, len(values))), axis=1), [2.5, 97.5]
    ).tolist()
    source = f"Spearman of rank asked and value measured, {num} pieces of {duration_s:g} s for each of {len(values)} attributes"
    near = np.concatenate([np.abs(achieved[name] - ranks) <= RANK_TOLERANCE for name in CONDITION_NAMES])
    return [
        Figure(
            "control.attributes.median", float(np.median(values)), "", "higher", FLOOR, (low, high), {"no control": 0.0}, source
        ),
        Figure(
            "control.attributes.failing",
            float(len(failing)),
            "attributes",
            "lower",
            baselines={name: followed[name] for name in failing},
            source=f"below {FLOOR:g}: those named; the rest of {len(values)} reach it",
        ),
        Figure(
            "control.sliders.met",
            float(near.mean()),
            "",
            "higher",
            None,
            share_interval(near),
            {"rules, by search": _sought(num_searches, duration_s), "shuffled targets": _by_chance(achieved, ranks)},
            f"ranks within {RANK_TOLERANCE:g} of the one asked for, the same pieces; no choosing among several",
        ),
        *(
            Figure(f"control.{name}", value, "", "higher", baselines={"no control": 0.0}, source=source)
            for name, value in followed.items()
        ),
    ]


def _by_chance(achieved: dict[str, Floats], ranks: Floats) -> float:
    """Share of ranks met when every piece is compared with every rank asked for."""
    return float(np.mean([np.abs(values[:, None] - ranks[None, :]) <= RANK_TOLERANCE for values in achieved.values()]))


def _sought(num: int, duration_s: float) -> float:
    """Share of ranks that the rule composer reaches by its search, one for each of ``num`` attributes."""
    met = []
    for index, name in enumerate(CONDITION_NAMES[:: len(CONDITION_NAMES) // num]):
        valence, arousal = CENTRES[1 + index % 4]
        plan = plan_at(0.5 * valence, 0.5 * arousal, 0.0, duration_s, index)
        rank = 0.1 + 0.2 * (index % 5)
        row = compose_best(plan, seed=index, settings=PIANO.model_copy(update={"attributes": {name: rank}})).rows[-1]
        met.append(row.achieved is not None and abs(float(row.achieved) - rank) <= RANK_TOLERANCE)
    return float(np.mean(met))


def _with_attributes(plan: EmotionPlan, changes: dict[str, float]) -> EmotionPlan:
    """The plan with other values of some attributes in all segments."""
    segments = []
    for segment in plan.segments:
        values = segment.music.model_dump() | changes
        values["register_low"] = round(values["register_low"])
        values["register_high"] = max(values["register_high"], values["register_low"] + 16)
        segments.append(segment.model_copy(update={"music": type(segment.music).model_validate(values)}))
    return plan.model_copy(update={"segments": tuple(segments)})


def measure_plan_control(writers: Writers, num: int, duration_s: float) -> list[Figure]:
    """Rank correlation of asked and given for the plan's own attributes, the others as the quadrants have them."""
    figures = []
    for name, (low, high) in PLAN_CONTROLS.items():
        pieces: list[Piece] = []
        asked: list[float] = []
        for index in range(num):
            valence, arousal = CENTRES[1 + index % 4]
            asked.append(float(numpy_generator(SEED, name, str(index)).uniform(low, high)))
            pieces.append((_with_attributes(plan_at(valence, arousal, 0.0, duration_s, index), {name: asked[-1]}), index))
        ranks = {}
        for composer in COMPOSERS:
            given = [measure_attributes(score, score.sections[0])[name] for score in writers.write(pieces, composer)]
            ranks[composer] = _spearman(asked, [float(value) for value in given])
        source = f"Spearman over {len(asked)} pieces of {duration_s:g} s, the others as the quadrants have them"
        others = {"rules": ranks["rules"], "no control": 0.0}
        figures.append(Figure(f"control.plan.{name}", ranks["model"], "", "higher", FLOOR, None, others, source))
    return figures


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
                ranks.setdefault(name, {})[composer] = _spearman(steps.tolist(), means.tolist())
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
    """From sadness (Q3) to joy (Q1): density and loudness of the bars must rise with time."""
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
        source = f"mean Spearman of bar and {name} over {num} arcs of {duration_s:g} s"
        mean = float(np.mean(values))
        figures.append(Figure(f"arc.{name}", mean, "", "higher", FLOOR, bootstrap_interval(values), others, source))
    return figures


def _rise(score: Score) -> tuple[float, float]:
    bars = [(a, b, score.notes_between(a - EARLY_TICKS, b - EARLY_TICKS)) for a, b in score.bars()]
    density = [len(notes) / (score.seconds(b) - score.seconds(a)) for a, b, notes in bars]
    velocity = [float(np.mean([note.velocity for note in notes])) if notes else 0.0 for _, _, notes in bars]
    places = list(range(len(bars)))
    return _spearman(places, density), _spearman(places, velocity)
