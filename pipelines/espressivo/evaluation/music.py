"""How well the music says what it should: emotion by judges, attributes asked against given, quality beside real music, speed.

python -m espressivo.evaluation.music --data FOLDER [--quick] [--json FILE]     # FOLDER holds music/emopia
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.emotion.plan import VAD, EmotionPlan, EmotionSegment
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.evaluation.music_judge import TIMELESS_NAMES, Judge, cross_validated, recalls
from espressivo.music.achieved import measure_attributes
from espressivo.music.attributes import ATTRIBUTE_NAMES, NoteTable
from espressivo.music.compose import compose
from espressivo.music.composer_model import CHECKPOINT
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.synthesis import synthesise
from espressivo.resources import home
from espressivo.seeds import numpy_generator
from espressivo.training.emopia import read_clips, value_matrix

__all__ = ["MusicFigure", "evaluate_music"]

Floats = NDArray[np.float64]
SEED = 2023
VELOCITY_FREE = tuple(name for name in ATTRIBUTE_NAMES if not name.startswith("velocity"))
JUDGES: dict[str, tuple[Literal["kernel", "linear"], tuple[str, ...], float | None, float | None]] = {
    "all attributes": ("kernel", ATTRIBUTE_NAMES, None, None),
    "velocity-free": ("kernel", VELOCITY_FREE, 0.55, 0.4),
    "velocity- and tempo-free": ("linear", TIMELESS_NAMES, None, None),
}
"""Kind, attributes, and the floors of accuracy and least recall. Flat velocity alone sways a judge that hears it."""
PIECE_S = 30.0
CENTRES = {1: (0.65, 0.6), 2: (-0.65, 0.6), 3: (-0.65, -0.55), 4: (0.65, -0.55)}
"""Valence and arousal of the quadrants' targets, as far out as strong everyday emotions; pieces scatter around them by .12."""
SPREAD = 0.12
PIANO = MusicSettings(palette="piano")
"""The judges know nothing but piano."""
EARLY = 60
"""Ticks by which a note may come before the bar that it belongs to."""
CONTROLS: dict[str, tuple[float, float]] = {
    "tempo_bpm": (45, 180),
    "density_nps": (1.5, 9),
    "velocity": (30, 115),
    "velocity_spread": (3, 20),
    "articulation": (0.3, 1.0),
    "dissonance": (0.0, 0.8),
    "irregularity": (0.0, 0.8),
    "register_low": (40, 64),
}


@dataclass(frozen=True, slots=True)
class MusicFigure:
    """A measured figure as ``espressivo evaluate`` reports it."""

    name: str
    value: float
    unit: str
    better: str
    floor: float | None
    interval: tuple[float, float] | None
    baselines: dict[str, float] = field(default_factory=dict)
    source: str = ""


def evaluate_music(data: Path | None, *, quick: bool) -> list[MusicFigure]:
    """All figures; without ``data`` those that need no real clips.

    Args:
        data: Folder with ``music/emopia``, or ``None``.
        quick: Fewer pieces, same names.
    """
    figures = [*_controls(4 if quick else 12), *_arc(3 if quick else 20), *_validity(40 if quick else 1000), *_speed()]
    if data is not None and (data / "music" / "emopia" / "midis").is_dir():
        figures += _emotion(data / "music" / "emopia", 15 if quick else 100)
    return figures


# --- emotion by judges -------------------------------------------------------------------------------------------------


def _plan_at(valence: float, arousal: float, dominance: float, duration_s: float, seed: int) -> EmotionPlan:
    point = np.clip([valence, arousal, dominance], -1.0, 1.0).tolist()
    vad = VAD(valence=point[0], arousal=point[1], dominance=point[2])
    return plan_emotion(EmotionRequest(vad=vad, duration_s=duration_s), seed=seed)


def _pieces(num: int, write: Callable[[EmotionPlan, int], Score]) -> tuple[list[Score], NDArray[np.int64]]:
    """``num`` pieces for each quadrant."""
    scores, wanted = [], []
    for quadrant, (valence, arousal) in CENTRES.items():
        for index in range(num):
            random = numpy_generator(SEED, "target", str(quadrant), str(index))
            shift = random.normal(0.0, SPREAD, 2)
            plan = _plan_at(valence + shift[0], arousal + shift[1], float(random.uniform(-0.4, 0.5)), PIECE_S, index)
            scores.append(write(plan, index))
            wanted.append(quadrant)
    return scores, np.array(wanted)


