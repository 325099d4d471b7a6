import io
import struct
import time
from pathlib import Path

import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.errors import EncodeError, MidiInputError
from espressivo.media.metadata import read_metadata
from espressivo.media.midi import load_midi, parse_midi, save_midi
from espressivo.media.midi_scan import scan_midi

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x00"


def midi_file(*tracks: bytes, kind: int = 1, division: int = 96, announced: int | None = None) -> bytes:
    count = len(tracks) if announced is None else announced
    body = b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)
    return b"MThd" + struct.pack(">IHHH", 6, kind, count, division) + body


def music(*notes: tuple[float, float, int], tempo_bpm: float = 120.0) -> pretty_midi.PrettyMIDI:
    midi = pretty_midi.PrettyMIDI(initial_tempo=tempo_bpm)
    piano = pretty_midi.Instrument(0, name="piano")
    piano.notes = [pretty_midi.Note(80, pitch, start_s, end_s) for start_s, end_s, pitch in notes]
    midi.instruments.append(piano)
    return midi


NOTES = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(1, 400), st.integers(0, 127)),
    min_size=1,
    max_size=30,
    unique_by=lambda note: note[2],
)


@given(notes=NOTES, tempo_bpm=st.floats(30, 220))
def test_round_trip(notes: list[tuple[int, int, int]], tempo_bpm: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "a.mid"
    wanted = sorted((start / 100, (start + length) / 100, pitch) for start, length, pitch in notes)
    save_midi(music(*wanted, tempo_bpm=tempo_bpm), path, {"comment": "AI-generated"})
    again = sorted((note.start, note.end, note.pitch) for note in load_midi(path).instruments[0].notes)
    assert {note[2] for note in again} == {note[2] for note in wanted}
    tick_s = 60 / tempo_bpm / 220
    for before, after in zip(sorted(wanted, key=lambda n: n[2]), sorted(again, key=lambda n: n[2]), strict=True):
        assert after[0] == pytest.approx(before[0], abs=tick_s + 1e-3)
        assert after[1] == pytest.approx(before[1], abs=tick_s + 1e-3)


def test_provenance_comes_first_and_survives(tmp_path: Path) -> None:
    fields = {"comment": "AI-generated musíc", "espressivo": "x" * 40_000}
    for name in ("a.mid", "b.mid"):
        save_midi(music((0, 1, 60)), tmp_path / name, fields)
    data = (tmp_path / "a.mid").read_bytes()
    assert data == (tmp_path / "b.mid").read_bytes()
    assert data[22:26] == b"\x00\xff\x01" + bytes([len("comment=AI-generated musíc".encode())])
    assert read_metadata(tmp_path / "a.mid").fields == fields
    assert len(load_midi(tmp_path / "a.mid").instruments[0].notes) == 1


def test_scan_agrees_with_pretty_midi(tmp_path: Path) -> None:
    save_midi(music((0, 1, 60), (1, 12.5, 64), tempo_bpm=90), tmp_path / "a.mid")
    data = (tmp_path / "a.mid").read_bytes()
    scan = scan_midi(data, "a.mid")
    assert scan.num_notes == 2
    assert scan.duration_s == pytest.approx(load_midi(tmp_path / "a.mid").get_end_time(), abs=0.01)


def test_tempo_counts_on_any_track() -> None:
    slow = b"\x00\xff\x51\x03\x0f\x42\x40"  # a second a quarter note
    midi = parse_midi(midi_file(END, slow + NOTE + END), "a.mid")
    assert midi.get_end_time() == pytest.approx(1.0)
    assert scan_midi(midi_file(END, slow + NOTE + END), "a.mid").duration_s == pytest.approx(1.0)


def test_running_status_and_exclusive_messages() -> None:
    track = b"\x00\xf0\x03\x01\x02\xf7" + b"\x00\x90\x3c\x40\x10\x3c\x00\x00\x40\x40\x10\x40\x00" + b"\x00\xc0\x05" + END
    assert scan_midi(midi_file(track), "a").num_notes == 2
    assert len(parse_midi(midi_file(track), "a").instruments[0].notes) == 2


def many(event: bytes, count: int) -> bytes:
    return event * count + END


BAD = [
    (b"", "midi.empty"),
    (b"<html></html>", "midi.format"),
    (b"RIFF....RMID", "midi.format"),
    (b"MThd\0\0\0\6\0\1", "midi.malformed"),
    (midi_file(NOTE + END, division=0), "midi.resolution"),
    (midi_file(NOTE + END, division=1), "midi.resolution"),
    (midi_file(NOTE + END, division=0xE728), "midi.smpte"),
    (midi_file(NOTE + END, kind=2), "midi.type"),
    (midi_file(NOTE + END, NOTE + END, kind=0), "midi.type"),
    (midi_file(announced=0), "midi.too_many_tracks"),
    (midi_file(*[NOTE + END] * 65), "midi.too_many_tracks"),
    (midi_file(NOTE + END, announced=3), "midi.malformed"),
    (midi_file(NOTE + END)[:-3], "midi.malformed"),
    (midi_file(b"\x00\xff\x51\x03\0\0\0" + NOTE + END), "midi.tempo"),
    (midi_file(b"\x00\xff\x51\x01\x05" + NOTE + END), "midi.tempo"),
    (midi_file(b"\x00\xff\x51\x7f"), "midi.malformed"),
    (midi_file(b"\x00\x3c\x40"), "midi.malformed"),
    (midi_file(b"\x00\xf5" + END), "midi.malformed"),
    (midi_file(b"\xff\xff\xff\xff\xff\x00" + END), "midi.malformed"),
    (midi_file(b"\x00\x90\x3c"), "midi.malformed"),
    (midi_file(b"\x00\x90\xff\xff" + END), "midi.malformed"),
    (midi_file(b"\x00\x90\x3c\x40" + b"\xe7\xff\xff\x7f\x80\x3c\x00" + END), "midi.too_long"),
    (
        midi_file(b"\x00\xff\x51\x03\xff\xff\xff" + b"\x00\x90\x3c\x40" + b"\x8a\x80\x00\x80\x3c\x00" + END, division=24),
        "midi.too_long",
    ),
    (midi_file(many(b"\x00\x90\x3c\x40\x00\x80\x3c\x00", 60_000)), "midi.too_many_notes"),
    (midi_file(many(b"\x00\xb0\x01\x01", 250_000)), "midi.too_many_events"),
    (b"MThd" + bytes(3 * 1024 * 1024), "midi.too_large"),
]


@pytest.mark.parametrize(("content", "code"), BAD, ids=[f"{code}-{index}" for index, (_, code) in enumerate(BAD)])
def test_bad_files_are_refused_in_time(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(MidiInputError, match=r"song\.mid") as caught:
        load_midi(path)
    assert time.process_time() - started < 1
    assert caught.value.code == code


def test_57_days_in_37_bytes_are_refused() -> None:
    data = midi_file(b"\x00\x90\x3c\x40\x84\xdc\xa0\x00\x3c\x00" + END, kind=0, division=1)
    with pytest.raises(MidiInputError) as caught:
        parse_midi(data, "a.mid")
    assert caught.value.code == "midi.resolution"
    with pytest.raises(MidiInputError) as caught:
        parse_midi(midi_file(b"\x00\x90\x3c\x40\x84\xdc\xa0\x00\x3c\x00" + END, kind=0, division=24), "a.mid")
    assert caught.value.code == "midi.too_long"


def test_what_cannot_be_midi(tmp_path: Path) -> None:
    broken = music((0, 1, 60))
    broken.instruments[0].notes[0].pitch = 400
    with pytest.raises(EncodeError) as caught:
        save_midi(broken, tmp_path / "a.mid")
    assert caught.value.code == "encode.midi"
    assert not list(tmp_path.iterdir())


def seeds() -> list[bytes]:
    buffer = io.BytesIO()
    midi = music((0, 1, 60), (0.5, 2, 67))
    midi.instruments[0].control_changes.append(pretty_midi.ControlChange(64, 127, 0.5))
    midi.key_signature_changes.append(pretty_midi.KeySignature(3, 0))
    midi.time_signature_changes.append(pretty_midi.TimeSignature(3, 4, 0))
    midi.lyrics.append(pretty_midi.Lyric("la", 0.2))
    midi.write(buffer)
    return [buffer.getvalue(), midi_file(NOTE + END), midi_file(b"\x00\xff\x59\x02\x02\x00" + NOTE + END, kind=0)]


SEEDS = seeds()


@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.integers(0, 300),
)
def test_damaged_files_give_music_or_a_typed_error(seed: bytes, edits: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(seed)
    for position, patch in edits:
        start = position % len(data)
        data[start : start + len(patch)] = patch
    try:
        midi = parse_midi(bytes(data[: len(data) - cut % len(data)]), "a.mid")
    except MidiInputError:
        return
    assert midi.get_end_time() <= 1801


@given(track=st.binary(max_size=80), division=st.integers(0, 0xFFFF), kind=st.integers(0, 3))
def test_any_track_gives_music_or_a_typed_error(track: bytes, division: int, kind: int) -> None:
    try:
        parse_midi(midi_file(track, division=division, kind=kind), "a.mid")
    except MidiInputError:
        return
