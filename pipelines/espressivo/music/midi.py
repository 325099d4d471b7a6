"""Score <-> Standard MIDI File, without loss; foreign files are read within limits.

Written with mido (on which pretty_midi rests) because pretty_midi writes neither markers nor unrounded tempi.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import mido
from mido.midifiles.meta import KeySignatureError

from espressivo.errors import MidiInputError
from espressivo.media.limits import MAX_MIDI_BYTES, MAX_MIDI_DURATION_S, MAX_MIDI_NOTES
from espressivo.media.midi_scan import scan_midi
from espressivo.media.source import read_bounded
from espressivo.music.score import (
    AI_MARK,
    TICKS_PER_QUARTER,
    ChordSpan,
    Control,
    KeyChange,
    Marker,
    MetreChange,
    Note,
    Part,
    Score,
    Section,
    TempoChange,
)
from espressivo.music.theory import Chord, Key

if TYPE_CHECKING:
    import pretty_midi

__all__ = ["load_score", "score_from_midi_bytes", "score_from_pretty_midi", "score_to_midi_bytes", "score_to_pretty_midi"]

Value = TypeVar("Value")
ScoreType = TypeVar("ScoreType", bound=Score)
DRUM_CHANNEL = 9
MELODIC_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
VOLUME, PAN, EXPRESSION, SUSTAIN = 7, 10, 11, 64
KEPT_CONTROLS = (EXPRESSION, SUSTAIN)
RELATIVE_MAJOR_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
RELATIVE_MINOR_NAMES = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")
ROLES = {"melody", "accompaniment", "bass", "pad", "counter", "percussion"}
LATIN_1 = "latin1"
END_MARK = "[end]"


# --- writing -----------------------------------------------------------------------------------------------------------


def score_to_midi_bytes(score: Score) -> bytes:
    """The score as a type-1 MIDI file; the same score gives the same bytes.

    Raises:
        MidiInputError: ``midi.too_many_parts`` beyond 15 melodic parts.
    """
    return _encode(_to_mido(score))


def score_to_pretty_midi(score: Score) -> pretty_midi.PrettyMIDI:
    """The score as :class:`pretty_midi.PrettyMIDI`; markers travel as text events, and so does the end, which it would lose."""
    import pretty_midi

    file = _to_mido(score)
    for index, message in enumerate(file.tracks[0]):
        if message.type == "marker":
            file.tracks[0][index] = mido.MetaMessage("text", text=message.text, time=message.time)
    end = file.tracks[0].pop()
    file.tracks[0] += [mido.MetaMessage("text", text=END_MARK, time=end.time), end.copy(time=0)]
    return pretty_midi.PrettyMIDI(midi_file=io.BytesIO(_encode(file)))


def _encode(file: mido.MidiFile) -> bytes:
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _to_mido(score: Score) -> mido.MidiFile:
    melodic = [index for index, part in enumerate(score.parts) if not part.is_drum]
    if len(melodic) > len(MELODIC_CHANNELS):
        raise MidiInputError(
            "midi.too_many_parts",
            f"the score has {len(melodic)} melodic parts; MIDI has {len(MELODIC_CHANNELS)} channels for them",
        )
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset=LATIN_1)
    file.tracks.append(_relative(_conductor_events(score), score.end_tick))
    for index, part in enumerate(score.parts):
        channel = DRUM_CHANNEL if part.is_drum else MELODIC_CHANNELS[melodic.index(index)]
        file.tracks.append(_relative(_part_events(score, index, channel), score.end_tick))
    return file


def _conductor_events(score: Score) -> list[tuple[int, mido.MetaMessage]]:
    events: list[tuple[int, mido.MetaMessage]] = [(0, mido.MetaMessage("text", text=AI_MARK))]
    events += [(t.tick, mido.MetaMessage("set_tempo", tempo=t.microseconds_per_quarter)) for t in score.tempos]
    events += [
        (m.tick, mido.MetaMessage("time_signature", numerator=m.numerator, denominator=m.denominator)) for m in score.metres
    ]
    for change in score.keys:
        events.append((change.tick, mido.MetaMessage("key_signature", key=_signature(change.key))))
        events.append((change.tick, mido.MetaMessage("marker", text=f"[key] {change.key}")))
    events += [(s.start_tick, mido.MetaMessage("marker", text=f"[section] {_latin(s.label)}")) for s in score.sections]
    for span in score.chords:
        events.append((span.start_tick, mido.MetaMessage("marker", text=f"[chord] {span.chord}")))
    events += _chord_ends(score)
    events += [(m.tick, mido.MetaMessage("marker", text=_latin(m.text))) for m in score.markers]
    events.sort(key=lambda event: event[0])
    return events


def _chord_ends(score: Score) -> Iterator[tuple[int, mido.MetaMessage]]:
    starts = {span.start_tick for span in score.chords} | {score.end_tick}
    for span in score.chords:
        if span.end_tick not in starts:
            yield span.end_tick, mido.MetaMessage("marker", text="[chord] none")


def _latin(text: str) -> str:
    return text.encode(LATIN_1, errors="replace").decode(LATIN_1)


def _signature(key: Key) -> str:
    """Key signature with the mode's own accidentals."""
    if key.has_major_third:
        shift = {"major": 0, "lydian": 7, "mixolydian": 5}[key.mode]
        return RELATIVE_MAJOR_NAMES[(key.tonic + shift) % 12]
    shift = {"minor": 0, "dorian": 7, "phrygian": 5}[key.mode]
    return RELATIVE_MINOR_NAMES[(key.tonic + shift) % 12]


