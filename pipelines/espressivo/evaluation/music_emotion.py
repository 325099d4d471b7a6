"""Whether music is recognised for the emotion that was asked for: three judges, five composers, real clips."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from espressivo.evaluation.figures import Figure
from espressivo.evaluation.music_judge import TIMELESS_NAMES, Judge, cross_validated, recalls
from espressivo.evaluation.music_pieces import PIECE_S, SEED, Writer, targets, write
from espressivo.evaluation.music_quality import measure_quality
from espressivo.music.attributes import ATTRIBUTE_NAMES, NoteTable
from espressivo.seeds import numpy_generator
from espressivo.training.emopia import Clip, read_clips, value_matrix

__all__ = ["measure_emotion", "share_interval"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
VELOCITY_FREE = tuple(name for name in ATTRIBUTE_NAMES if not name.startswith("velocity"))
JUDGES: dict[str, tuple[Literal["kernel", "linear"], tuple[str, ...], float | None, float | None]] = {
    "velocity_free": ("kernel", VELOCITY_FREE, 0.55, 0.4),
    "all": ("kernel", ATTRIBUTE_NAMES, None, None),
    "velocity_and_tempo_free": ("linear", TIMELESS_NAMES, None, None),
}
"""Kind, attributes, and the floors of accuracy and least recall. Flat velocity alone sways a judge that hears it."""
OTHERS: tuple[Writer, ...] = ("rules", "attributes hidden", "unconditioned", "no theme returns")


def measure_emotion(emopia: Path, num: int) -> list[Figure]:
    """Quadrants by three judges trained on real clips alone, and the quality of the same pieces.

    Args:
        emopia: Folder of EMOPIA.
        num: Pieces a quadrant by the model and the rules; a half for the ablations.
    """
    clips = read_clips(emopia)
    real = value_matrix([clip.table for clip in clips])
    pieces, wanted = targets(num)
    scores = {"model": write(pieces, "model")}
    sides = {"model": wanted}
    for writer in OTHERS:
        own, sides[writer] = targets(num if writer == "rules" else max(num // 2, 1), is_neutral=writer == "unconditioned")
        scores[writer] = write(own, writer)
    made = {name: value_matrix([NoteTable.of_score(score) for score in own]) for name, own in scores.items()}
    figures = []
    for title in JUDGES:
        figures += _judged(title, clips, real, made, sides)
    return figures + measure_quality(clips, real, scores, made, sides)


def _judged(title: str, clips: list[Clip], real: Floats, made: dict[str, Floats], wanted: dict[str, Ints]) -> list[Figure]:
    kind, names, floor, recall_floor = JUDGES[title]
    labels = np.array([clip.quadrant for clip in clips])
    on_real = cross_validated(kind, names, real, labels, [clip.song for clip in clips])
    judge = Judge.fit(kind, names, real, labels)
    verdicts = {name: judge.quadrants(values) for name, values in made.items()}
    asked, heard = wanted["model"], verdicts["model"]
    shuffled = numpy_generator(SEED, "shuffle").permutation(asked)

    def rows(score: str) -> dict[str, float]:
        pairs = {"real clips, songs held out": (labels, on_real), "shuffled targets": (shuffled, heard)}
        pairs |= {name: (wanted[name], verdicts[name]) for name in OTHERS}
        return {name: _scores(*pair)[score] for name, pair in pairs.items()}

    hits = heard == asked
    scores = _scores(asked, heard)
    source = (
        f"{len(asked)} pieces of {PIECE_S:g} s for piano, no choosing; {kind} judge of {len(names)} attributes trained on EMOPIA"
    )
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


def share_interval(hits: NDArray[np.bool_]) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    n, p, z = hits.size, float(hits.mean()), 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return float(centre - half), float(centre + half)
