"""Chords as people type them, and music that keeps to them."""

from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.errors import SettingError
from espressivo.music.accompaniment import PATTERNS
from espressivo.music.compose import compose
from espressivo.music.progression import RomanChord, parse_chord, parse_progression
from espressivo.music.settings import MusicSettings, Style
from espressivo.music.theory import CHORD_INTERVALS, PITCH_CLASS_NAMES, Chord, Key


@pytest.mark.parametrize(
    ("text", "chord"),
    [
        ("C", Chord(0, "maj", 0)),
        ("F#m7", Chord(6, "min7", 6)),
        ("Bbmaj7", Chord(10, "maj7", 10)),
        ("Ebdim", Chord(3, "dim", 3)),
        ("Cø7", Chord(0, "hdim7", 0)),
        ("Asus4", Chord(9, "sus4", 9)),
        ("G/B", Chord(7, "maj", 11)),
        ("C:min7", Chord(0, "min7", 0)),
        ("D-7", Chord(2, "min7", 2)),
    ],
)
def test_chord_symbols(text: str, chord: Chord) -> None:
    assert parse_chord(text) == chord


def test_every_chord_of_a_score_is_understood_again() -> None:
    for root, name in enumerate(PITCH_CLASS_NAMES):
        for quality in CHORD_INTERVALS:
            assert parse_chord(f"{name}:{quality}") == Chord(root, quality, root)


@pytest.mark.parametrize(
    ("numeral", "key", "chord"),
    [
        ("V7", Key(0, "major"), Chord(7, "7", 7)),
        ("ii7", Key(0, "major"), Chord(2, "min7", 2)),
        ("VI", Key(9, "minor"), Chord(5, "maj", 5)),
        ("bVI", Key(9, "minor"), Chord(5, "maj", 5)),
        ("bVII", Key(0, "major"), Chord(10, "maj", 10)),
        ("vii°", Key(2, "major"), Chord(1, "dim", 1)),
    ],
)
def test_roman_numerals(numeral: str, key: Key, chord: Chord) -> None:
    symbol = parse_chord(numeral)
    assert isinstance(symbol, RomanChord)
    assert symbol.in_key(key) == chord


def test_bars_and_separators() -> None:
    assert len(parse_progression("Am F C G")) == 4
    assert parse_progression("Am-F-C-G") == parse_progression("Am, F – C - G") == parse_progression("Am F C G")
    assert [len(bar) for bar in parse_progression("Dm7 G7 | Cmaj7 |")] == [2, 1]


@pytest.mark.parametrize(
    ("text", "hint"),
    [("am F", "write Am"), ("H7", "H is B"), ("Cmaj13", "maj7"), ("", "no chords"), ("|", "no chords"), ("C |  | G", "no chords"),
     ("C " * 65, "64 bars"), ("C D E F G |", "of 4"), ("VIII", "numeral"), ("C/H", "A to G")],
)  # fmt: skip
def test_what_is_no_chord_is_said(text: str, hint: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_progression(text)
    assert caught.value.code == "setting.chords"
    assert hint in caught.value.message


@given(st.text(max_size=80))
def test_any_text_is_chords_or_one_kind_of_error(text: str) -> None:
    try:
        bars = parse_progression(text)
    except SettingError:
        return
    assert all(bars)


@pytest.mark.parametrize("metre", ["2/4", "3/4", "4/4", "6/8"])
@pytest.mark.parametrize("emotion", ["joy", "sadness", "fear"])
def test_the_music_follows_the_chords_in_every_metre(make_plan: Any, metre: Any, emotion: str) -> None:
    settings = MusicSettings(chords="Am F C G", metre=metre)
    score = compose(make_plan((emotion, 23.0)), seed=2, settings=settings)
    assert score.duration_s == pytest.approx(23.0, abs=1e-5)
    wanted = [parse_chord(word) for word in ["Am", "F", "C", "G"]]
    bars = score.bars()
    for index, (start, _) in enumerate(bars[:-1]):
        chord = next(span.chord for span in score.chords if span.start_tick <= start < span.end_tick)
        assert chord == wanted[index % 4], index
    assert score.chords[-1].chord.root == score.keys[0].key.tonic  # the last bar is at home
    assert score.keys[0].key.has_major_third is (emotion == "joy")
    structural = [note for note in score.notes if score.parts[note.part].role in {"bass", "pad"}]
    for note in structural:
        middle = note.start_tick + min(note.duration_ticks, 240) // 2
        chord = next(span.chord for span in score.chords if span.start_tick <= middle < span.end_tick)
        assert note.pitch % 12 in {*chord.pitch_classes, chord.bass}


def test_the_progression_runs_on_through_sections(make_plan: Any) -> None:
    score = compose(make_plan(("joy", 9.0), ("awe", 11.0)), seed=1, settings=MusicSettings(chords="C G Am F", metre="3/4"))
    assert len(score.sections) == 2
    sounding = [next(s.chord for s in score.chords if s.start_tick <= start < s.end_tick) for start, _ in score.bars()]
    assert sounding[:-1] == [parse_chord(["C", "G", "Am", "F"][index % 4]) for index in range(len(sounding) - 1)]


def test_numerals_follow_the_key_and_two_chords_share_a_bar(make_plan: Any) -> None:
    settings = MusicSettings(chords="i iv | V7 i", tonic=4, mode="minor", tempo_bpm=90)
    score = compose(make_plan(("sadness", 20.0)), seed=0, settings=settings)
    first = [str(span.chord) for span in score.chords[:3]]
    assert first == ["E:min", "A:min", "B:7"]
    assert score.chords[1].start_tick == 960


def test_styles_are_those_of_the_accompaniment() -> None:
    assert set(get_args(Style)) == set(PATTERNS)


def test_every_style_sounds_different(make_plan: Any) -> None:
    written = {}
    for style in get_args(Style):
        settings = MusicSettings(style=style, palette="piano", humanise=0.0)
        score = compose(make_plan(("contentment", 12.0)), seed=1, settings=settings)
        inner = [note for note in score.notes if score.parts[note.part].role == "accompaniment"]
        written[style] = [(note.start_tick, note.pitch) for note in inner if note.start_tick < score.bars()[-1][0]]
    assert len({tuple(notes) for notes in written.values()}) == len(written)
    for style, notes in written.items():
        together = sum(a[0] == b[0] for a, b in pairwise(notes))
        if style in {"arpeggio", "alberti", "ostinato"}:
            assert together == 0, style
        if style in {"block", "pulse", "sustain"}:
            assert together > 0, style