def _part_events(score: Score, index: int, channel: int) -> list[tuple[int, mido.Message]]:
    part = score.parts[index]
    head: list[tuple[int, mido.Message]] = [
        (0, mido.MetaMessage("track_name", name=_latin(f"{part.name} ({part.role})"))),
        (0, mido.Message("program_change", channel=channel, program=part.program)),
        (0, mido.Message("control_change", channel=channel, control=PAN, value=part.pan)),
        (0, mido.Message("control_change", channel=channel, control=VOLUME, value=part.volume)),
    ]
    timed = []
    for control in score.controls:
        if control.part == index:
            message = mido.Message("control_change", channel=channel, control=control.number, value=control.value)
            timed.append((control.tick, 1, message))
    for note in score.notes:
        if note.part == index:
            on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
            timed.append((note.start_tick, 2, on))
            timed.append((note.end_tick, 0, mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)))
    timed.sort(key=lambda event: (event[0], event[1]))
    return head + [(tick, message) for tick, _, message in timed]


def _relative(events: list[tuple[int, mido.Message]], end_tick: int) -> mido.MidiTrack:
    track = mido.MidiTrack()
    clock = 0
    for tick, message in [*events, (end_tick, mido.MetaMessage("end_of_track"))]:
        track.append(message.copy(time=tick - clock))
        clock = tick
    return track


# --- reading -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """What has been read so far, in ticks of 1/480 quarter."""

    parts: list[Part] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    tempos: dict[int, int] = field(default_factory=dict)
    metres: dict[int, tuple[int, int]] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    chords: list[tuple[int, Chord | None]] = field(default_factory=list)
    sections: list[tuple[int, str]] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    end_tick: int = 0
    marked_end: int | None = None


def score_from_midi_bytes(data: bytes, score_class: type[ScoreType], *, name: str = "MIDI file") -> ScoreType:
    """Read a MIDI file of at most 2 MB, 50,000 notes and 30 minutes.

    Files that :func:`score_to_midi_bytes` wrote come back as they were. Foreign files get one section, keep their tempi,
    metres and (major or minor) keys, and are brought to 480 ticks a quarter.

    Raises:
        MidiInputError: ``midi.too_large``, ``midi.unreadable``, ``midi.empty``, ``midi.too_many_notes``, ``midi.too_long`` or
            ``midi.invalid_score``.
    """
    if len(data) > MAX_MIDI_BYTES:
        raise MidiInputError("midi.too_large", f"MIDI file of {len(data)} bytes; accepted: {MAX_MIDI_BYTES} at most")
    scan_midi(data, name)
    try:
        file = mido.MidiFile(file=io.BytesIO(data), charset=LATIN_1, clip=True)
    except (OSError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError, KeySignatureError) as error:
        raise MidiInputError(
            "midi.unreadable", f"not a readable MIDI file ({error.__class__.__name__}); export it again as a standard MIDI file"
        ) from error
    return _from_mido(file, score_class)


