"""Scores as MusicXML 3.1 for notation programs, written and read by partitura (Cancino-Chacón et al. 2022; extra ``notation``).

What is performed becomes what is written: onsets on the grid of sixteenths, notes up to the next one unless there is a breath,
one voice a part, ties over bar lines.
"""

from __future__ import annotations

import io
import warnings
from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as ET

from espressivo.errors import SettingError
from espressivo.music.hearing import hear
from espressivo.music.notation import BREATH, SIXTEENTH, chord_parts, key_fifths, spelled
from espressivo.music.score import Note, Score

__all__ = ["score_to_musicxml", "sounding_notes"]

PER_QUARTER: Final = 4
BASS_BELOW: Final = 57
WRITABLE: Final = (24, 16, 12, 8, 6, 4, 3, 2, 1)
"""Sixteenths of plain and dotted notes."""
KINDS: Final = {
    "": "major", "m": "minor", "dim": "diminished", "aug": "augmented", "7": "dominant", "maj7": "major-seventh",
    "m7": "minor-seventh", "m(maj7)": "major-minor", "m7b5": "half-diminished", "dim7": "diminished-seventh", "6": "major-sixth",
    "sus2": "suspended-second", "sus4": "suspended-fourth", "5": "power",
}  # fmt: skip
"""Kinds of MusicXML by chord symbol; others are ``other`` with their symbol as text."""


def score_to_musicxml(score: Score, *, title: str = "espressivo", lead_sheet: bool = False) -> bytes:
    """The score as MusicXML with key and time signatures, tempi, chord symbols, sections as rehearsal marks.

    Args:
        score: What to write; drums are left out.
        title: One line.
        lead_sheet: Only the melody, whoever plays it, on one staff with the chords; where no part is called melody, what is heard
            as one.

    Raises:
        SettingError: ``setting.extra`` when partitura is not installed.
        MidiInputError: ``midi.too_few_notes`` for a lead sheet of fewer than 4 notes.
    """
    partitura = _partitura()
    if lead_sheet:
        parts = [_part(partitura, score, "Melody", 0, [score.notes[index] for index in sorted(hear(score).melody)])]
    else:
        pitched = [(index, part.name) for index, part in enumerate(score.parts) if not part.is_drum]
        parts = [_part(partitura, score, name, i, [n for n in score.notes if n.part == i]) for i, name in pitched]
    whole = partitura.score.Score(parts, title=title)
    return _completed(partitura.save_musicxml(whole), score, title)


