"""Whether music is recognised for the emotion that was asked for: three judges, five composers, real clips."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from espressivo.evaluation.figures import Figure, share_interval
from espressivo.evaluation.music_judge import TIMELESS_NAMES, Judge, cross_validated, recalls
from espressivo.evaluation.music_pieces import SEED, Writer, Writers, neutral, targets
from espressivo.evaluation.music_quality import measure_quality
from espressivo.music.attributes import ATTRIBUTE_NAMES, NoteTable
from espressivo.music.score import Score
from espressivo.seeds import numpy_generator
from espressivo.training.emopia import Clip, read_clips, value_matrix

__all__ = ["measure_emotion"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
VELOCITY_FREE = tuple(name for name in ATTRIBUTE_NAMES if not name.startswith("velocity"))
JUDGES: dict[str, tuple[Literal["kernel", "linear"], tuple[str, ...], float | None, float | None]] = {
    "velocity_free": ("kernel", VELOCITY_FREE, 0.55, 0.4),
    "all": ("kernel", ATTRIBUTE_NAMES, None, None),
    "velocity_and_tempo_free": ("linear", TIMELESS_NAMES, None, None),
}
"""Kind, attributes, and the floors of accuracy and least recall. Flat velocity alone sways a judge that hears it."""
WRITERS: tuple[Writer, ...] = ("model", "rules", "unconditioned", "attributes hidden", "no theme returns")
ABLATED = ("attributes hidden", "no theme returns")


def measure_emotion(
    writers: Writers, emopia: Path, num: int, num_ablated: int, duration_s: float
) -> tuple[list[Figure], list[Score]]:
    """Quadrants by three judges trained on real clips alone, and the quality of the same pieces.

    Args:
        writers: Who write.
        emopia: Folder of EMOPIA.
        num: Pieces a quadrant by the model and the rules, and pieces of the unconditioned model.
        num_ablated: Pieces a quadrant by the model without attributes and without returning themes.
        duration_s: Length of the pieces.

    Returns:
        The figures, and the pieces of the model.
    """
    clips = read_clips(emopia)
    real = value_matrix([clip.table for clip in clips])
    scores: dict[str, list[Score]] = {}
    sides: dict[str, Ints] = {}
    for writer in WRITERS:
        own, sides[writer] = targets(num_ablated if writer in ABLATED else num, duration_s)
        if writer == "unconditioned":  # knows no target, so each of its pieces is heard against all four
            scores[writer] = 4 * writers.write(neutral(num, duration_s), writer)
        else:
            scores[writer] = writers.write(own, writer)
    made = {name: value_matrix([NoteTable.of_score(score) for score in own]) for name, own in scores.items()}
    figures = [figure for title in JUDGES for figure in _judged(title, clips, real, made, sides, duration_s)]
    return figures + measure_quality(clips, real, scores, made, sides, duration_s), scores["model"]


def _judged(
    title: str, clips: list[Clip], real: Floats, made: dict[str, Floats], wanted: dict[str, Ints], duration_s: float
) -> list[Figure]:
    kind, names, floor, recall_floor = JUDGES[title]
    labels = np.array([clip.quadrant for clip in clips])
    on_real = cross_validated(kind, names, real, labels, [clip.song for clip in clips])
    judge = Judge.fit(kind, names, real, labels)
    verdicts = {name: judge.quadrants(values) for name, values in made.items()}
    asked, heard = wanted["model"], verdicts["model"]
    shuffled = numpy_generator(SEED, "shuffle").permutation(asked)

    def rows(score: str) -> dict[str, float]:
        pairs = {"real clips, songs held out": (labels, on_real), "shuffled targets": (shuffled, heard)}
        pairs |= {name: (wanted[name], verdicts[name]) for name in WRITERS[1:]}
        return {name: _scores(*pair)[score] for name, pair in pairs.items()}

    hits = heard == asked
    scores = _scores(asked, heard)
    source = f"{len(asked)} pieces of {duration_s:g} s, piano, no choosing; {kind} judge of {len(names)} attributes of EMOPIA"
    arousal = np.isin(asked, (1, 2)) == np.isin(heard, (1, 2))
    valence = np.isin(asked, (1, 4)) == np.isin(heard, (1, 4))
    figures = [
        Figure(
            f"emotion.{title}.accuracy", scores["accuracy"], "", "higher", floor, share_interval(hits), rows("accuracy"), source
        ),
        Figure(
            f"emotion.{title}.arousal", scores["arousal"], "", "higher", None, share_interval(arousal), rows("arousal"), source
        ),
        Figure(
            f"emotion.{title}.valence", scores["valence"], "", "higher", None, share_interval(valence), rows("valence"), source
        ),
    ]
    for quadrant in range(1, 5):
        name = f"emotion.{title}.recall_q{quadrant}"
        own = share_interval(hits[asked == quadrant])
        value = scores[f"recall_q{quadrant}"]
        figures.append(Figure(name, value, "", "higher", recall_floor, own, rows(f"recall_q{quadrant}"), source))
    return figures


def _scores(asked: Ints, heard: Ints) -> dict[str, float]:
    scores = {
        "accuracy": float((asked == heard).mean()),
        "arousal": float((np.isin(asked, (1, 2)) == np.isin(heard, (1, 2))).mean()),
        "valence": float((np.isin(asked, (1, 4)) == np.isin(heard, (1, 4))).mean()),
    }
    return scores | {f"recall_q{quadrant}": float(share) for quadrant, share in enumerate(recalls(asked, heard), 1)}
