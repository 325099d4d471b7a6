"""Edits of a plan, and the plan as the page shows it."""

from fractions import Fraction

import numpy as np
import pytest

from espressivo import FacialActionTrack, parse_emotion, plan_emotion
from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.request import Personality
from espressivo.errors import EmotionInputError, PlanError
from espressivo_demo import editing
from espressivo_demo.charts import affect_colour, performance_svg
from espressivo_demo.views import (
    mixture_view,
    muscles_view,
    music_view,
    pad_view,
    side_levels,
    thought_html,
    timeline_view,
)

ANYBODY = Personality()


@pytest.fixture(scope="module")
def plan():
    return plan_emotion(parse_emotion("joy turning to fear turning to relief", duration_s=9))


def test_a_muscle_goes_where_it_is_put_and_nothing_else_moves(plan):
    edited = editing.set_muscle(plan, 0, 12, "L", 0.1)
    left, right = side_levels(plan.segments[0])[12]
    assert side_levels(edited.segments[0])[12] == (pytest.approx(0.1), pytest.approx(right))
    assert left != 0.1
    assert {unit: level for unit, level in side_levels(edited.segments[0]).items() if unit != 12} == {
        unit: level for unit, level in side_levels(plan.segments[0]).items() if unit != 12
    }
    assert edited.segments[1:] == plan.segments[1:]
    assert edited.steps[-1].clue == "edited by hand"


def test_a_new_muscle_is_added_and_taken_away(plan):
    added = editing.set_muscle(plan, 1, 17, "both", 0.3)
    assert side_levels(added.segments[1])[17] == (0.3, 0.3)
    assert 17 not in side_levels(editing.set_muscle(added, 1, 17, "both", 0.0).segments[1])


def test_moving_a_border_keeps_the_rest_and_what_was_set_by_hand(plan):
    by_hand = editing.set_muscle(plan, 0, 12, "both", 0.22)
    moved = editing.move_border(by_hand, 0, 2.0, ANYBODY)
    assert [segment.start_s for segment in moved.segments] == [0.0, 2.0, plan.segments[2].start_s]
    assert moved.segments[2] == by_hand.segments[2]
    assert side_levels(moved.segments[0])[12] == (pytest.approx(0.22), pytest.approx(0.22))
    assert moved.segments[0].music == by_hand.segments[0].music


@pytest.mark.parametrize(("index", "time_s"), [(0, 0.1), (0, 8.0), (2, 5.0), (-1, 1.0)])
def test_a_border_that_cannot_move_says_so(plan, index, time_s):
    with pytest.raises(PlanError, match="segment"):
        editing.move_border(plan, index, time_s, ANYBODY)


def test_split_and_remove_tile_time(plan):
    split = editing.split_segment(plan, 1, ANYBODY)
    assert len(split.segments) == 4
    assert split.segments[1].distribution == split.segments[2].distribution == plan.segments[1].distribution
    for index in range(3):
        removed = editing.remove_segment(plan, index, ANYBODY)
        assert len(removed.segments) == 2
        assert removed.duration_s == plan.duration_s
    with pytest.raises(PlanError):
        editing.remove_segment(plan_emotion(parse_emotion("joy")), 0, ANYBODY)


def test_another_emotion_for_one_segment(plan):
    renamed = editing.rename_segment(plan, 1, "anger:0.7+disgust:0.3@0.9", ANYBODY)
    assert renamed.segments[1].label == "anger"
    assert renamed.segments[1].intensity == pytest.approx(0.9)
    assert (renamed.segments[0], renamed.segments[2]) == (plan.segments[0], plan.segments[2])
    with pytest.raises(EmotionInputError, match="did you mean"):
        editing.rename_segment(plan, 1, "hapiness", ANYBODY)


def test_mixing(plan):
    mixed = editing.set_mixture(plan, 0, "surprise", None, ANYBODY)
    assert set(mixed.segments[0].distribution) == {"joy", "surprise"}
    assert set(editing.set_mixture(mixed, 0, "surprise", 0.0, ANYBODY).segments[0].distribution) == {"joy"}
    with pytest.raises(PlanError, match="at least one"):
        editing.set_mixture(plan, 0, "joy", 0.0, ANYBODY)


def test_a_point_pulls_the_segment_to_its_side(plan):
    assert editing.set_point(plan, 0, -0.7, 0.5, ANYBODY).segments[0].vad.valence < 0
    assert editing.set_point(plan, 1, 0.7, 0.3, ANYBODY).segments[1].vad.valence > 0


def test_music_by_hand(plan):
    assert editing.set_music(plan, 2, "tempo_bpm", 77).segments[2].music.tempo_bpm == 77
    assert editing.set_music(plan, 2, "mode", "dorian").segments[2].music.mode == "dorian"
    for name, value in (("tempo_bpm", 900), ("mode", "blue"), ("colour", 1)):
        with pytest.raises(PlanError):
            editing.set_music(plan, 2, name, value)


@pytest.mark.parametrize("duration_s", [4.0, 30.0, 180.0])
def test_stretching_keeps_proportions(plan, duration_s):
    longer = editing.stretched(plan, duration_s)
    assert longer.duration_s == pytest.approx(duration_s)
    assert [s.end_s / duration_s for s in longer.segments] == pytest.approx([s.end_s / 9 for s in plan.segments])
    assert [s.music for s in longer.segments] == [s.music for s in plan.segments]
    EmotionPlan.from_json(longer.to_json())


def test_what_the_user_wrote_is_shown_as_text():
    nasty = plan_emotion(parse_emotion("I am so happy <script>alert(1)</script> today"))
    assert "<script>" not in thought_html(nasty)


def test_views_hold_what_the_plan_holds(plan):
    timeline = timeline_view(plan, 1)
    assert len(timeline["segments"]) == len(pad_view(plan, 0)["points"]) == len(plan.segments)
    assert np.abs(timeline["curves"]["valence"]).max() <= 1
    rows = [row for group in muscles_view(plan, 0)["groups"] for row in group["rows"]]
    assert {int(row["id"]) for row in rows} == set(side_levels(plan.segments[0]))
    assert mixture_view(plan, 0)["groups"][0]["rows"][0]["id"] == "joy"
    for row in music_view(plan, 0)["groups"][0]["rows"][1:]:
        (cell,) = row["cells"]
        assert cell["min"] <= cell["value"] <= cell["max"]


def test_a_performance_is_drawn_with_its_player():
    drawing = performance_svg(FacialActionTrack.still(50, Fraction(25)), None, "#video video")
    assert drawing.count("<polyline") == 12
    assert 'data-player="#video video"' in drawing
    assert 'data-seconds="2.000"' in drawing


def test_colours_run_from_cold_to_warm():
    def red(valence):
        return int(affect_colour(valence, 0.0)[4:].split()[0])

    assert red(-1) < red(0) < red(1)
