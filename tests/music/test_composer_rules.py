"""The rule composer meets the plan: times exactly, attributes closely, rules of harmony always."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import SettingError
from espressivo.music.achieved import measure_attributes
from espressivo.music.compose import compose
from espressivo.music.form import bar_lengths
from espressivo.music.harmony import voice_chords
from espressivo.music.score import ChordSpan, Score
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import Chord

EMOTIONS = ["joy", "sadness", "anger", "fear", "contentment", "awe"]
DEFAULT = MusicSettings()


def achieved(score: Score, name: str, section: int = 0) -> float:
    return float(measure_attributes(score, score.sections[section])[name])


@settings(max_examples=40, deadline=None)
@given(
    items=st.lists(st.tuples(st.sampled_from(EMOTIONS), st.floats(0.05, 20.0)), min_size=1, max_size=6),
    seed=st.integers(0, 2**40),
)
def test_borders_fall_on_the_plans_times(make_plan: Any, items: list[tuple[str, float]], seed: int) -> None:
    plan = make_plan(*items)
    score = compose(plan, seed=seed, settings=DEFAULT)
    assert score.duration_s == pytest.approx(plan.duration_s, abs=1e-4)
    starts = {score.seconds(section.start_tick) for section in score.sections}
    starts |= {score.seconds(marker.tick) for marker in score.markers}
    for segment in plan.segments:
        tick_s = max(tempo.microseconds_per_quarter for tempo in score.tempos) / 480e6
        assert min(abs(start - segment.start_s) for start in starts) <= max(1e-4, 0.51 * tick_s)


@pytest.mark.parametrize("duration_s", [0.2, 0.5, 1.0, 3.3, 61.7, 600.0])
def test_durations_are_exact(make_plan: Any, duration_s: float) -> None:
    for name in ("joy", "sadness"):
        score = compose(make_plan((name, duration_s)), seed=3, settings=DEFAULT)
        assert score.duration_s == pytest.approx(duration_s, abs=1e-5)
        assert max(note.end_tick for note in score.notes) == score.end_tick


def test_same_seed_same_bytes_other_seed_other_music(make_plan: Any) -> None:
    plan = make_plan(("joy", 9.0), ("fear", 7.0))
    first = compose(plan, seed=5, settings=DEFAULT).to_midi_bytes()
    assert compose(plan, seed=5, settings=DEFAULT).to_midi_bytes() == first
    assert compose(plan, seed=6, settings=DEFAULT).to_midi_bytes() != first


@pytest.mark.parametrize("name", EMOTIONS)
def test_attributes_are_met(make_plan: Any, name: str) -> None:
    plan = make_plan((name, 24.0))
    asked = plan.segments[0].music
    for seed in range(3):
        score = compose(plan, seed=seed, settings=DEFAULT)
        assert achieved(score, "tempo_bpm") == pytest.approx(asked.tempo_bpm, rel=0.08)
        assert achieved(score, "density_nps") == pytest.approx(asked.density_nps, rel=0.25)
        assert achieved(score, "velocity") == pytest.approx(asked.velocity, abs=3)
        assert achieved(score, "velocity_spread") == pytest.approx(asked.velocity_spread, abs=3)
        assert achieved(score, "articulation") == pytest.approx(asked.articulation, abs=0.1)
        assert achieved(score, "register_low") >= asked.register_low - 12  # the last chord may reach a little below
        assert achieved(score, "register_high") <= asked.register_high + 12
        assert measure_attributes(score, score.sections[0])["mode"] == asked.mode


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("tempo_bpm", (50, 80, 120, 180)),
        ("density_nps", (1.5, 2.5, 3.5, 5)),
        ("velocity", (30, 60, 90, 115)),
        ("articulation", (0.3, 0.55, 0.8, 1.0)),
        ("dissonance", (0.0, 0.3, 0.7)),
    ],
)
def test_more_asked_is_more_given(make_plan: Any, field: str, values: tuple[float, ...]) -> None:
    means = []
    for value in values:
        scores = [compose(make_plan(("contentment", 20.0), **{field: value}), seed=seed, settings=DEFAULT) for seed in range(4)]
        means.append(np.mean([achieved(score, field) for score in scores]))
    assert all(later > earlier for earlier, later in pairwise(means)), means


def test_chords_and_melody_agree_with_the_key(make_plan: Any) -> None:
    for name in ("joy", "contentment", "sadness"):
        score = compose(make_plan((name, 30.0)), seed=1, settings=DEFAULT)
        key = score.keys[0].key
        inside = [span.chord.root in key.pitch_classes for span in score.chords]
        assert np.mean(inside) > 0.9
        assert score.chords[-1].chord.root == key.tonic
        melody = [note for note in score.notes if score.parts[note.part].role == "melody"]
        assert melody[-1].pitch % 12 == key.tonic
        assert np.mean([note.pitch % 12 in key.pitch_classes for note in melody]) > 0.85


def test_chords_tile_the_piece(make_plan: Any) -> None:
    score = compose(make_plan(("joy", 12.0), ("awe", 9.0)), seed=2, settings=DEFAULT)
    assert score.chords[0].start_tick == 0
    assert score.chords[-1].end_tick == score.end_tick
    assert all(a.end_tick == b.start_tick for a, b in pairwise(score.chords))


def test_a_melody_in_octaves_is_no_more_legato_than_its_upper_voice(make_plan: Any) -> None:
    score = compose(make_plan(("awe", 5.0)), seed=0, settings=DEFAULT)
    doubled = [replace(note, pitch=note.pitch - 12) for note in score.notes if score.parts[note.part].role == "melody"]
    thicker = replace(score, notes=tuple(sorted((*score.notes, *doubled))))
    assert achieved(thicker, "articulation") == pytest.approx(achieved(score, "articulation"), abs=0.05)


@pytest.mark.parametrize("name", ["sadness", "contentment"])
def test_broken_chords_stay_below_the_melody(make_plan: Any, name: str) -> None:
    plan = make_plan((name, 16.0), register_low=60, register_high=80)
    crossing = []
    for seed in range(3):
        score = compose(plan, seed=seed, settings=MusicSettings(palette="piano", humanise=0.0))
        melody = [note for note in score.notes if score.parts[note.part].role == "melody"]
        for note in score.notes:
            over = [m.pitch for m in melody if m.start_tick < note.end_tick - 60 and note.start_tick < m.end_tick - 60]
            if score.parts[note.part].role == "accompaniment":
                crossing.append(note.pitch > min(over, default=127))
    assert np.mean(crossing) < 0.05


def test_the_end_slows_down_and_is_held(make_plan: Any) -> None:
    score = compose(make_plan(("sadness", 30.0)), seed=2, settings=DEFAULT)
    tempos = [tempo.microseconds_per_quarter for tempo in score.tempos]
    assert tempos[-1] > 1.3 * np.median(tempos)
    last_bar = score.bars()[-1][0]
    assert [note for note in score.notes if note.end_tick == score.end_tick and note.start_tick <= last_bar + 60]


def test_the_theme_returns(make_plan: Any) -> None:
    """Rhythms of whole bars recur: music with a motif repeats itself more than chance would."""
    score = compose(make_plan(("joy", 40.0)), seed=4, settings=MusicSettings(humanise=0.0))
    melody = [note for note in score.notes if score.parts[note.part].role == "melody"]
    rhythms = []
    for start, end in score.bars():
        rhythms.append(tuple(note.start_tick - start for note in melody if start <= note.start_tick < end))
    assert len(set(rhythms)) < 0.75 * len(rhythms)


@pytest.mark.parametrize("metre", ["2/4", "3/4", "4/4", "6/8"])
def test_settings_are_obeyed(make_plan: Any, metre: Any) -> None:
    chosen = MusicSettings(metre=metre, tonic=9, mode="dorian", tempo_bpm=100, palette="piano")
    score = compose(make_plan(("joy", 20.0)), seed=0, settings=chosen)
    assert f"{score.metres[0].numerator}/{score.metres[0].denominator}" == metre
    assert (score.keys[0].key.tonic, score.keys[0].key.mode) == (9, "dorian")
    assert {part.program for part in score.parts} == {0}
    assert achieved(score, "tempo_bpm") == pytest.approx(100, rel=0.08)


def test_unknown_palette_and_excessive_length_are_refused(make_plan: Any) -> None:
    with pytest.raises(SettingError) as caught:
        compose(make_plan(("joy", 5.0)), seed=0, settings=MusicSettings(palette="kazoo"))
    assert caught.value.code == "setting.palette"
    with pytest.raises(SettingError) as caught:
        compose(make_plan(("joy", 1801.0)), seed=0, settings=DEFAULT)
    assert caught.value.code == "setting.duration"


@given(st.floats(1.5, 600.0), st.floats(30.0, 220.0), st.sampled_from([4, 6, 8]))
def test_bars_fit_at_nearly_the_tempo_asked(duration_s: float, tempo_bpm: float, bar_eighths: int) -> None:
    lengths = bar_lengths(duration_s, tempo_bpm, bar_eighths)
    reached = 30.0 * sum(lengths) / duration_s
    ideal = duration_s * tempo_bpm / 30.0
    assert abs(np.log(reached / tempo_bpm)) < max(0.13, 0.7 / ideal)
    assert all(length == bar_eighths for length in lengths[:-1])


def test_voices_move_smoothly() -> None:
    chords = tuple(
        ChordSpan(i * 480, (i + 1) * 480, Chord(r, q, r))
        for i, (r, q) in enumerate([(0, "maj"), (9, "min"), (5, "maj"), (7, "7")])
    )
    voicings = voice_chords(chords, 3, 48, 67)
    moves = [abs(a - b) for one, two in pairwise(voicings) for a, b in zip(one, two, strict=True)]
    assert max(moves) <= 5
    assert np.mean(moves) < 2.5
    for span, voicing in zip(chords, voicings, strict=True):
        assert {pitch % 12 for pitch in voicing} <= set(span.chord.pitch_classes)
