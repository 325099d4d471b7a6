"""Scores are valid or refused, and survive MIDI unchanged."""

import io
from itertools import pairwise

import mido
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import MidiInputError
from espressivo.music.score import (
    AI_MARK,
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
from espressivo.music.theory import CHORD_INTERVALS, MODE_STEPS, Chord, Key

END = 8 * 480
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12).map(lambda text: "x" + text)


def make_score(**changes: object) -> Score:
    values = {
        "parts": (Part("Piano", 0, "melody"),),
        "notes": (Note(0, 60, 480, 80, 0), Note(480, 64, 480, 81, 0)),
        "tempos": (TempoChange(0, 500_000),),
        "metres": (MetreChange(0, 4, 4),),
        "keys": (KeyChange(0, Key(0, "major")),),
        "chords": (),
        "sections": (Section(0, END, "joy"),),
        "end_tick": END,
    }
    return Score(**(values | changes))


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """Scores with several parts, changing tempo, metre and key, chords with gaps, and notes in disorder."""
    num_parts = draw(st.integers(1, 4))
    parts = tuple(
        Part(draw(TEXTS), draw(st.integers(0, 127)), role, draw(st.integers(0, 127)), draw(st.integers(0, 127)))
        for role in draw(st.lists(st.sampled_from(["melody", "bass", "pad", "counter"]), min_size=num_parts, max_size=num_parts))
    )
    ends: dict[tuple[int, int], int] = {}
    notes = []
    raw = st.tuples(
        st.integers(0, END - 1), st.integers(0, 127), st.integers(1, 900), st.integers(1, 127), st.integers(0, num_parts - 1)
    )
    for start, pitch, duration, velocity, part in sorted(draw(st.lists(raw, min_size=1, max_size=40))):
        if start >= ends.get((part, pitch), 0):
            note = Note(start, pitch, min(duration, END - start), velocity, part)
            ends[part, pitch] = note.end_tick
            notes.append(note)
    ticks = st.lists(st.integers(1, END - 1), unique=True, max_size=4).map(sorted)
    key = st.builds(Key, st.integers(0, 11), st.sampled_from(sorted(MODE_STEPS)))
    chord = st.builds(Chord, st.integers(0, 11), st.sampled_from(sorted(CHORD_INTERVALS)), st.integers(0, 11))
    borders = [0, *draw(ticks), END]
    cuts = [0, *draw(ticks), END]
    chords = [ChordSpan(a, b, draw(chord)) for a, b in pairwise(cuts) if draw(st.booleans())]
    return make_score(
        parts=parts,
        notes=tuple(sorted(notes)),
        tempos=tuple(TempoChange(t, draw(st.integers(100_000, 2_000_000))) for t in [0, *draw(ticks)]),
        metres=tuple(MetreChange(t, draw(st.integers(1, 12)), draw(st.sampled_from([2, 4, 8]))) for t in [0, *draw(ticks)]),
        keys=tuple(KeyChange(t, draw(key)) for t in [0, *draw(ticks)]),
        chords=tuple(chords),
        sections=tuple(Section(a, b, draw(TEXTS)) for a, b in pairwise(borders)),
        markers=tuple(Marker(t, draw(TEXTS)) for t in draw(ticks)),
        controls=tuple(
            sorted(Control(t, draw(st.integers(0, num_parts - 1)), 64, draw(st.integers(0, 127))) for t in draw(ticks))
        ),
    )


@settings(max_examples=60, deadline=None)
@given(scores())
def test_midi_returns_the_same_score(score: Score) -> None:
    data = score.to_midi_bytes()
    assert Score.from_midi_bytes(data) == score
    assert score.to_midi_bytes() == data


@settings(max_examples=15, deadline=None)
@given(scores())
def test_pretty_midi_keeps_notes_and_harmony(score: Score) -> None:
    again = Score.from_pretty_midi(score.to_pretty_midi())
    sounding = {note.part for note in score.notes}
    if len(sounding) == len(score.parts):  # pretty_midi drops silent tracks
        assert again.notes == score.notes
        assert again.end_tick == score.end_tick
    assert again.chords == score.chords
    assert again.keys == score.keys
    for ours, theirs in zip(score.tempos, again.tempos, strict=False):
        assert abs(ours.microseconds_per_quarter - theirs.microseconds_per_quarter) <= 1


