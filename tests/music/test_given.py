"""Pieces that a user gives: heard, continued, filled, put into another emotion."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import MidiInputError, SettingError
from espressivo.music.achieved import measure_attributes
from espressivo.music.asked import compare
from espressivo.music.compose import compose
from espressivo.music.continuation import continue_piece, plan_as_heard
from espressivo.music.hearing import EARLY_TICKS, hear
from espressivo.music.infilling import bars_duration_s, fill_bars
from espressivo.music.reexpression import natural_duration_s, reexpress
from espressivo.music.score import KeyChange, Part, Score, Section
from espressivo.music.settings import MusicSettings
from espressivo.music.texture import moved_tone
from espressivo.music.theory import Chord, Key

DEFAULT = MusicSettings()
STRICT = MusicSettings(palette="piano", humanise=0.0)


def foreign(score: Score) -> Score:
    """The same notes as another program would write them: one part, no chords, no keys, no sections."""
    best: dict[tuple[int, int], Any] = {}
    for note in score.notes:
        best.setdefault((note.start_tick, note.pitch), replace(note, part=0))
    notes: list[Any] = []
    ends: dict[int, int] = {}
    for note in sorted(best.values()):
        if note.start_tick >= ends.get(note.pitch, 0):
            notes.append(note)
            ends[note.pitch] = note.end_tick
    return replace(
        score,
        parts=(Part("Piano", 0, "accompaniment"),),
        notes=tuple(notes),
        chords=(),
        controls=(),
        markers=(),
        keys=(KeyChange(0, Key(0, "major")),),
        sections=(Section(0, score.end_tick, ""),),
    )


@pytest.fixture(scope="module")
def piece(make_plan: Any) -> Score:
    return compose(make_plan(("joy", 24.0)), seed=4, settings=MusicSettings(palette="piano", tonic=2, chords="D A Bm G"))


@pytest.mark.parametrize("emotion", ["joy", "sadness", "contentment"])
def test_key_metre_and_chords_are_heard(make_plan: Any, emotion: str) -> None:
    for seed, metre in enumerate(("3/4", "4/4", "6/8")):
        known = compose(make_plan((emotion, 30.0)), seed=seed, settings=MusicSettings(palette="piano", metre=metre, tonic=5))
        heard = hear(foreign(known))
        assert heard.metre == metre
        assert heard.key.tonic in {5, known.keys[0].key.pitch_class(2), known.keys[0].key.pitch_class(5)}  # or a relative key
        named = hear(known).chords
        agreement = np.mean(
            [len(set(a.pitch_classes) & set(b.pitch_classes)) >= 2 for a, b in zip(named, heard.chords, strict=True)]
        )
        assert agreement > 0.8


def test_the_melody_is_heard_in_one_part(piece: Score) -> None:
    heard = hear(foreign(piece))
    melody = {(note.start_tick, note.pitch) for note in piece.notes if piece.parts[note.part].role == "melody"}
    found = {(heard.score.notes[index].start_tick, heard.score.notes[index].pitch) for index in heard.melody}
    assert len(found & melody) / len(found) > 0.75


@pytest.mark.parametrize("as_foreign", [False, True])
def test_a_continuation_goes_on_as_it_was(piece: Score, as_foreign: bool) -> None:
    score = foreign(piece) if as_foreign else piece
    sequel = continue_piece(score, seed=1, settings=DEFAULT, duration_s=12.0)
    whole = sequel.score
    assert sequel.tail.duration_s == pytest.approx(12.0, abs=1e-4)
    assert whole.duration_s - whole.seconds(sequel.start_tick) == pytest.approx(12.0, abs=1e-4)
    given_notes = [note for note in whole.notes if note.start_tick < sequel.start_tick]
    assert tuple(given_notes) == score.notes
    assert sequel.start_tick in {start for start, _ in whole.bars()}
    before = measure_attributes(score, score.sections[0])
    after = measure_attributes(sequel.tail, sequel.tail.sections[0])
    assert float(after["tempo_bpm"]) == pytest.approx(float(before["tempo_bpm"]), rel=0.12)
    assert float(after["density_nps"]) == pytest.approx(float(before["density_nps"]), rel=0.35)
    assert float(after["velocity"]) == pytest.approx(float(before["velocity"]), abs=10)
    assert sequel.tail.chords[-1].chord.root == hear(score).key.tonic
    inside = [note.pitch % 12 in hear(score).key.pitch_classes for note in sequel.tail.notes]
    assert np.mean(inside) > 0.85
    assert Score.from_midi_bytes(whole.to_midi_bytes()) == whole
    assert continue_piece(score, seed=1, settings=DEFAULT, duration_s=12.0) == sequel


def test_the_motif_is_used_again(piece: Score) -> None:
    """Bars of the tail share more onsets with the piece's opening than with another piece's."""
    sequel = continue_piece(piece, seed=1, settings=MusicSettings(humanise=0.0), duration_s=20.0)
    opening = hear(piece).motif(0)
    assert opening is not None
    tail = hear(sequel.tail)

    def overlap(ranking: Any) -> float:
        hits = []
        for bar in range(len(tail.bars) - 1):
            places = [round((note.start_tick - tail.bars[bar][0]) / 120) for note in tail.melody_of(bar)]
            hits += [ranking[bar % 2][max(place, 0)] > 0 for place in places if place < 48]
        return float(np.mean(hits))

    assert overlap(opening.ranking) > 0.8
    assert overlap(opening.ranking) > overlap(np.roll(opening.ranking, 1, axis=1)) + 0.2


def test_a_continuation_in_another_emotion(piece: Score, make_plan: Any) -> None:
    sequel = continue_piece(piece, seed=1, settings=DEFAULT, plan=make_plan(("sadness", 14.0)))
    rows = {row.name: row for row in compare(sequel.tail, sequel.plan, DEFAULT)}
    assert rows["mode"].achieved in {"minor", "phrygian", "dorian"}
    assert rows["tempo_bpm"].is_met
    assert rows["velocity"].is_met
    assert sequel.tail.keys[0].key.tonic == 2
    assert set(sequel.tail.parts) == set(piece.parts)


@settings(max_examples=20, deadline=None)
@given(first=st.integers(1, 12), length=st.integers(1, 5), seed=st.integers(0, 9), as_foreign=st.booleans())
def test_only_the_bars_asked_for_change(piece: Score, first: int, length: int, seed: int, as_foreign: bool) -> None:
    score = foreign(piece) if as_foreign else piece
    bars = score.bars()
    first = min(first, len(bars))
    last = min(first + length - 1, len(bars))
    if last - first + 1 == len(bars):
        return
    filled = fill_bars(score, first, last, seed=seed, settings=DEFAULT)
    start, end = bars[first - 1][0], bars[last - 1][1]
    outside = [note for note in score.notes if not start <= note.start_tick + EARLY_TICKS < end]
    assert set(outside) <= set(filled.notes)
    new = set(filled.notes) - set(outside)
    assert new
    assert all(start <= note.start_tick < end and note.end_tick <= end for note in new)
    assert (filled.tempos, filled.metres, filled.end_tick) == (score.tempos, score.metres, score.end_tick)
    assert Score.from_midi_bytes(filled.to_midi_bytes()) == filled


def test_filled_bars_are_like_their_neighbours_or_as_asked(piece: Score, make_plan: Any) -> None:
    start, end = piece.bars()[4][0], piece.bars()[7][1]
    plain = fill_bars(piece, 5, 8, seed=2, settings=DEFAULT)
    was = measure_attributes(piece, Section(start, end, ""))
    now = measure_attributes(plain, Section(start, end, ""))
    assert float(now["density_nps"]) == pytest.approx(float(was["density_nps"]), rel=0.35)
    assert plain.chords == piece.chords
    plan = make_plan(("sadness", bars_duration_s(piece, 5, 8)))
    sad = fill_bars(piece, 5, 8, seed=2, settings=DEFAULT, plan=plan)
    changed = measure_attributes(sad, Section(start, end, ""))
    assert float(changed["velocity"]) < float(now["velocity"]) - 20
    assert float(changed["density_nps"]) < 0.7 * float(now["density_nps"])


def test_pedal_outside_the_gap_is_untouched(make_plan: Any) -> None:
    score = compose(make_plan(("sadness", 30.0)), seed=1, settings=MusicSettings(palette="piano"))
    assert score.controls
    bars = score.bars()
    filled = fill_bars(score, 3, 4, seed=0, settings=DEFAULT)
    start, end = bars[2][0], bars[3][1]

    def outside(piece: Score) -> list[Any]:
        return [control for control in piece.controls if not start <= control.tick < end]

    assert outside(filled) == outside(score)


def test_what_cannot_be_done_with_a_piece_is_said(piece: Score) -> None:
    for bars in ((0, 2), (3, 2), (1, 999)):
        with pytest.raises(SettingError) as caught:
            fill_bars(piece, *bars, seed=0, settings=DEFAULT)
        assert caught.value.code == "setting.bars"
    few = replace(piece, notes=piece.notes[:3])
    for attempt in (
        lambda: continue_piece(few, seed=0, settings=DEFAULT),
        lambda: fill_bars(piece, 1, len(piece.bars()), seed=0, settings=DEFAULT),
        lambda: plan_as_heard(few, 5.0),
    ):
        with pytest.raises(MidiInputError) as caught_midi:
            attempt()
        assert caught_midi.value.code == "midi.too_few_notes"
    with pytest.raises(SettingError):
        continue_piece(piece, seed=0, settings=DEFAULT, duration_s=1790.0)


def test_tones_move_to_the_same_place_in_another_chord() -> None:
    key = Key(0, "major")
    assert moved_tone(64, Chord(0, "maj", 0), Chord(5, "maj", 5), key) % 12 == 9  # third to third
    assert moved_tone(36, Chord(0, "maj", 0), Chord(7, "maj", 11), key) % 12 == 11  # a root in the bass takes the bass
    assert moved_tone(62, Chord(0, "maj", 0), Chord(0, "maj", 0), key) == 62


def test_reexpression_keeps_the_material_and_changes_the_expression(piece: Score, make_plan: Any) -> None:
    """What stays: bars, rhythm, contour. What changes: mode, tempo, loudness, articulation."""
    sad_plan = make_plan(("sadness", natural_duration_s(piece, 60.0)))
    sad = reexpress(piece, sad_plan, seed=1, settings=STRICT)
    assert len(sad.bars()) == len(piece.bars())

    def melody(score: Score) -> list[Any]:
        return [note for note in score.notes if score.parts[note.part].role == "melody"]

    def rhythm(score: Score) -> set[int]:
        return {round(note.start_tick / 120) for note in melody(score)}

    before, after = rhythm(piece), rhythm(sad)
    assert len(before & after) / len(before | after) > 0.85
    tops = [
        [max(n.pitch for n in melody(score) if round(n.start_tick / 120) == tick) for tick in sorted(before & after)]
        for score in (piece, sad)
    ]
    moves = [[np.sign(b - a) for a, b in pairwise(top)] for top in tops]
    assert np.mean(np.array(moves[0]) == np.array(moves[1])) > 0.85
    was = measure_attributes(piece, piece.sections[0])
    now = measure_attributes(sad, sad.sections[0])
    assert (was["mode"], now["mode"]) == ("major", "minor")
    assert float(now["tempo_bpm"]) < 0.6 * float(was["tempo_bpm"])
    assert float(now["velocity"]) < float(was["velocity"]) - 30


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 11), length=st.integers(1, 6))
def test_excerpts_are_scores(piece: Score, first: int, length: int) -> None:
    bars = piece.bars()
    start, end = bars[first][0], bars[min(first + length, len(bars)) - 1][1]
    excerpt = piece.excerpt(start, end)
    assert excerpt.end_tick == end - start
    assert [note.pitch for note in excerpt.notes] == [note.pitch for note in piece.notes_between(start, end)]
    assert excerpt.duration_s == pytest.approx(piece.seconds(end) - piece.seconds(start), abs=1e-9)
    assert excerpt.key_at(0) == piece.key_at(start)


def test_the_learned_composer_goes_on_and_fills(piece: Score) -> None:
    settings = MusicSettings(composer="model")
    sequel = continue_piece(piece, seed=1, settings=settings, duration_s=5.0)
    assert sequel.tail.duration_s == pytest.approx(5.0, abs=1e-4)
    assert sequel.tail.chords[-1].chord.root == 2
    assert set(piece.notes) <= set(sequel.score.notes)
    filled = fill_bars(piece, 5, 6, seed=1, settings=settings)
    start, end = piece.bars()[4][0], piece.bars()[5][1]
    outside = {note for note in piece.notes if not start <= note.start_tick + EARLY_TICKS < end}
    new = set(filled.notes) - outside
    assert outside <= set(filled.notes)
    assert len(new) > 4
    assert np.mean([note.pitch % 12 in piece.key_at(start).pitch_classes for note in new]) > 0.9
    assert filled.chords == piece.chords