def load_score(path: Path) -> Score:
    """Read a score from a MIDI file; see :func:`score_from_midi_bytes`.

    Raises:
        MidiInputError: ``midi.missing``, ``midi.unreadable``, ``midi.not_a_file``, ``midi.empty``, or as for bytes.
    """
    return score_from_midi_bytes(read_bounded(path, MidiInputError, max_bytes=MAX_MIDI_BYTES), Score, name=path.name)


def score_from_pretty_midi(midi: pretty_midi.PrettyMIDI, score_class: type[ScoreType]) -> ScoreType:
    """Read a score from :class:`pretty_midi.PrettyMIDI`; text events written by this package become markers again.

    pretty_midi rounds a tempo by at most one microsecond a quarter.

    Raises:
        MidiInputError: As :func:`score_from_midi_bytes`.
    """
    buffer = io.BytesIO()
    midi.write(buffer)
    return score_from_midi_bytes(buffer.getvalue(), score_class)


def _from_mido(file: mido.MidiFile, score_class: type[ScoreType]) -> ScoreType:
    if not 1 <= file.ticks_per_beat <= 32_767:
        raise MidiInputError(
            "midi.unreadable",
            f"MIDI time division {file.ticks_per_beat} is not ticks a quarter; export it with a metrical time base",
        )
    reading = _Reading()
    scale = TICKS_PER_QUARTER / file.ticks_per_beat
    for track in file.tracks:
        _read_track(track, scale, reading)
    return _assemble(reading, score_class)


def _read_track(track: mido.MidiTrack, scale: float, reading: _Reading) -> None:
    clock = 0
    name = ""
    programs: dict[int, int] = {}
    pans: dict[int, int] = {}
    volumes: dict[int, int] = {}
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    notes: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
    controls: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for message in track:
        clock += message.time
        tick = round(clock * scale)
        reading.end_tick = max(reading.end_tick, tick)
        if message.type == "track_name":
            name = message.name
        elif message.is_meta:
            _read_meta(message, tick, reading)
        elif message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "control_change" and message.control == PAN:
            pans[message.channel] = message.value
        elif message.type == "control_change" and message.control == VOLUME:
            volumes[message.channel] = message.value
        elif message.type == "control_change" and message.control in KEPT_CONTROLS:
            controls[message.channel].append((tick, message.control, message.value))
        elif message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note].append((tick, message.velocity))
        elif message.type in {"note_on", "note_off"} and sounding[message.channel, message.note]:
            start, velocity = sounding[message.channel, message.note].pop(0)
            notes[message.channel].append((start, message.note, tick, velocity))
            _guard_note_count(len(reading.notes) + len(notes[message.channel]))
    for (channel, pitch), struck in sounding.items():  # never let go: held to the end of the track
        notes[channel] += [(start, pitch, max(reading.end_tick, start + 1), velocity) for start, velocity in struck]
    declared = programs.keys() | notes.keys()
    for channel in sorted(declared):
        index = len(reading.parts)
        title, role = _title_and_role(name, channel)
        pan, volume = pans.get(channel, 64), volumes.get(channel, 100)
        reading.parts.append(Part(title, programs.get(channel, 0), role, pan, volume, channel == DRUM_CHANNEL))
        reading.notes += _without_overlaps(notes[channel], index)
        reading.controls += [Control(tick, index, number, value) for tick, number, value in controls[channel]]


def _guard_note_count(count: int) -> None:
    if count > MAX_MIDI_NOTES:
        raise MidiInputError("midi.too_many_notes", f"MIDI file has over {MAX_MIDI_NOTES} notes; give a shorter excerpt")


def _title_and_role(name: str, channel: int) -> tuple[str, str]:
    title, _, tail = name.rpartition(" (")
    role = tail.removesuffix(")")
    if role in ROLES:
        return title, role
    return name, "percussion" if channel == DRUM_CHANNEL else "accompaniment"


def _without_overlaps(raw: list[tuple[int, int, int, int]], part: int) -> list[Note]:
    """Notes of a channel; a pitch struck again while it sounds ends the earlier one, of two at once the first stays."""
    by_pitch: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
    for note in sorted(raw):
        same = by_pitch[note[1]]
        if same and same[-1][0] == note[0]:
            continue
        if same and same[-1][2] > note[0]:
            same[-1] = (*same[-1][:2], note[0], same[-1][3])
        same.append(note)
    return [
        Note(start, pitch, max(end - start, 1), velocity, part)
        for same in by_pitch.values()
        for start, pitch, end, velocity in same
    ]


