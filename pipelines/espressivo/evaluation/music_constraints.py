"""Whether hard constraints hold: length, key, chords, tempo and metre, whoever writes, and whether every piece is valid."""

from __future__ import annotations

import numpy as np

from espressivo.evaluation.figures import Figure, share_interval
from espressivo.evaluation.music_pieces import EARLY_TICKS, SEED, Piece, Writer, Writers, plan_at
from espressivo.music.score import TICKS_PER_QUARTER, Score
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import Key
from espressivo.seeds import numpy_generator

__all__ = ["measure_constraints", "measure_validity"]

PROGRESSIONS = ("I IV V I", "i VI III VII", "I vi IV V", "i iv V7 i")
BAR_TICKS = {"2/4": 960, "3/4": 1440, "4/4": 1920, "6/8": 1440}
TEMPO_TOLERANCE = 0.25
"""Logarithm of the ratio: sections end exactly with their segments, so the tempo gives way, most in the shortest."""


def measure_constraints(writers: Writers, num: dict[Writer, int], longest_s: float) -> list[Figure]:
    """Pieces anywhere in valence, arousal and dominance under constraints drawn at random.

    Args:
        writers: Who write.
        num: Pieces by each.
        longest_s: Length of the longest; the shortest have 2 s.
    """
    hits: dict[str, dict[str, list[bool]]] = {}
    for writer, size in num.items():
        pieces, settings = _tasks(size, longest_s)
        scores = writers.write(pieces, writer, settings)
        for score, own in zip(scores, settings, strict=True):
            for name, is_kept in _kept(score, own).items():
                hits.setdefault(name, {}).setdefault(writer, []).append(is_kept)
    figures = []
    for name, by_writer in hits.items():
        counts = " and ".join(f"{len(values)} by {writer}" for writer, values in by_writer.items())
        both = np.concatenate(list(by_writer.values()))
        source = f"{counts}, 2 to {longest_s:g} s, any emotion; by construction, so there is nothing to compare with"
        shares = {writer: float(np.mean(values)) for writer, values in by_writer.items()}
        kept = float(both.mean())
        figures.append(Figure(f"constraint.{name}", kept, "", "higher", 1.0, share_interval(both), shares, source))
    return figures


def _tasks(num: int, longest_s: float) -> tuple[list[Piece], list[MusicSettings]]:
    pieces: list[Piece] = []
    settings = []
    for index in range(num):
        random = numpy_generator(SEED, "validity", str(index))
        valence, arousal, dominance = random.uniform(-1.0, 1.0, 3).tolist()
        progression = PROGRESSIONS[index % len(PROGRESSIONS)]
        changes: dict[str, float | str] = {
            "tonic": int(random.integers(12)),
            "mode": "minor" if progression[0] == "i" else "major",
            "metre": list(BAR_TICKS)[int(random.integers(len(BAR_TICKS)))],
        }
        changes |= {"tempo_bpm": float(random.uniform(60, 160))} if index % 2 else {}
        changes |= {"chords": progression} if index % 3 == 0 else {}
        pieces.append((plan_at(valence, arousal, dominance, float(random.uniform(2.0, longest_s)), index), index))
        settings.append(MusicSettings.model_validate(changes))
    return pieces, settings


def _kept(score: Score, settings: MusicSettings) -> dict[str, bool]:
    """What was asked and whether it is so; the last bar may be shorter or longer, so that the length is exact."""
    kept = {
        "key": score.keys[0].key == Key(settings.tonic or 0, settings.mode or "major"),
        "metre": {end - start for start, end in score.bars()[:-1]} <= {BAR_TICKS[settings.metre or "4/4"]},
    }
    if settings.tempo_bpm is not None:
        tempo = 60.0 * score.end_tick / TICKS_PER_QUARTER / score.duration_s
        kept["tempo"] = bool(abs(np.log(tempo / settings.tempo_bpm)) < TEMPO_TOLERANCE)
    if settings.chords is not None:
        kept["chords"] = score.chords[0].chord.root == settings.tonic and _in_harmony(score)
    return kept


def _in_harmony(score: Score) -> bool:
    """Whether nothing sounds outside the key and the chord of its moment."""
    for span in score.chords:
        allowed = {*span.chord.pitch_classes, *score.keys[0].key.pitch_classes}
        notes = score.notes_between(span.start_tick - EARLY_TICKS, span.end_tick - EARLY_TICKS)
        if any(note.pitch % 12 not in allowed for note in notes):
            return False
    return True


def measure_validity(writers: Writers) -> Figure:
    """Share of all pieces written so far that are the same after MIDI and exactly as long as asked."""
    written, valid = sum(writers.num_written.values()), sum(writers.num_valid.values())
    hits = np.arange(written) < valid
    counts = ", ".join(f"{number} by {writer}" for writer, number in writers.num_written.items())
    shares: dict[str, float] = {writer: writers.num_valid[writer] / number for writer, number in writers.num_written.items()}
    source = f"all pieces of this run, the same after a round trip through MIDI and exactly as long as asked: {counts}"
    return Figure("constraint.valid", valid / written, "", "higher", 1.0, share_interval(hits), shares, source)
