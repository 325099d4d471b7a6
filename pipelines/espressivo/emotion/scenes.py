"""Long text as a sequence of scenes: sentences read one by one, neighbours with one feeling joined, laid over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from espressivo.emotion.reading import Reading, read_text
from espressivo.emotion.sentences import split_sentences

__all__ = ["TextScene", "text_scenes"]

MIN_SCENE_S = 1.6
MAX_SCENES = 24
JOIN_FROM_COSINE = 0.75


@dataclass(frozen=True, slots=True)
class TextScene:
    """A piece of the text with one feeling, and when it is spoken."""

    start_s: float
    end_s: float
    text: str
    reading: Reading


def text_scenes(text: str, duration_s: float, word_times: Sequence[tuple[float, float]] = ()) -> list[TextScene]:
    """Scenes that tile ``[0, duration_s]``, each as long as its characters' share, or as long as its words are spoken.

    Args:
        text: What is said or told.
        duration_s: Seconds to lay it over.
        word_times: ``(start, end)`` of every spoken word; used when there are as many as words in the text.
    """
    most = max(1, min(MAX_SCENES, math.floor(duration_s / MIN_SCENE_S)))
    pieces = _joined_to(split_sentences(text), most)
    groups: list[tuple[str, Reading]] = []
    for piece in pieces:
        reading = read_text(piece)
        if groups and _cosine(groups[-1][1], reading) >= JOIN_FROM_COSINE:
            joined = f"{groups[-1][0]} {piece}"
            groups[-1] = (joined, read_text(joined))
        else:
            groups.append((piece, reading))
    edges = _edges([piece for piece, _ in groups], duration_s, word_times)
    return [TextScene(start, end, piece, reading) for (start, end), (piece, reading) in zip(pairwise(edges), groups, strict=True)]


def _edges(pieces: list[str], duration_s: float, word_times: Sequence[tuple[float, float]]) -> list[float]:
    """Boundaries of the scenes: at their first words where those are known, else in proportion to characters."""
    counts = [len(piece.split()) for piece in pieces]
    if word_times and sum(counts) == len(word_times):
        firsts = np.cumsum(counts)[:-1]
        starts = [word_times[first][0] for first in firsts]
    else:
        lengths = np.array([len(piece) for piece in pieces], dtype=np.float64)
        starts = list(np.cumsum(lengths)[:-1] / lengths.sum() * duration_s)
    edges = [0.0, *(round(float(start), 6) for start in starts), duration_s]
    if any(later <= earlier for earlier, later in pairwise(edges)):
        return _edges(pieces, duration_s, ())
    return edges


def _joined_to(pieces: list[str], most: int) -> list[str]:
    """Join the shortest neighbours until at most ``most`` pieces are left."""
    pieces = list(pieces)
    while len(pieces) > most:
        index = min(range(len(pieces) - 1), key=lambda i: len(pieces[i]) + len(pieces[i + 1]))
        pieces[index : index + 2] = [f"{pieces[index]} {pieces[index + 1]}"]
    return pieces


def _cosine(left: Reading, right: Reading) -> float:
    names = sorted({*left.distribution, *right.distribution})
    a = np.array([left.distribution.get(name, 0.0) for name in names])
    b = np.array([right.distribution.get(name, 0.0) for name in names])
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
