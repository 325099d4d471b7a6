"""The same notes in another emotion: what must change changes, what must stay stays."""

from itertools import pairwise
from typing import Any

import pytest

from espressivo.errors import MidiInputError
from espressivo.music.achieved import measure_attributes
from espressivo.music.compose import compose
from espressivo.music.reexpression import reexpress
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings

PIANO = MusicSettings(palette="piano", humanise=0.0)


@pytest.fixture(scope="module")
def happy(make_plan: Any) -> Score:
    return compose(make_plan(("joy", 20.0)), seed=3, settings=PIANO)


def contour(score: Score, num: int) -> list[int]:
    melody = [note.pitch for note in score.notes if score.parts[note.part].role == "melody"][: num + 1]
    return [(b > a) - (b < a) for a, b in pairwise(melody)]


def test_joy_becomes_sad(happy: Score, make_plan: Any) -> None:
    plan = make_plan(("sadness", 30.0))
    sad = reexpress(happy, plan, seed=1, settings=PIANO)
    asked = plan.segments[0].music
    given = measure_attributes(sad, sad.sections[0])
    assert sad.duration_s == pytest.approx(30.0, abs=1e-4)
    assert sad.keys[0].key.mode == "minor"
    assert given["mode"] in {"minor", "dorian", "phrygian"}
    assert float(given["tempo_bpm"]) == pytest.approx(asked.tempo_bpm, rel=0.1)
    assert float(given["velocity"]) == pytest.approx(asked.velocity, abs=3)
    assert Score.from_midi_bytes(sad.to_midi_bytes()) == sad


def test_the_material_is_recognisable(happy: Score, make_plan: Any) -> None:
    same = reexpress(happy, make_plan(("joy", 20.0)), seed=1, settings=PIANO)
    first = [contour(score, 12) for score in (happy, same)]
    agreement = sum(a == b for a, b in zip(*first, strict=True))
    assert agreement >= 8


def test_an_arc_over_given_material(happy: Score, make_plan: Any) -> None:
    arc = reexpress(happy, make_plan(("sadness", 12.0), ("joy", 12.0)), seed=1, settings=PIANO)
    velocities = [float(measure_attributes(arc, section)["velocity"]) for section in arc.sections]
    assert velocities[1] > velocities[0] + 30


def test_too_little_material_is_refused(happy: Score, make_plan: Any) -> None:
    from dataclasses import replace

    with pytest.raises(MidiInputError) as caught:
        reexpress(replace(happy, notes=happy.notes[:2]), make_plan(("joy", 5.0)), seed=0, settings=PIANO)
    assert caught.value.code == "midi.too_few_notes"