def _by_rules(plan: EmotionPlan, seed: int) -> Score:
    return compose(plan, seed=seed, settings=PIANO)


def _by_model(plan: EmotionPlan, seed: int) -> Score:
    return compose(plan, seed=seed, settings=PIANO.model_copy(update={"composer": "model"}))


def _emotion(emopia: Path, num: int) -> list[MusicFigure]:
    """Quadrants by three judges, each beside real clips of unheard songs, shuffled targets and the learned composer."""
    clips = read_clips(emopia)
    real = value_matrix([clip.table for clip in clips])
    labels = np.array([clip.quadrant for clip in clips])
    songs = [clip.song for clip in clips]
    scores, wanted = _pieces(num, _by_rules)
    made = value_matrix([NoteTable.of_score(score) for score in scores])
    others = {}
    if (home() / "checkpoints" / CHECKPOINT).is_dir():
        learned, _ = _pieces(num, _by_model)
        others["transformer"] = value_matrix([NoteTable.of_score(score) for score in learned])
    figures = []
    for title, (kind, names, floor, recall_floor) in JUDGES.items():
        ceiling = float((cross_validated(kind, names, real, labels, songs) == labels).mean())
        judge = Judge.fit(kind, names, real, labels)
        verdicts = judge.quadrants(made)
        shuffled = numpy_generator(SEED, "shuffle").permutation(wanted)
        baselines = {
            "real clips, songs held out": ceiling,
            "shuffled targets": float((verdicts == shuffled).mean()),
            "chance": 0.25,
        }
        baselines |= {name: float((judge.quadrants(values) == wanted).mean()) for name, values in others.items()}
        source = f"{4 * num} pieces of {PIECE_S:g} s for piano; judge ({kind}) trained on EMOPIA"
        hits = verdicts == wanted
        figures.append(
            MusicFigure(
                f"4Q accuracy, judge: {title}", float(hits.mean()), "", "higher", floor, _interval(hits), baselines, source
            )
        )
        shares = recalls(wanted, verdicts)
        by_quadrant = {f"Q{quadrant}": float(share) for quadrant, share in enumerate(shares, 1)}
        least = float(shares.min())
        figures.append(MusicFigure(f"least recall, judge: {title}", least, "", "higher", recall_floor, None, by_quadrant, source))
        figures += _axes(wanted, verdicts, title)
    return figures + _quality(real, made)


def _axes(wanted: NDArray[np.int64], verdicts: NDArray[np.int64], title: str) -> list[MusicFigure]:
    arousal = np.isin(wanted, (1, 2)) == np.isin(verdicts, (1, 2))
    valence = np.isin(wanted, (1, 4)) == np.isin(verdicts, (1, 4))
    return [
        MusicFigure(
            f"arousal accuracy, judge: {title}", float(arousal.mean()), "", "higher", None, _interval(arousal), {"chance": 0.5}
        ),
        MusicFigure(
            f"valence accuracy, judge: {title}", float(valence.mean()), "", "higher", None, _interval(valence), {"chance": 0.5}
        ),
    ]


def _interval(hits: NDArray[np.bool_]) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    n, p, z = hits.size, float(hits.mean()), 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return float(centre - half), float(centre + half)


def _quality(real: Floats, made: Floats) -> list[MusicFigure]:
    """Means of some attributes beside those of the real clips; no floor, a reader judges."""
    figures = []
    for name in (
        "pitch_sd",
        "notes_per_onset",
        "sounding_pitches",
        "pitch_class_entropy",
        "out_of_scale",
        "gap_npvi",
        "notes_per_s",
    ):
        column = ATTRIBUTE_NAMES.index(name)
        spread = 1.96 * float(made[:, column].std()) / np.sqrt(len(made))
        mean = float(made[:, column].mean())
        baselines = {"real clips": float(real[:, column].mean()), "real clips, standard deviation": float(real[:, column].std())}
        figures.append(
            MusicFigure(f"mean {name}", mean, "", "nearer to real", None, (mean - spread, mean + spread), baselines, "EMOPIA")
        )
    return figures


# --- control, validity, speed ------------------------------------------------------------------------------------------


