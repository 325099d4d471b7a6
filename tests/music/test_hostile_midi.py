"""Files that a user may give by mistake or on purpose: music comes out or a typed error, and neither takes long."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import EspressivoError, MidiInputError
from espressivo.music.compose import compose
from espressivo.music.continuation import continue_piece
from espressivo.music.hearing import hear
from espressivo.music.infilling import fill_bars
from espressivo.music.midi import load_score
from espressivo.music.reexpression import reexpress
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings

SETTINGS = MusicSettings(humanise=0.0)
Events = list[mido.Message]


def midi_bytes(*tracks: Events, division: int = 480, kind: int = 1) -> bytes:
    file = mido.MidiFile(type=kind, ticks_per_beat=division)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def scale(num: int, *, channel: int = 0, step: int = 240, first: int = 60) -> Events:
    events: Events = []
    for index in range(num):
        pitch = first + (0, 2, 4, 5, 7, 9, 11, 12)[index % 8]
        events.append(mido.Message("note_on", channel=channel, note=pitch, velocity=70, time=0))
        events.append(mido.Message("note_off", channel=channel, note=pitch, time=step))
    return events


def metre(numerator: int, denominator: int) -> Events:
    return [mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)]


def use(score: Score, plan: Any, seed: int = 0) -> list[Score]:
    """All that can be done with a given piece; a typed error is an answer too."""
    made = []
    num_bars = len(score.bars())
    uses: list[Callable[[], Score]] = [
        lambda: continue_piece(score, seed=seed, settings=SETTINGS, duration_s=4.0).score,
        lambda: fill_bars(score, (num_bars + 1) // 2, num_bars, seed=seed, settings=SETTINGS),
        lambda: fill_bars(score, 1, 1, seed=seed, settings=SETTINGS, plan=plan),
        lambda: reexpress(score, plan, seed=seed, settings=SETTINGS),
    ]
    for one in uses:
        try:
            made.append(one())
        except EspressivoError:
            continue
    return made


ODD: dict[str, bytes] = {
    "only drums": midi_bytes(scale(16, channel=9)),
    "three notes": midi_bytes(scale(3)),
    "one pitch": midi_bytes([event for _ in range(20) for event in scale(1)]),
    "one chord": midi_bytes([*(mido.Message("note_on", note=n, velocity=60) for n in range(128)),
                             *(mido.Message("note_off", note=n, time=480 if n == 0 else 0) for n in range(128))]),
    "never let go": midi_bytes([mido.Message("note_on", note=60 + i % 12, velocity=60, time=100) for i in range(40)]),
    "five eighths": midi_bytes(metre(5, 8) + scale(40)),
    "seven eighths": midi_bytes(metre(7, 8) + scale(42)),
    "a thirty-second": midi_bytes(metre(1, 32) + scale(20)),
    "sixty-four halves": midi_bytes(metre(64, 2) + scale(40)),
    "twelve eighths": midi_bytes(metre(12, 8) + scale(48)),
    "as slow as MIDI goes": midi_bytes([mido.MetaMessage("set_tempo", tempo=2**24 - 1), *scale(16)]),
    "as fast as MIDI goes": midi_bytes([mido.MetaMessage("set_tempo", tempo=1), *scale(64)]),
    "tempo on every note": midi_bytes([e for i in range(300) for e in (mido.MetaMessage("set_tempo", tempo=500 + i), *scale(1))]),
    "coarse": midi_bytes(scale(32, step=12), division=24),
    "silence first": midi_bytes([mido.Message("program_change", program=3, time=480 * 64), *scale(32)]),
    "silence last": midi_bytes([*scale(16), mido.MetaMessage("text", text="late", time=480 * 64)]),
    "bottom": midi_bytes(scale(32, first=0)),
    "top": midi_bytes(scale(32, first=115)),
    "sixteen channels": midi_bytes(*(scale(8, channel=channel) for channel in range(16))),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_files_give_music_or_a_typed_error(name: str, make_plan: Any) -> None:
    score = Score.from_midi_bytes(ODD[name])
    made = use(score, make_plan(("fear", 5.0)))
    for piece in made:
        assert Score.from_midi_bytes(piece.to_midi_bytes()) == piece
    if name not in {"only drums", "three notes", "one chord"}:
        assert made


def test_type_2_files_film_time_and_zero_tempo_are_refused_by_name(tmp_path: Path) -> None:
    good = midi_bytes(scale(16))
    cases = {
        "midi.type": midi_bytes(scale(8), scale(8), kind=2),
        "midi.smpte": good[:12] + b"\xe7\x28" + good[14:],
        "midi.resolution": good[:12] + b"\x00\x00" + good[14:],
        "midi.tempo": midi_bytes([mido.MetaMessage("set_tempo", tempo=0), *scale(4)]),
        "midi.empty": midi_bytes([]),
        "midi.malformed": good[:-6],
        "midi.format": b"RIFF" + good,
        "midi.too_large": good + bytes(2 * 1024 * 1024),
    }
    for code, data in cases.items():
        path = tmp_path / "mine.mid"
        path.write_bytes(data)
        with pytest.raises(MidiInputError) as caught:
            load_score(path)
        assert caught.value.code == code
    with pytest.raises(MidiInputError) as caught:
        load_score(tmp_path / "none.mid")
    assert caught.value.code == "midi.missing"
    (tmp_path / "zero.mid").touch()
    with pytest.raises(MidiInputError, match="zero"):
        load_score(tmp_path / "zero.mid")


@settings(max_examples=40, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(14, 5000), st.integers(0, 255)), min_size=1, max_size=12),
    cut=st.integers(0, 60),
)
def test_damaged_pieces_give_music_or_a_typed_error(make_plan: Any, edits: list[tuple[int, int]], cut: int) -> None:
    plan = make_plan(("joy", 6.0))
    data = bytearray(compose(plan, seed=1, settings=SETTINGS).to_midi_bytes())
    for place, value in edits:
        data[place % len(data)] = value
    try:
        score = Score.from_midi_bytes(bytes(data[: len(data) - cut]))
    except MidiInputError:
        return
    use(score, plan)


def test_the_largest_piece_is_bounded_work() -> None:
    """40,000 notes, a pedal that moves with each of them, and bars of a sixteenth."""
    events = metre(1, 16)
    for index in range(40_000):
        pitch = 30 + index * 37 % 70
        events.append(mido.Message("note_on", note=pitch, velocity=64))
        events.append(mido.Message("control_change", control=64, value=127 * (index % 2)))
        events.append(mido.Message("note_off", note=pitch, time=30))
    score = Score.from_midi_bytes(midi_bytes(events))
    started = time.process_time()
    hear(score)
    assert time.process_time() - started < 8.0
