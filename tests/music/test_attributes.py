"""Attributes of pieces built to have known values."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.music.attributes import ATTRIBUTE_NAMES, NoteTable, describe, estimate_tonic, measure, measure_bars, roughness
from espressivo.music.compose import compose
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import MODE_STEPS, Key


def line(pitches: list[int], gap_s: float = 0.5, held: float = 0.5, velocity: int = 80) -> NoteTable:
    count = len(pitches)
    return NoteTable.of_columns(
        np.arange(count) * gap_s, np.full(count, gap_s * held), np.array(pitches), np.full(count, velocity)
    )


def block(chords: list[tuple[int, ...]], gap_s: float = 1.0) -> NoteTable:
    starts = np.concatenate([[i * gap_s] * len(chord) for i, chord in enumerate(chords)])
    pitches = np.concatenate(chords)
    return NoteTable.of_columns(starts, np.full(starts.size, gap_s), pitches, np.full(starts.size, 70))


def test_a_scale() -> None:
    values = measure(line([60, 62, 64, 65, 67, 69, 71, 72]), Key(0, "major"))
    assert values["melodic_rising"] == 1.0
    assert values["melodic_semitones"] == pytest.approx(2 / 7)
    assert values["melodic_tones"] == pytest.approx(5 / 7)
    assert values["melodic_turns"] == 0.0
    assert values["out_of_scale"] == pytest.approx(0.0)
    assert values["articulation"] == pytest.approx(0.5)
    assert values["notes_per_s"] == pytest.approx(8 / 3.75)
    assert values["gap_npvi"] == pytest.approx(0.0)
    assert values["velocity_sd"] == 0.0
    assert values["degree_0"] == pytest.approx(0.25)


def test_chords() -> None:
    major, minor = (48, 52, 55), (48, 51, 55)
    assert measure(block([major] * 4))["major_triads"] == 1.0
    assert measure(block([minor] * 4))["minor_triads"] == 1.0
    assert measure(block([minor] * 4))["third_balance"] < -0.8
    assert measure(block([major] * 4))["notes_per_onset"] == 3.0
    assert measure(block([(48, 49, 50)] * 4))["roughness"] > 0.8
    assert roughness(np.array([48, 55])) == pytest.approx(0.0)
    assert roughness(np.array([48, 49])) == pytest.approx(1.0)


@pytest.mark.parametrize("tonic", [0, 3, 7, 10])
def test_the_tonic_is_found(tonic: int) -> None:
    cadence = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)]
    table = block([tuple(48 + tonic + pitch for pitch in chord) for chord in cadence])
    assert estimate_tonic(table)[0] == tonic


@given(st.integers(-12, 12))
def test_transposition_changes_only_what_it_must(shift: int) -> None:
    pitches = [60, 64, 67, 65, 62, 59, 60, 72, 71, 67]
    here, there = measure(line(pitches)), measure(line([pitch + shift for pitch in pitches]))
    pitched = {
        "pitch_mean",
        "pitch_p10",
        "pitch_p50",
        "pitch_p90",
        "top_mean",
        "bottom_mean",
        "pitch_low_share",
        "pitch_high_share",
    }
    for name in set(ATTRIBUTE_NAMES) - pitched:
        assert there[name] == pytest.approx(here[name], abs=1e-9), name
    assert there["pitch_mean"] == pytest.approx(here["pitch_mean"] + shift)


def test_length_is_not_measured() -> None:
    pitches = [60, 64, 67, 65, 62, 59, 60, 62] * 4
    short, long = measure(line(pitches)), measure(line(pitches * 4))
    for name in set(ATTRIBUTE_NAMES) - {"pitch_variety"}:
        assert long[name] == pytest.approx(short[name], rel=0.12, abs=0.06), name


def test_all_values_are_finite_numbers(make_plan: Any) -> None:
    score = compose(make_plan(("fear", 8.0)), seed=0, settings=MusicSettings())
    values = measure(NoteTable.of_score(score))
    assert tuple(values) == ATTRIBUTE_NAMES
    assert len(values) == 84
    assert np.isfinite(list(values.values())).all()


def test_too_few_notes_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        measure(line([60, 62]))


def test_modes_are_told_apart() -> None:
    for mode, steps in MODE_STEPS.items():
        values = measure(line([60 + step for step in steps] + [60, 67, 60]), Key(0, mode))
        assert values["out_of_scale"] == pytest.approx(0.0)


def test_every_attribute_is_described_and_within_its_range(make_plan: Any) -> None:
    told = describe()
    assert tuple(told) == ATTRIBUTE_NAMES
    assert all(entry.definition and entry.source and entry.range[0] < entry.range[1] for entry in told.values())
    tables = [NoteTable.of_score(compose(make_plan((name, 6.0)), seed=0, settings=MusicSettings())) for name in ("anger", "awe")]
    tables += [line([60, 62, 64, 65]), line([60, 60, 60, 60]), block([(21, 108), (21, 108)]), line([21, 108, 21, 108])]
    for table in tables:
        for name, value in measure(table).items():
            low, high = told[name].range
            assert low - 1e-9 <= value <= high + 1e-9, name


def test_bars_are_measured_one_by_one(make_plan: Any) -> None:
    score = compose(make_plan(("sadness", 10.0), ("joy", 10.0)), seed=0, settings=MusicSettings())
    rows = measure_bars(score)
    assert rows.shape == (len(score.bars()), len(ATTRIBUTE_NAMES))
    density = rows[:, ATTRIBUTE_NAMES.index("onsets_per_s")]
    assert np.nanmean(density[-4:]) > 1.3 * np.nanmean(density[:3])


def test_known_values_of_rhythm_texture_and_melody() -> None:
    uneven = NoteTable.of_columns(
        np.array([0.0, 0.5, 0.7, 1.2]), np.full(4, 0.08), np.array([60, 67, 60, 72]), np.array([60, 80, 60, 80])
    )
    values = measure(uneven, Key(0, "major"))
    assert values["gap_npvi"] == pytest.approx(100 * np.mean([0.3 / 0.35, 0.3 / 0.35]))
    assert values["gap_p50_s"] == pytest.approx(0.5)
    assert values["melodic_fourths_fifths"] == pytest.approx(2 / 3)
    assert values["melodic_leaps"] == pytest.approx(1 / 3)
    assert values["melodic_turns"] == 1.0
    assert values["velocity_mean"] == 70.0
    assert values["velocity_sd"] == 10.0
    assert values["velocity_change"] == pytest.approx(20.0)
    assert values["staccato_share"] == 1.0
    outer = measure(block([(48, 72), (47, 73), (48, 72), (47, 73)]))
    assert outer["contrary_motion"] == 1.0
    assert outer["hands_distance"] == pytest.approx(25.0)
    assert outer["chord_share"] == 0.0
    octaves = measure(block([(48, 60)] * 4))
    assert octaves["vertical_octaves"] == 1.0
    assert octaves["pitch_low_share"] == 0.0
    assert octaves["sounding_pitches"] == 2.0
    assert octaves["sounding_classes"] == 1.0
    assert measure(block([(48, 54)] * 4))["vertical_tritones"] == 1.0


@pytest.mark.slow
def test_measuring_is_quick(make_plan: Any) -> None:
    import time

    table = NoteTable.of_score(compose(make_plan(("joy", 30.0)), seed=0, settings=MusicSettings()))
    measure(table)
    started = time.process_time()
    for _ in range(5):
        measure(table)
    assert (time.process_time() - started) / 5 < 0.1
