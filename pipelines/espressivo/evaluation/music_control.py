"""Whether music does as it is told: attributes asked and achieved, emotion made continuous, arcs, hard constraints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.evaluation.music_emotion import share_interval
from espressivo.evaluation.music_pieces import CENTRES, PIANO, SEED, Piece, Writer, plan_at, write
from espressivo.music.achieved import measure_attributes
from espressivo.music.attributes import NoteTable, measure
from espressivo.music.conditions import CONDITION_NAMES
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import MODE_BRIGHTNESS, MODE_STEPS, Key
from espressivo.seeds import numpy_generator

__all__ = ["measure_arc", "measure_attribute_control", "measure_continuity", "measure_plan_control", "measure_validity"]

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
CONTROL_S = 12.0
ARC_S = 40.0
EARLY_TICKS = 60
"""By which a note may come before the bar that it belongs to."""
TEMPO_TOLERANCE = 0.25
COMPOSERS: tuple[Writer, ...] = ("model", "rules")


def _spearman(asked: Sequence[float], given: Sequence[float]) -> float:
    """0 where one of them never changes: nothing was followed."""
    if np.ptp(asked) == 0.0 or np.ptp(given) == 0.0:
        return 0.0
    return float(spearmanr(asked, given).statistic)


def measure_attribute_control(num: int) -> list[Figure]:
    """Each attribute that the model knows, asked for alone by rank in ``4 * num`` pieces, against what is measured of them."""
    pieces: list[Piece] = []
    settings: list[MusicSettings] = []
    asked: list[float] = []
    for name in CONDITION_NAMES:
        for quadrant, (valence, arousal) in CENTRES.items():
            for index in range(num):
                pieces.append((plan_at(0.5 * valence, 0.5 * arousal, 0.0, CONTROL_S, index), 10 * quadrant + index))
                asked.append((index + 0.5) / num)
                settings.append(PIANO.model_copy(update={"attributes": {name: asked[-1]}}))
    given = [measure(NoteTable.of_score(score)) for score in write(pieces, "model", settings)]
    size = 4 * num
    ranks: dict[str, float] = {}
    for place, name in enumerate(CONDITION_NAMES):
        own = slice(place * size, (place + 1) * size)
        ranks[name] = _spearman(asked[own], [values[name] for values in given[own]])
    failing = [name for name, rank in ranks.items() if rank < FLOOR]
    values = list(ranks.values())
    low, high = np.percentile(
        np.median(numpy_generator(SEED, "median").choice(values, (2000, len(values))), axis=1), [2.5, 97.5]
    ).tolist()
    source = (
        f"Spearman of rank asked and value measured over {size} pieces of {CONTROL_S:g} s for each of {len(ranks)} attributes"
    )
    return [
        Figure(
            "control.attributes.median", float(np.median(values)), "", "higher", FLOOR, (low, high), {"no control": 0.0}, source
        ),
        Figure(
            "control.attributes.failing",
            float(len(failing)),
            "attributes",
            "lower",
            baselines={name: ranks[name] for name in failing},
            source=f"below {FLOOR:g}: those named; the rest of {len(ranks)} reach it",
        ),
        *(
            Figure(f"control.{name}", rank, "", "higher", baselines={"no control": 0.0}, source=source)
            for name, rank in ranks.items()
        ),
    ]


def _with_attributes(plan: EmotionPlan, changes: dict[str, float]) -> EmotionPlan:
    """The plan with other values of some attributes in all segments."""
    segments = []
    for segment in plan.segments:
        values = segment.music.model_dump() | changes
        values["register_low"] = round(values["register_low"])
        values["register_high"] = max(values["register_high"], values["register_low"] + 16)
        segments.append(segment.model_copy(update={"music": type(segment.music).model_validate(values)}))
    return plan.model_copy(update={"segments": tuple(segments)})


def measure_plan_control(num: int) -> list[Figure]:
    """Rank correlation of asked and given for the plan's own attributes, the others as the quadrants have them."""
    figures = []
    for name, (low, high) in PLAN_CONTROLS.items():
        pieces: list[Piece] = []
        asked: list[float] = []
        for quadrant, (valence, arousal) in CENTRES.items():
            for index in range(num):
                asked.append(float(numpy_generator(SEED, name, str(quadrant), str(index)).uniform(low, high)))
                pieces.append((_with_attributes(plan_at(valence, arousal, 0.0, CONTROL_S, index), {name: asked[-1]}), index))
        ranks = {}
        for composer in COMPOSERS:
            given = [measure_attributes(score, score.sections[0])[name] for score in write(pieces, composer)]
            ranks[composer] = _spearman(asked, [float(value) for value in given])
        source = f"Spearman over {len(asked)} pieces of {CONTROL_S:g} s"
        others = {"rules": ranks["rules"], "no control": 0.0}
        figures.append(Figure(f"control.plan.{name}", ranks["model"], "", "higher", FLOOR, None, others, source))
    return figures


