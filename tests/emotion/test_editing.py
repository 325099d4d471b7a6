"""Editing a plan changes what was edited and says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.editing import describe_changes, diff_plans, replan_segment, request_from_plan, set_action_level
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import EmotionPlan, load_plan, save_plan
from espressivo.emotion.planner import plan_emotion
from espressivo.errors import PlanError

PLAN = plan_emotion(parse_emotion("joy -> awe -> relief", duration_s=9.0))


def test_no_difference():
    assert diff_plans(PLAN, PLAN) == ()
    assert describe_changes(()) == "no difference\n"


def test_a_file_edited_by_hand_shows_exactly_its_change(tmp_path):
    path = tmp_path / "plan.json"
    save_plan(PLAN, path)
    path.write_text(path.read_text().replace('"tempo_bpm": 130.0', '"tempo_bpm": 99.0', 1))
    (change,) = diff_plans(PLAN, load_plan(path))
    assert (change.path, change.before, change.after) == ("segments[0].music.tempo_bpm", 130.0, 99.0)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.0, 1.0), st.sampled_from([6, 12, 25]))
def test_setting_a_level_changes_that_action_unit_only(level, unit):
    edited = set_action_level(PLAN, 0, unit, level)
    assert EmotionPlan.from_json(edited.to_json()) == edited
    assert edited.segments[1:] == PLAN.segments[1:]
    mine = [action for action in edited.segments[0].actions if action.action_unit == unit]
    assert max((action.level for action in mine), default=0.0) == pytest.approx(level if level > 5e-5 else 0.0, abs=1e-4)
    others = [action for action in edited.segments[0].actions if action.action_unit != unit]
    assert others == [action for action in PLAN.segments[0].actions if action.action_unit != unit]
    paths = {
        change.path.split(".")[0] + change.path.split(".")[1][:10]
        for change in diff_plans(PLAN, edited)[1:]
        if "[" in change.path
    }
    assert all(path.startswith(("segments[0]actions[AU", "steps[edit-1]")) for path in paths)


def test_a_new_action_unit_is_added_and_removed_again():
    added = set_action_level(PLAN, 1, 14, 0.4, side="L")
    (action,) = [action for action in added.segments[1].actions if action.action_unit == 14]
    assert (action.side, action.level, action.step) == ("L", 0.4, "edit-1")
    removed = set_action_level(added, 1, 14, 0.0, side="L")
    assert not [action for action in removed.segments[1].actions if action.action_unit == 14]
    assert [step.id for step in removed.steps[-2:]] == ["edit-1", "edit-2"]


def test_replanning_a_segment_leaves_the_others_alone():
    edited = set_action_level(PLAN, 0, 12, 0.9)
    changed = replan_segment(edited, 1, {"terror": 1.0}, intensity=0.9)
    assert changed.segments[0] == edited.segments[0]
    assert changed.segments[2] == edited.segments[2]
    assert changed.segments[1].label == "terror"
    assert changed.segments[1].music.tonic == edited.segments[1].music.tonic
    assert {action.action_unit for action in changed.segments[1].actions} >= {1, 5, 20}
    again = replan_segment(changed, 1, {"joy": 1.0}, intensity=0.5)
    assert EmotionPlan.from_json(again.to_json()) == again


def test_states_survive_the_way_through_a_request():
    again = plan_emotion(request_from_plan(PLAN))
    assert [part.distribution for part in again.segments] == [part.distribution for part in PLAN.segments]


@pytest.mark.parametrize(("segment", "unit", "level"), [(3, 12, 0.5), (-1, 12, 0.5), (0, 37, 0.5), (0, 12, 1.5)])
def test_impossible_edits(segment, unit, level):
    with pytest.raises(PlanError) as caught:
        set_action_level(PLAN, segment, unit, level)
    assert caught.value.code == "plan.edit"
