"""A first look at a MIDI file, event by event, before any library builds objects or tables from it.

Reference: Standard MIDI Files 1.0 (MIDI Manufacturers Association 1996).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from espressivo.errors import MidiInputError
from espressivo.media.limits import (
    MAX_MIDI_DURATION_S,
    MAX_MIDI_EVENTS,
    MAX_MIDI_NOTES,
    MAX_MIDI_TICKS,
    MAX_MIDI_TRACKS,
    MAX_TICKS_PER_QUARTER,
    MIN_TICKS_PER_QUARTER,
)

__all__ = ["MidiScan", "scan_midi"]

DEFAULT_TEMPO_US: Final = 500_000
META: Final = 0xFF
META_TEXT: Final = 0x01
META_END_OF_TRACK: Final = 0x2F
META_TEMPO: Final = 0x51
SYSTEM_EXCLUSIVE: Final = frozenset({0xF0, 0xF7})
NOTE_ON: Final = 0x90
# Bytes after the status of channel messages 0x80 to 0xE0.
DATA_BYTES: Final = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
MAX_TEXTS: Final = 100


@dataclass(slots=True)
class MidiScan:
    """What a MIDI file holds.

    Attributes:
        ticks_per_quarter: Resolution.
        num_tracks: Tracks that the header announces and the file has.
        num_notes: Note-on events with a velocity.
        max_tick: Tick of the last event.
        duration_s: Time of the last event under the tempo map of all tracks.
        texts: The first text events.
    """

    ticks_per_quarter: int
    num_tracks: int
    num_notes: int = 0
    num_events: int = 0
    max_tick: int = 0
    tempos: list[tuple[int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        seconds, last_tick, tempo_us = 0.0, 0, DEFAULT_TEMPO_US
        for tick, next_tempo_us in sorted(self.tempos):
            seconds += (tick - last_tick) * tempo_us
            last_tick, tempo_us = tick, next_tempo_us
        seconds += (self.max_tick - last_tick) * tempo_us
        return seconds / 1e6 / self.ticks_per_quarter


def scan_midi(data: bytes, name: str) -> MidiScan:
    """Walk through a MIDI file and hold it to the limits.

    Args:
        data: The file.
        name: What to call it in messages.

    Raises:
        MidiInputError: ``midi.format``, ``midi.malformed``, ``midi.type``, ``midi.smpte``, ``midi.resolution``,
            ``midi.too_many_tracks``, ``midi.too_many_events``, ``midi.too_many_notes``, ``midi.tempo`` or ``midi.too_long``.
    """
    scan, position = _header(data, name)
    for _ in range(scan.num_tracks):
        start, end = _track(data, position, name)
        try:
            _walk(data, start, end, scan, name)
        except IndexError as error:
            raise _malformed(name, "an event is cut off") from error
        position = end
    if scan.max_tick > MAX_MIDI_TICKS or scan.duration_s > MAX_MIDI_DURATION_S:
        raise MidiInputError(
            "midi.too_long",
            f"{name!r} lasts {scan.duration_s:.0f} s ({scan.max_tick} ticks); at most {MAX_MIDI_DURATION_S:.0f} s and "
            f"{MAX_MIDI_TICKS} ticks are accepted; cut it",
        )
    return scan


def _header(data: bytes, name: str) -> tuple[MidiScan, int]:
    if not data.startswith(b"MThd"):
        raise MidiInputError("midi.format", f"{name!r} is no MIDI file; export it as Standard MIDI (.mid)")
    if len(data) < 14:
        raise _malformed(name, "its header is cut off")
    length, kind, num_tracks, division = struct.unpack(">IHHH", data[4:14])
    if length < 6 or 8 + length > len(data):
        raise _malformed(name, "its header is cut off")
    if kind not in {0, 1} or (kind == 0 and num_tracks != 1):
        raise MidiInputError("midi.type", f"{name!r} is of type {kind} with {num_tracks} tracks; save it as type 0 or 1")
    if division & 0x8000:
        raise MidiInputError("midi.smpte", f"{name!r} counts film frames instead of quarter notes; export it with musical time")
    if not MIN_TICKS_PER_QUARTER <= division <= MAX_TICKS_PER_QUARTER:
        raise MidiInputError(
            "midi.resolution",
            f"{name!r} has {division} ticks a quarter note; accepted: {MIN_TICKS_PER_QUARTER} to {MAX_TICKS_PER_QUARTER}",
        )
    if not 1 <= num_tracks <= MAX_MIDI_TRACKS:
        raise MidiInputError("midi.too_many_tracks", f"{name!r} has {num_tracks} tracks; accepted: 1 to {MAX_MIDI_TRACKS}")
    return MidiScan(division, num_tracks), 8 + length


def _track(data: bytes, position: int, name: str) -> tuple[int, int]:
    """Where the events of a track begin and end."""
    if data[position : position + 4] != b"MTrk" or position + 8 > len(data):
        raise _malformed(name, "a track is missing")
    start = position + 8
    end = start + int.from_bytes(data[position + 4 : start], "big")
    if end > len(data):
        raise _malformed(name, "a track is cut off")
    return start, end


def _walk(data: bytes, position: int, end: int, scan: MidiScan, name: str) -> None:
    tick, running = 0, 0
    while position < end:
        delta, position = _variable_length(data, position)
        tick += delta
        scan.max_tick = max(scan.max_tick, tick)
        scan.num_events += 1
        if scan.num_events > MAX_MIDI_EVENTS:
            raise MidiInputError("midi.too_many_events", f"{name!r} has over {MAX_MIDI_EVENTS} events; thin it out")
        status = data[position]
        if status >= 0xF0:
            position = _system_event(data, position, tick, scan, name)
            continue
        if status & 0x80:
            running, position = status, position + 1
        elif not running:
            raise _malformed(name, "an event has no status")
        if running & 0xF0 == NOTE_ON and data[position + 1]:
            scan.num_notes += 1
            if scan.num_notes > MAX_MIDI_NOTES:
                raise MidiInputError("midi.too_many_notes", f"{name!r} has over {MAX_MIDI_NOTES} notes; thin it out")
        position += DATA_BYTES[running & 0xF0]
    if position != end:
        raise _malformed(name, "an event reaches beyond its track")


def _system_event(data: bytes, position: int, tick: int, scan: MidiScan, name: str) -> int:
    """Take note of a meta or exclusive event; returns where the next one begins."""
    status, kind = data[position], None
    if status == META:
        kind, position = data[position + 1], position + 1
    elif status not in SYSTEM_EXCLUSIVE:
        raise _malformed(name, f"byte {status:#x} is no event of a file")
    length, position = _variable_length(data, position + 1)
    body = data[position : position + length]
    if len(body) != length:
        raise _malformed(name, "an event is cut off")
    if kind == META_TEMPO:
        tempo_us = int.from_bytes(body, "big")
        if length != 3 or tempo_us == 0:
            raise MidiInputError(
                "midi.tempo", f"{name!r} sets a tempo of {tempo_us} microseconds a quarter note; mend or remove it"
            )
        scan.tempos.append((tick, tempo_us))
    elif kind == META_TEXT and len(scan.texts) < MAX_TEXTS:
        scan.texts.append(body.decode("utf-8", "replace"))
    return position + length


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A number in groups of 7 bits, at most 4 of them, and the position after it."""
    value = 0
    for index in range(position, position + 4):
        byte = data[index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    raise IndexError


def _malformed(name: str, reason: str) -> MidiInputError:
    return MidiInputError("midi.malformed", f"{name!r} is damaged ({reason}); export it again")