def test_every_file_is_marked_as_generated() -> None:
    score = make_score()
    first = mido.MidiFile(file=io.BytesIO(score.to_midi_bytes())).tracks[0][0]
    assert (first.type, first.time, first.text) == ("text", 0, AI_MARK)
    assert AI_MARK in [event.text for event in score.to_pretty_midi().text_events]


def test_times_follow_the_tempo_map() -> None:
    score = make_score(tempos=(TempoChange(0, 500_000), TempoChange(960, 1_000_000)))
    assert score.seconds(960) == 1.0
    assert score.seconds(1440) == 2.0
    assert score.duration_s == 1.0 + 6.0
    assert all(score.tick(score.seconds(tick)) == tick for tick in range(0, END, 37))


def test_bars_follow_the_metre() -> None:
    score = make_score(metres=(MetreChange(0, 4, 4), MetreChange(1920, 3, 8)))
    assert score.bars() == ((0, 1920), (1920, 2640), (2640, 3360), (3360, END))


@pytest.mark.parametrize(
    "changes",
    [
        {"notes": (Note(0, 128, 10, 80, 0),)},
        {"notes": (Note(0, 60, 10, 0, 0),)},
        {"notes": (Note(0, 60, 0, 80, 0),)},
        {"notes": (Note(0, 60, END + 1, 80, 0),)},
        {"notes": (Note(0, 60, 480, 80, 1),)},
        {"notes": (Note(0, 60, 480, 80, 0), Note(240, 60, 480, 80, 0))},
        {"notes": (Note(480, 60, 480, 80, 0), Note(0, 60, 480, 80, 0))},
        {"tempos": ()},
        {"tempos": (TempoChange(0, 0),)},
        {"tempos": (TempoChange(10, 500_000),)},
        {"metres": (MetreChange(0, 4, 3),)},
        {"sections": (Section(0, 480, "joy"),)},
        {"end_tick": 0},
        {"chords": (ChordSpan(0, 480, Chord(0, "maj", 0)), ChordSpan(240, 480, Chord(0, "maj", 0)))},
        {"controls": (Control(0, 0, 64, 128),)},
    ],
)
def test_invalid_scores_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MidiInputError) as caught:
        make_score(**changes)
    assert caught.value.code == "midi.invalid_score"


def test_foreign_files_are_brought_to_our_resolution() -> None:
    midi = pretty_midi.PrettyMIDI(resolution=96, initial_tempo=90)
    piano = pretty_midi.Instrument(0)
    piano.notes = [pretty_midi.Note(100, 60, 0.0, 2 / 3), pretty_midi.Note(90, 60, 1 / 3, 1.0)]
    midi.instruments.append(piano)
    score = Score.from_pretty_midi(midi)
    assert [note.start_tick for note in score.notes] == [0, 240]
    assert score.notes[0].end_tick <= 240
    assert score.sections[0].end_tick == score.end_tick


@pytest.mark.parametrize("data", [b"", b"MThd", b"RIFF" * 100, b"\x00" * 50])
def test_malformed_files_are_refused(data: bytes) -> None:
    with pytest.raises(MidiInputError):
        Score.from_midi_bytes(data)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=6))
def test_damaged_files_end_in_one_kind_of_error(place: int, junk: bytes) -> None:
    data = make_score().to_midi_bytes()
    damaged = data[: place % len(data)] + junk + data[place % len(data) + len(junk) :]
    try:
        Score.from_midi_bytes(damaged)
    except MidiInputError:
        return


def test_a_file_without_notes_is_refused() -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack())
    buffer = io.BytesIO()
    file.save(file=buffer)
    with pytest.raises(MidiInputError) as caught:
        Score.from_midi_bytes(buffer.getvalue())
    assert caught.value.code == "midi.empty"


def test_a_pile_of_equal_notes_is_bounded_work() -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack([mido.Message("note_on", note=60, velocity=64, time=0) for _ in range(60_000)])
    file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    with pytest.raises(MidiInputError):
        Score.from_midi_bytes(buffer.getvalue())
