"""MIDI files: checked before they are parsed, written atomically."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import mido
import pretty_midi

from espressivo.errors import EncodeError, MidiInputError
from espressivo.media.atomic import write_bytes
from espressivo.media.limits import MAX_MIDI_BYTES
from espressivo.media.midi_scan import scan_midi
from espressivo.media.source import read_bounded

__all__ = ["load_midi", "parse_midi", "save_midi"]

# What a type 1 file keeps on its first track; pretty_midi looks for it there only.
CONDUCTOR_EVENTS: Final = frozenset({"set_tempo", "time_signature", "key_signature"})
FIRST_EVENT: Final = 14 + 8


def load_midi(path: Path) -> pretty_midi.PrettyMIDI:
    """Read a MIDI file of type 0 or 1: up to 2 MB, 64 tracks, 50,000 notes and 30 minutes.

    Tempo, metre and key are taken from any track.

    Raises:
        MidiInputError: ``midi.missing``, ``midi.unreadable``, ``midi.not_a_file``, ``midi.empty``, ``midi.too_large`` or
            one of :func:`espressivo.media.midi_scan.scan_midi`.
    """
    return parse_midi(read_bounded(path, MidiInputError, max_bytes=MAX_MIDI_BYTES), path.name)


def parse_midi(data: bytes, name: str) -> pretty_midi.PrettyMIDI:
    """As :func:`load_midi`, for bytes that are already in memory; ``name`` appears in messages."""
    scan_midi(data, name)
    try:
        return pretty_midi.PrettyMIDI(mido_object=_conducted(mido.MidiFile(file=io.BytesIO(data))))
    except Exception as error:  # mido and pretty_midi raise nearly anything on crafted events
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise MidiInputError("midi.malformed", f"{name!r} is damaged ({reason}); export it again") from error


def save_midi(midi: pretty_midi.PrettyMIDI, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a MIDI file atomically.

    Args:
        midi: The music.
        path: Where to.
        metadata: Text fields, written as ``key=value`` text events at the very beginning.

    Raises:
        EncodeError: ``encode.midi`` when the music cannot be expressed as MIDI, or one of
            :func:`espressivo.media.atomic.atomic_output`.
    """
    buffer = io.BytesIO()
    try:
        midi.write(buffer)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise EncodeError("encode.midi", f"{path.name!r} cannot be written as MIDI: {error}") from error
    write_bytes(path, _with_texts(buffer.getvalue(), metadata or {}))


def _conducted(file: mido.MidiFile) -> mido.MidiFile:
    """The same music with tempo, metre and key on the first track."""
    astray = [_filtered(track, lambda event: event.type in CONDUCTOR_EVENTS) for track in file.tracks[1:]]
    if not any(astray):
        return file
    parts = [_filtered(track, lambda event: event.type not in CONDUCTOR_EVENTS) for track in file.tracks[1:]]
    first = mido.merge_tracks([file.tracks[0], *astray])
    return mido.MidiFile(type=1, ticks_per_beat=file.ticks_per_beat, tracks=[first, *parts])


def _filtered(track: Any, keep: Callable[[Any], bool]) -> mido.MidiTrack:  # noqa: ANN401 - mido is untyped
    kept, waited = mido.MidiTrack(), 0
    for event in track:
        waited += event.time
        if keep(event):
            kept.append(event.copy(time=waited))
            waited = 0
    return kept


def _with_texts(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put text events before all others; pretty_midi would write them in Latin-1 and after the tempo."""
    texts = b"".join(_text_event(f"{key}={value}") for key, value in metadata.items())
    length = int.from_bytes(data[FIRST_EVENT - 4 : FIRST_EVENT], "big") + len(texts)
    return data[: FIRST_EVENT - 4] + length.to_bytes(4, "big") + texts + data[FIRST_EVENT:]


def _text_event(text: str) -> bytes:
    body = text.encode("utf-8")
    groups = [len(body) & 0x7F]
    while (rest := len(body) >> 7 * len(groups)) > 0:
        groups.append(rest & 0x7F | 0x80)
    return b"\x00\xff\x01" + bytes(reversed(groups)) + body