def measure_continuity(num_steps: int, num: int) -> list[Figure]:
    """Arousal and valence raised in small steps: do the means of what should rise rise?"""
    steps = np.linspace(-0.9, 0.9, num_steps)
    figures = []
    for axis, names in (("arousal", ("tempo_bpm", "density_nps", "velocity")), ("valence", ("brightness",))):
        pieces = []
        for step in steps.tolist():
            valence, arousal = (0.2, step) if axis == "arousal" else (step, 0.1)
            pieces += [(plan_at(valence, arousal, 0.0, CONTROL_S, index), index) for index in range(num)]
        ranks: dict[str, dict[str, float]] = {}
        for composer in COMPOSERS:
            given = [_achieved(score) for score in write(pieces, composer)]
            for name in names:
                means = np.array([row[name] for row in given]).reshape(num_steps, num).mean(axis=1)
                ranks.setdefault(name, {})[composer] = _spearman(steps.tolist(), means.tolist())
        for name in names:
            source = f"Spearman of {axis} and the mean of {num} pieces at each of {num_steps} steps; 1 is monotone"
            others = {"rules": ranks[name]["rules"], "no control": 0.0}
            figures.append(Figure(f"continuous.{axis}.{name}", ranks[name]["model"], "", "higher", 0.9, None, others, source))
    return figures


def _achieved(score: Score) -> dict[str, float]:
    values = measure_attributes(score, score.sections[0])
    brightness = MODE_BRIGHTNESS[next(mode for mode in MODE_STEPS if mode == values["mode"])]
    return {name: float(values[name]) for name in ("tempo_bpm", "density_nps", "velocity")} | {"brightness": brightness}


def measure_arc(num: int) -> list[Figure]:
    """From sadness (Q3) to joy (Q1): density and loudness of the bars must rise with time."""
    pieces = []
    for index in range(num):
        request = EmotionRequest.model_validate(
            {
                "keyframes": [{"time_s": ARC_S / 4 * k, "mixture": {"sadness": 4.0 - k, "joy": k + 0.01}} for k in range(4)],
                "duration_s": ARC_S,
            }
        )
        pieces.append((plan_emotion(request, seed=index), index))
    rises = {composer: [_rise(score) for score in write(pieces, composer)] for composer in COMPOSERS}
    figures = []
    for place, name in enumerate(("density", "velocity")):
        values = [pair[place] for pair in rises["model"]]
        others = {"rules": float(np.mean([pair[place] for pair in rises["rules"]])), "no control": 0.0}
        source = f"mean Spearman of bar and {name} over {num} arcs of {ARC_S:g} s"
        mean = float(np.mean(values))
        figures.append(Figure(f"arc.{name}", mean, "", "higher", FLOOR, bootstrap_interval(values), others, source))
    return figures


def _rise(score: Score) -> tuple[float, float]:
    bars = [(a, b, score.notes_between(a - EARLY_TICKS, b - EARLY_TICKS)) for a, b in score.bars()]
    density = [len(notes) / (score.seconds(b) - score.seconds(a)) for a, b, notes in bars]
    velocity = [float(np.mean([note.velocity for note in notes])) if notes else 0.0 for _, _, notes in bars]
    places = list(range(len(bars)))
    return _spearman(places, density), _spearman(places, velocity)


PROGRESSIONS = ("I IV V I", "i VI III VII", "I vi IV V", "i iv V7 i")


def measure_validity(num: int) -> list[Figure]:
    """Pieces anywhere in valence, arousal and dominance under hard constraints: what is valid, what was kept to."""
    pieces: list[Piece] = []
    settings = []
    for index in range(num):
        random = numpy_generator(SEED, "validity", str(index))
        valence, arousal, dominance = random.uniform(-1.0, 1.0, 3).tolist()
        progression = PROGRESSIONS[index % len(PROGRESSIONS)]
        changes: dict[str, float | str] = {
            "tonic": int(random.integers(12)),
            "mode": "minor" if progression[0] == "i" else "major",
        }
        changes |= {"tempo_bpm": float(random.uniform(60, 160))} if index % 2 else {}
        changes |= {"chords": progression} if index % 3 == 0 else {}
        pieces.append((plan_at(valence, arousal, dominance, float(random.uniform(2.0, 15.0)), index), index))
        settings.append(MusicSettings.model_validate(changes))
    scores = write(pieces, "model", settings)
    kept = [_kept(score, plan, own) for score, (plan, _), own in zip(scores, pieces, settings, strict=True)]
    figures = []
    for name in kept[0]:
        hits = np.array([row[name] for row in kept if row[name] is not None], bool)
        source = f"{hits.size} pieces of 2 to 15 s; by construction, so nothing to compare with"
        figures.append(Figure(f"constraint.{name}", float(hits.mean()), "", "higher", 1.0, share_interval(hits), {}, source))
    return figures


def _kept(score: Score, plan: EmotionPlan, settings: MusicSettings) -> dict[str, bool | None]:
    """What was asked and whether it is so; ``None`` where it was not asked."""
    key = score.keys[0].key
    tempo = 60.0 * score.end_tick / 480 / score.duration_s
    first = score.chords[0].chord.root
    return {
        "valid_midi": Score.from_midi_bytes(score.to_midi_bytes()) == score,
        "duration": abs(score.duration_s - plan.duration_s) < 1e-3,
        "key": key == Key(settings.tonic or 0, settings.mode or "major"),
        "tempo": None if settings.tempo_bpm is None else abs(np.log(tempo / settings.tempo_bpm)) < TEMPO_TOLERANCE,
        "chords": None if settings.chords is None else first == settings.tonic and _in_harmony(score),
    }


def _in_harmony(score: Score) -> bool:
    """Whether every chord's tones sound more than the tones outside key and chord."""
    for span in score.chords:
        sounding = [note.pitch % 12 for note in score.notes_between(span.start_tick - EARLY_TICKS, span.end_tick - EARLY_TICKS)]
        foreign = [pitch for pitch in sounding if pitch not in {*span.chord.pitch_classes, *score.keys[0].key.pitch_classes}]
        if foreign:
            return False
    return True