def _read_meta(message: mido.MetaMessage, tick: int, reading: _Reading) -> None:
    if message.type == "set_tempo":
        reading.tempos[tick] = message.tempo
    elif message.type == "time_signature":
        reading.metres[tick] = (message.numerator, message.denominator)
    elif message.type == "key_signature":
        reading.keys[tick] = _key_of_signature(message.key)
    elif message.type in {"marker", "text"} and message.text != AI_MARK:
        _read_marker(message.text, tick, reading)


def _key_of_signature(name: str) -> Key:
    sharps = {"Cb": 11, "Gb": 6, "C#": 1, "D#": 3, "A#": 10, "Ab": 8, "Db": 1, "Eb": 3, "Bb": 10, "F#": 6, "G#": 8}
    tonic_name = name.removesuffix("m")
    tonic = sharps[tonic_name] if tonic_name in sharps else RELATIVE_MAJOR_NAMES.index(tonic_name)
    return Key(tonic, "minor" if name.endswith("m") else "major")


def _read_marker(text: str, tick: int, reading: _Reading) -> None:
    kind, _, rest = text.partition(" ")
    try:
        if kind == "[key]":
            reading.keys[tick] = Key.parse(rest)
        elif kind == "[chord]":
            reading.chords.append((tick, None if rest == "none" else Chord.parse(rest)))
        elif text == END_MARK:
            reading.marked_end = tick
        elif kind == "[section]":
            reading.sections.append((tick, rest))
        else:
            reading.markers.append(Marker(tick, text))
    except ValueError:
        reading.markers.append(Marker(tick, text))  # someone else's marker that happens to begin like ours


def _assemble(reading: _Reading, score_class: type[ScoreType]) -> ScoreType:
    if not reading.notes:
        raise MidiInputError("midi.empty", "MIDI file holds no notes; give one with at least one note")
    end = reading.end_tick if reading.marked_end is None else reading.marked_end
    end = max(end, max(note.end_tick for note in reading.notes))
    score = score_class(
        parts=tuple(reading.parts),
        notes=tuple(sorted(reading.notes)),
        tempos=tuple(TempoChange(t, us) for t, us in _from_zero(reading.tempos, 500_000)),
        metres=tuple(MetreChange(t, n, d) for t, (n, d) in _from_zero(reading.metres, (4, 4))),
        keys=tuple(KeyChange(t, key) for t, key in _from_zero(reading.keys, Key(0, "major"))),
        chords=_chord_spans(reading.chords, end),
        sections=_section_spans(reading.sections, end),
        end_tick=end,
        markers=tuple(sorted(reading.markers, key=lambda marker: marker.tick)),
        controls=tuple(sorted(reading.controls)),
    )
    if score.duration_s > MAX_MIDI_DURATION_S:
        raise MidiInputError(
            "midi.too_long", f"MIDI file lasts {score.duration_s:.0f} s; accepted: {MAX_MIDI_DURATION_S:.0f} s at most"
        )
    return score


def _from_zero(changes: dict[int, Value], default: Value) -> list[tuple[int, Value]]:
    return sorted({0: default, **changes}.items(), key=lambda item: item[0])


def _chord_spans(changes: list[tuple[int, Chord | None]], end: int) -> tuple[ChordSpan, ...]:
    if not changes:
        return ()
    ordered = sorted(changes, key=lambda change: change[0])
    limits = [tick for tick, _ in ordered[1:]] + [end]
    return tuple(
        ChordSpan(tick, limit, chord)
        for (tick, chord), limit in zip(ordered, limits, strict=True)
        if chord is not None and limit > tick
    )


def _section_spans(starts: list[tuple[int, str]], end: int) -> tuple[Section, ...]:
    labels = dict(_from_zero(dict(starts), ""))
    ticks = sorted(labels)
    return tuple(Section(tick, limit, labels[tick]) for tick, limit in zip(ticks, [*ticks[1:], end], strict=True) if limit > tick)