def _with_attributes(plan: EmotionPlan, changes: dict[str, float]) -> EmotionPlan:
    """The plan with other values of some attributes in all segments."""
    segments: list[EmotionSegment] = []
    for segment in plan.segments:
        values = segment.music.model_dump() | changes
        values["register_low"] = round(values["register_low"])
        values["register_high"] = max(values["register_high"], values["register_low"] + 16)
        segments.append(segment.model_copy(update={"music": type(segment.music).model_validate(values)}))
    return plan.model_copy(update={"segments": tuple(segments)})


def _controls(num: int) -> list[MusicFigure]:
    """Rank correlation of asked and given for every attribute, the others as the quadrants have them."""
    figures = []
    for name, (low, high) in CONTROLS.items():
        asked, given = [], []
        for quadrant, (valence, arousal) in CENTRES.items():
            for index in range(num):
                value = float(numpy_generator(SEED, name, str(quadrant), str(index)).uniform(low, high))
                plan = _with_attributes(_plan_at(valence, arousal, 0.0, 20.0, index), {name: value})
                score = compose(plan, seed=index, settings=MusicSettings())
                asked.append(value)
                given.append(float(measure_attributes(score, score.sections[0])[name]))
        rank = float(spearmanr(asked, given).statistic)
        source = f"Spearman over {len(asked)} pieces, rule composer"
        figures.append(MusicFigure(f"control of {name}", rank, "", "higher", 0.7, None, {"no control": 0.0}, source))
    return figures


def _arc(num: int) -> list[MusicFigure]:
    """From sadness (Q3) to joy (Q1): tempo and density of the bars must rise with time."""
    ranks = []
    for index in range(num):
        request = EmotionRequest.model_validate(
            {
                "keyframes": [{"time_s": 10.0 * k, "mixture": {"sadness": 4.0 - k, "joy": k + 0.01}} for k in range(4)],
                "duration_s": 40.0,
            }
        )
        score = compose(plan_emotion(request, seed=index), seed=index, settings=MusicSettings())
        density = [
            len(score.notes_between(a - EARLY, b - EARLY)) / (score.seconds(b) - score.seconds(a)) for a, b in score.bars()
        ]
        ranks.append(float(spearmanr(np.arange(len(density)), density).statistic))
    spread = 1.96 * float(np.std(ranks)) / np.sqrt(num)
    mean = float(np.mean(ranks))
    return [
        MusicFigure(
            "arc: density rises bar by bar", mean, "", "higher", 0.7, (mean - spread, mean + spread), {}, f"{num} arcs Q3 to Q1"
        )
    ]


def _validity(num: int) -> list[MusicFigure]:
    """Share of pieces that survive MIDI unchanged and last as long as they must."""
    good = []
    for index in range(num):
        random = numpy_generator(SEED, "validity", str(index))
        duration_s = float(random.uniform(1.0, 40.0))
        valence, arousal, dominance = random.uniform(-1.0, 1.0, 3).tolist()
        plan = _plan_at(valence, arousal, dominance, duration_s, index)
        score = compose(plan, seed=index, settings=MusicSettings())
        good.append(Score.from_midi_bytes(score.to_midi_bytes()) == score and abs(score.duration_s - duration_s) < 1e-3)
    hits = np.array(good)
    return [MusicFigure("valid and of exact length", float(hits.mean()), "", "higher", 1.0, _interval(hits), {}, f"{num} pieces")]


def _speed() -> list[MusicFigure]:
    plan = _plan_at(0.6, 0.5, 0.2, 30.0, 0)
    started = time.process_time()
    score = compose(plan, seed=0, settings=MusicSettings())
    composed = time.process_time()
    synthesise(score)
    played = time.process_time()
    note = "processor time of one run"
    return [
        MusicFigure("seconds to compose 30 s", composed - started, "s", "lower", 10.0, None, {}, note),
        MusicFigure("seconds to play 30 s", played - composed, "s", "lower", 10.0, None, {}, note),
    ]


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = evaluate_music(arguments.data, quick=arguments.quick)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", encoding="utf-8")
    show = partial(print, flush=True)
    for figure in figures:
        low = "" if figure.floor is None else f"  (floor {figure.floor:g})"
        others = ", ".join(f"{name} {value:.3f}" for name, value in figure.baselines.items())
        show(f"{figure.name:48} {figure.value:8.3f} {figure.unit}{low}  {others}")


if __name__ == "__main__":
    main()
