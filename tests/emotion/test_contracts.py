"""Requests and plans that contradict themselves are refused, and what is received fits the time it is for."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from espressivo.emotion.intake import EmotionWords, fit_plan_to_duration, receive, think
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import VAD, EmotionPlan, load_plan, save_plan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.emotion.scenes import text_scenes
from espressivo.emotion.timing import entries
from espressivo.errors import EmotionInputError, PlanError


@pytest.fixture(scope="module")
def plan() -> EmotionPlan:
    return plan_emotion(parse_emotion("joy -> fear -> relief", duration_s=9.0), seed=1)


def changed(plan: EmotionPlan, *path: str | int, value: object) -> dict[str, object]:
    document = plan.model_dump(mode="json")
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("segments", 1, "start_s"), 3.5, "must tile time"),
        (("segments", 2, "end_s"), 1.0, "not after its start"),
        (("segments", 0, "distribution"), {"joy": 0.4}, "sums to 0.4000"),
        (("segments", 0, "music", "register_high"), 1, "narrower than 5"),
        (("segments", 0, "actions", 0, "step"), "nowhere", "does not exist"),
        (("steps", 1, "id"), None, "same id"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(plan, path, value, said):
    if said == "same id":
        value = plan.steps[0].id
    if said == "narrower than 5":
        value = plan.segments[0].music.register_low + 4
    with pytest.raises(ValidationError, match=said):
        EmotionPlan.model_validate(changed(plan, *path, value=value))
    EmotionPlan.model_validate(plan.model_dump(mode="json"))


def test_a_register_of_five_semitones_is_wide_enough(plan):
    music = plan.segments[0].music
    document = changed(plan, "segments", 0, "music", "register_high", value=music.register_low + 5)
    assert EmotionPlan.model_validate(document).segments[0].music.register_high == music.register_low + 5


def test_a_plan_file_survives_and_a_broken_one_names_its_field(plan, tmp_path):
    path = tmp_path / "plan.json"
    save_plan(plan, path)
    assert load_plan(path) == plan
    path.write_text(path.read_text().replace('"intensity"', '"intensty"', 1))
    with pytest.raises(PlanError, match="intens"):
        load_plan(path)


@pytest.mark.parametrize(
    ("times", "duration_s", "said"),
    [((1.0, 1.0), 4.0, "in order"), ((2.0, 1.0), 4.0, "in order"), ((0.0, 4.0), 4.0, "not before")],
)
def test_keyframes_lie_in_order_within_the_time(times, duration_s, said):
    frames = [{"time_s": time_s, "mixture": {"joy": 1.0}} for time_s in times]
    with pytest.raises(ValidationError, match=said):
        EmotionRequest.model_validate({"keyframes": frames, "duration_s": duration_s})


def test_exactly_one_form_is_received(plan):
    for emotion, given_plan in (("joy", plan), (None, None)):
        with pytest.raises(EmotionInputError) as caught:
            receive(emotion, given_plan, duration_s=4.0)
        assert caught.value.code == "emotion.one_form"


def test_what_is_received_is_as_long_as_the_speech_and_as_strong_as_asked(plan, tmp_path):
    assert receive("joy", None, duration_s=3.0, intensity=0.3) == receive(
        EmotionWords("joy"), None, duration_s=3.0, intensity=0.3
    )
    request = receive(EmotionRequest(label="joy", intensity=0.9), None, duration_s=3.0)
    assert (request.duration_s, request.intensity) == (3.0, 0.9)
    assert receive(EmotionRequest(label="joy", intensity=0.9), None, duration_s=3.0, intensity=0.2).intensity == 0.2
    assert receive(EmotionWords("joy", mask="calm"), None, duration_s=3.0, intensity=None).mask == "calm"
    save_plan(plan, tmp_path / "plan.json")
    assert receive(None, tmp_path / "plan.json", duration_s=9.0) == plan
    assert think(plan) is plan


def test_keyframes_beyond_the_speech_are_refused():
    frames = [{"time_s": time_s, "mixture": {"joy": 1.0}} for time_s in (0.0, 5.0)]
    request = EmotionRequest.model_validate({"keyframes": frames, "duration_s": 8.0})
    with pytest.raises(EmotionInputError) as caught:
        receive(request, None, duration_s=4.0)
    assert caught.value.code == "emotion.invalid"


@given(st.floats(0.5, 30.0))
def test_a_plan_is_cut_or_its_end_held(duration_s):
    plan = plan_emotion(parse_emotion("joy -> fear", duration_s=8.0), seed=1)
    fitted = fit_plan_to_duration(plan, duration_s)
    assert fitted.duration_s == pytest.approx(duration_s, abs=1e-3)
    assert EmotionPlan.model_validate(fitted.model_dump(mode="json")) == fitted
    for before, after in zip(plan.segments, fitted.segments, strict=False):
        assert after.distribution == before.distribution
        assert set(after.actions) <= set(before.actions)
    assert all(action.start_s < duration_s for action in fitted.segments[-1].actions)


def test_a_text_of_many_sentences_becomes_as_many_scenes_as_there_is_time_for():
    sentences = [
        "I love you!",
        "I hate this.",
        "What a shock!",
        "He died.",
        "Great news, everybody, we won the cup!",
        "I fear it.",
    ]
    text = " ".join(sentences * 3)
    for duration_s in (1.0, 4.0, 10.0, 60.0):
        scenes = text_scenes(text, duration_s)
        assert " ".join(scene.text for scene in scenes) == text, "no word is lost and none moves"
        assert 1 <= len(scenes) <= max(1, int(duration_s / 1.6))
        assert all(a.end_s == b.start_s for a, b in itertools.pairwise(scenes))


def test_the_shortest_neighbours_are_joined_first():
    scenes = text_scenes("He died. I love everything about this wonderful, sunny day! I hate it.", 3.3)
    assert scenes[-1].text == "I hate it."
    assert len(scenes) == 2


@given(st.lists(st.floats(0.3, 6.0), min_size=2, max_size=6), st.integers(0, 50))
def test_a_feeling_comes_within_the_room_that_its_neighbours_leave(lengths, seed):
    edges = [0.0, *itertools.accumulate(lengths)]
    found = entries(edges[:-1], edges[1:], (), seed)
    assert len(found) == len(lengths)
    for entry, (start_s, end_s), before_s in zip(found[1:], itertools.pairwise(edges[1:]), lengths[:-1], strict=True):
        room_s = 0.8 * min(before_s, end_s - start_s)
        assert entry.transition_s <= max(0.05, room_s) + 1e-4
        assert start_s - 0.45 * before_s - 0.02 <= entry.start_s <= start_s + 0.02


def test_a_feeling_begins_in_a_pause_that_is_near_and_leaves_room():
    edges = [0.0, 4.0, 8.0]
    assert entries(edges[:-1], edges[1:], [(4.05, 4.15)], 1)[1].why == "begins in the pause of the speech"
    assert entries([0.0, 4.0], [4.0, 4.2], [(4.5, 4.6)], 1)[1].why != "begins in the pause of the speech"


def test_the_music_says_what_its_numbers_rest_on():
    named = plan_emotion(parse_emotion("joy", duration_s=4.0))
    point = plan_emotion(EmotionRequest(vad=VAD(valence=0.5, arousal=0.5, dominance=0.0), duration_s=4.0))
    told = [next(step.model_dump_json() for step in plan.steps if step.kind == "music") for plan in (named, point)]
    assert "anchors of joy" in told[0]
    assert "no anchor" in told[1]
    assert "no anchor" not in told[0]
