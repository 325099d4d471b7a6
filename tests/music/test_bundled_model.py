"""The bundled weights: loadable, deterministic, obedient to plan and key."""

from typing import Any

import pytest

from espressivo.music.achieved import measure_attributes
from espressivo.music.attributes import NoteTable, measure
from espressivo.music.compose import compose
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings

LEARNT = MusicSettings(composer="model", palette="piano")


def test_pieces_are_valid_exact_and_repeatable(make_plan: Any) -> None:
    plan = make_plan(("joy", 6.0), ("sadness", 7.5))
    score = compose(plan, seed=2, settings=LEARNT)
    assert score.duration_s == pytest.approx(13.5, abs=1e-4)
    assert Score.from_midi_bytes(score.to_midi_bytes()) == score
    assert compose(plan, seed=2, settings=LEARNT).to_midi_bytes() == score.to_midi_bytes()


def test_notes_stay_in_the_scale_and_follow_the_emotion(make_plan: Any) -> None:
    given = {}
    for name in ("joy", "sadness"):
        score = compose(make_plan((name, 16.0)), seed=1, settings=LEARNT)
        key = score.keys[0].key
        inside = [note.pitch % 12 in key.pitch_classes for note in score.notes]
        assert sum(inside) > 0.9 * len(inside)
        given[name] = measure_attributes(score, score.sections[0])
    assert given["joy"]["mode"] == "major"
    assert float(given["joy"]["density_nps"]) > 1.5 * float(given["sadness"]["density_nps"])


@pytest.mark.parametrize("name", ["gap_npvi", "top_mean", "duration_p50_s"])
def test_one_attribute_is_followed_against_those_of_the_emotion(make_plan: Any, name: str) -> None:
    plan = make_plan(("joy", 12.0))
    asked = [LEARNT.model_copy(update={"attributes": {name: rank}}) for rank in (0.05, 0.95)]
    low, high = (measure(NoteTable.of_score(compose(plan, seed=1, settings=settings))) for settings in asked)
    assert high[name] > low[name]