def sounding_notes(data: bytes) -> list[tuple[str, int, int]]:
    """Part, onset in sixteenths and pitch of every note of a MusicXML file, tied notes once, sorted; to check what was written.

    Raises:
        SettingError: ``setting.extra`` when partitura is not installed.
    """
    partitura = _partitura()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not read rehearsal marks and chord symbols, and says so
        read = partitura.load_musicxml(io.BytesIO(data))
    return sorted(
        (part.part_name, note.start.t * PER_QUARTER // int(part.quarter_duration_map(note.start.t)), note.midi_pitch)
        for part in read.parts
        for note in part.notes_tied
    )


def _partitura() -> Any:  # noqa: ANN401 - partitura is untyped
    try:
        import partitura
    except ImportError as error:
        raise SettingError(
            "setting.extra", "MusicXML needs the extra 'notation'; install it with: pip install 'espressivo[notation]'"
        ) from error
    return partitura


def _part(partitura: Any, score: Score, name: str, index: int, notes: list[Note]) -> Any:  # noqa: ANN401 - as above
    kinds = partitura.score
    part = kinds.Part(f"P{index}", part_name=name, quarter_duration=PER_QUARTER)
    end = -(-score.end_tick // SIXTEENTH)
    for metre in score.metres:
        part.add(kinds.TimeSignature(metre.numerator, metre.denominator), round(metre.tick / SIXTEENTH))
    for change in score.keys:
        mode = "major" if change.key.has_major_third else "minor"
        part.add(kinds.KeySignature(key_fifths(change.key), mode), round(change.tick / SIXTEENTH))
    bars = [*(round(start / SIXTEENTH) for start, _ in score.bars()), end]
    written = _written(notes, end)
    low = sum(note.pitch for _, _, notes in written for note in notes) < BASS_BELOW * sum(len(n) for _, _, n in written)
    part.add(kinds.Clef(staff=1, sign="F" if low else "G", line=4 if low else 2, octave_change=0), 0)
    for number, (start, stop, notes) in enumerate(written):
        key = score.key_at(start * SIXTEENTH)
        for voice, note in enumerate(notes):
            letter, alter = spelled(note.pitch % 12, key)
            octave = (note.pitch - alter) // 12 - 1
            before = None
            for piece, (first, last) in enumerate(_pieces(start, stop, bars)):
                identity = f"n{index}-{number}-{voice}-{piece}"
                tied = kinds.Note(letter, octave, alter or None, id=identity, voice=1, staff=1)
                part.add(tied, first, last)
                if before is not None:
                    before.tie_next, tied.tie_prev = tied, before
                before = tied
    for section in score.sections:
        quarters = (section.end_tick - section.start_tick) / 480
        seconds = score.seconds(section.end_tick) - score.seconds(section.start_tick)
        part.add(kinds.Tempo(round(60.0 * quarters / seconds, 1), unit="q"), round(section.start_tick / SIXTEENTH))
    for start, stop in _rests(written, bars):
        part.add(kinds.Rest(id=f"r{index}-{start}", voice=1, staff=1), start, stop)
    kinds.add_measures(part)
    return part


def _written(notes: list[Note], end: int) -> list[tuple[int, int, list[Note]]]:
    """Start and end in sixteenths and the notes of each chord of a part; a chord ends where the next begins, or at a rest."""
    chords: dict[int, dict[int, Note]] = defaultdict(dict)
    for note in notes:
        chords[min(round(note.start_tick / SIXTEENTH), end - 1)][note.pitch] = note
    starts = [*sorted(chords), end]
    written = []
    for start, following in pairwise(starts):
        chord = [chords[start][pitch] for pitch in sorted(chords[start])]
        held = start + max(1, max(round(note.duration_ticks / SIXTEENTH) for note in chord))
        written.append((start, following if following - held < BREATH else held, chord))
    return written


def _pieces(start: int, stop: int, bars: list[int]) -> list[tuple[int, int]]:
    """A stretch of sixteenths cut at bar lines, and into lengths that have a sign of their own."""
    pieces = []
    while start < stop:
        limit = min(stop, bars[min(bisect_right(bars, start), len(bars) - 1)])
        size = next(length for length in WRITABLE if length <= limit - start)
        pieces.append((start, start + size))
        start += size
    return pieces


def _rests(written: list[tuple[int, int, list[Note]]], bars: list[int]) -> list[tuple[int, int]]:
    """Silences in writable pieces."""
    sounding = [(0, 0), *((start, stop) for start, stop, _ in written), (bars[-1], bars[-1])]
    return [piece for before, after in pairwise(sounding) for piece in _pieces(before[1], after[0], bars)]


def _completed(data: bytes, score: Score, title: str) -> bytes:
    """Title, software, rehearsal marks and chord symbols: partitura writes none of them as the standard wants them."""
    root = ET.fromstring(data)  # noqa: S314 - written by ourselves a moment ago
    work = ET.Element("work")
    ET.SubElement(work, "work-title").text = title
    identification = ET.Element("identification")
    encoding = ET.SubElement(identification, "encoding")
    ET.SubElement(encoding, "software").text = "espressivo (AI-generated music)"
    root.insert(0, work)
    root.insert(1, identification)
    part = root.find("part")
    assert part is not None  # noqa: S101 - at least one was written
    bars = score.bars()
    for measure, (start, end) in zip(part.findall("measure"), bars, strict=False):
        marks = [(span.start_tick, _harmony(score, span.start_tick)) for span in score.chords if start <= span.start_tick < end]
        marks += [(s.start_tick, _rehearsal(s.label)) for s in score.sections if start <= s.start_tick < end and s.label]
        _insert(measure, [((tick - start) // SIXTEENTH, element) for tick, element in marks])
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _insert(measure: ET.Element, marks: list[tuple[int, ET.Element]]) -> None:
    """Put each mark before the first note that begins at or after its place."""
    for place, element in sorted(marks, key=lambda mark: -mark[0]):
        clock, position = 0, len(measure)
        for index, child in enumerate(measure):
            if child.tag == "note" and child.find("chord") is None:
                if clock >= place:
                    position = index
                    break
                clock += int(child.findtext("duration", "0"))
        measure.insert(position, element)


def _harmony(score: Score, tick: int) -> ET.Element:
    span = next(span for span in score.chords if span.start_tick == tick)
    (letter, alter), symbol, bass = chord_parts(span.chord, score.key_at(tick))
    harmony = ET.Element("harmony")
    root = ET.SubElement(harmony, "root")
    ET.SubElement(root, "root-step").text = letter
    if alter:
        ET.SubElement(root, "root-alter").text = str(alter)
    ET.SubElement(harmony, "kind", text=symbol).text = KINDS.get(symbol, "other")
    if bass is not None:
        under = ET.SubElement(harmony, "bass")
        ET.SubElement(under, "bass-step").text = bass[0]
        if bass[1]:
            ET.SubElement(under, "bass-alter").text = str(bass[1])
    return harmony


def _rehearsal(label: str) -> ET.Element:
    direction = ET.Element("direction", placement="above")
    kind = ET.SubElement(direction, "direction-type")
    ET.SubElement(kind, "rehearsal").text = label
    return direction
