"""Any request becomes a valid plan; more of something never means less of what shows it."""

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.explanation import explain
from espressivo.emotion.facial import face_row
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import VAD, EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import DialogueTurn, EmotionRequest, Keyframe, Personality
from espressivo.errors import EmotionInputError

NODES = st.sampled_from(sorted(Ontology.load().nodes))
UNIT = st.floats(0.0, 1.0)
SIGNED = st.floats(-1.0, 1.0)
MIXTURES = st.dictionaries(NODES, st.floats(0.05, 10.0), min_size=1, max_size=5)
PERSONALITIES = st.builds(
    Personality, openness=SIGNED, conscientiousness=SIGNED, extraversion=SIGNED, agreeableness=SIGNED, neuroticism=SIGNED
)
VOCABULARY = [
    "I",
    "am",
    "so",
    "happy",
    "not",
    "sad",
    "afraid",
    "angry!",
    "we",
    "won.",
    "😂",
    "the",
    "door",
    "WOW",
    "disgusting,",
    "cried?",
]
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=60).map(" ".join)
COMMON = {"intensity": st.none() | UNIT, "personality": PERSONALITIES, "duration_s": st.floats(0.2, 90.0)}
DIALOGUES = st.lists(st.builds(DialogueTurn, speaker=st.sampled_from("ABC"), text=WORDS), min_size=1, max_size=5).map(tuple)
VADS = st.builds(VAD, valence=SIGNED, arousal=SIGNED, dominance=SIGNED)


@st.composite
def keyframe_requests(draw):
    duration = draw(st.floats(0.5, 60.0))
    shares = sorted(draw(st.sets(st.integers(0, 99), min_size=1, max_size=6)))
    frames = tuple(
        Keyframe(time_s=duration * share / 100.0, mixture=draw(MIXTURES), intensity=draw(st.none() | UNIT)) for share in shares
    )
    return EmotionRequest(keyframes=frames, duration_s=duration, personality=draw(PERSONALITIES))


REQUESTS = st.one_of(
    st.builds(EmotionRequest, label=NODES, **COMMON),
    st.builds(EmotionRequest, mixture=MIXTURES, **COMMON),
    st.builds(EmotionRequest, vad=VADS, **COMMON),
    st.builds(EmotionRequest, text=WORDS, **COMMON),
    st.builds(EmotionRequest, dialogue=DIALOGUES, **COMMON),
    keyframe_requests(),
)


def peaks(plan, index=0):
    found = {}
    for action in plan.segments[index].actions:
        found[action.action_unit] = max(found.get(action.action_unit, 0.0), action.level)
    return found


@settings(deadline=None, max_examples=120)
@given(REQUESTS, st.integers(0, 2**31))
def test_any_request_becomes_a_valid_plan(request_, seed):
    plan = plan_emotion(request_, seed=seed)
    assert plan.segments[0].start_s == 0.0
    assert plan.duration_s == pytest.approx(request_.duration_s)
    assert EmotionPlan.from_json(plan.to_json()) == plan
    muscles = {step.id: step for step in plan.steps if step.kind == "muscles"}
    for index, segment in enumerate(plan.segments):
        for action in segment.actions:
            assert action.step in muscles
            assert action.cause
            assert 0.0 <= action.start_s <= segment.end_s
            assert action.action_unit < 51
        units = {action.action_unit for action in segment.actions}
        assert not {5, 43} <= units
        assert not {24, 25} <= units
        named = {name for step in plan.steps for name in step.sets}
        assert {f"segments[{index}].actions[AU{unit}]" for unit in units} <= named
        assert f"segments[{index}].music" in named
    kinds = [step.kind for step in plan.steps]
    order = ["tracking", "cause", "appraisal", "muscles", "timing", "conflicts", "music", "check"]
    assert sorted(set(kinds), key=kinds.index) == order
    assert 3 <= len(plan.factors) <= 5
    assert explain(plan).endswith("\n")


@settings(deadline=None, max_examples=40)
@given(REQUESTS, st.integers(0, 1000))
def test_same_seed_same_bytes(request_, seed):
    assert plan_emotion(request_, seed=seed).to_json() == plan_emotion(request_, seed=seed).to_json()


@settings(deadline=None, max_examples=100)
@given(MIXTURES, PERSONALITIES, UNIT, UNIT, st.integers(0, 1000))
def test_more_intensity_never_lowers_an_action_unit(mixture, personality, one, other, seed):
    low, high = sorted((one, other))
    plans = [
        plan_emotion(EmotionRequest(mixture=mixture, personality=personality, intensity=intensity), seed=seed)
        for intensity in (low, high)
    ]
    mild, strong = map(peaks, plans)
    assert all(strong.get(unit, 0.0) >= level - 1e-9 for unit, level in mild.items())


@settings(deadline=None, max_examples=60)
@given(SIGNED, SIGNED, SIGNED, SIGNED, PERSONALITIES)
def test_more_arousal_means_faster_denser_louder(valence, dominance, one, other, personality):
    low, high = sorted((one, other))
    music = [
        plan_emotion(EmotionRequest(vad=VAD(valence=valence, arousal=arousal, dominance=dominance), personality=personality))
        .segments[0]
        .music
        for arousal in (low, high)
    ]
    assert music[1].tempo_bpm >= music[0].tempo_bpm
    assert music[1].density_nps >= music[0].density_nps
    assert music[1].velocity >= music[0].velocity


@settings(deadline=None, max_examples=30)
@given(NODES, st.floats(-1.0, 0.9), st.floats(0.02, 1.0))
def test_more_neuroticism_means_less_pleasure_and_more_arousal(label, calm, more):
    vads = [
        plan_emotion(EmotionRequest(label=label, personality=Personality(neuroticism=value))).segments[0].vad
        for value in (calm, min(1.0, calm + more))
    ]
    assert vads[1].valence <= vads[0].valence
    assert vads[1].arousal >= vads[0].arousal
    assert vads[1] != vads[0] or abs(vads[0].valence) == 1.0


@pytest.mark.parametrize("node", sorted(Ontology.load().nodes))
def test_every_node_has_a_face_and_a_sound(node):
    plan = plan_emotion(parse_emotion(node, intensity=1.0))
    shown = peaks(plan)
    assert shown or face_row(node).row == "none"
    assert 30.0 <= plan.segments[0].music.tempo_bpm <= 220.0


def test_contempt_is_one_sided():
    actions = plan_emotion(parse_emotion("contempt")).segments[0].actions
    assert {action.side for action in actions if action.action_unit in {12, 14}} == {"L"}


def test_arc_changes_key_tempo_and_face():
    plan = plan_emotion(parse_emotion("despair turning to triumph", duration_s=12.0))
    sad, won = plan.segments
    assert won.music.tempo_bpm > sad.music.tempo_bpm + 20
    assert sad.music.mode in {"minor", "phrygian"}
    assert won.music.mode in {"major", "lydian"}
    assert (won.music.tonic - sad.music.tonic) % 12 == 3
    assert 12 in peaks(plan, 1)
    assert 15 not in peaks(plan, 1)
    first = min(action.start_s for action in won.actions)
    assert 5.5 <= first < 6.0


def test_a_hold_is_renewed_and_never_periodic():
    plan = plan_emotion(parse_emotion("anger", duration_s=20.0), seed=3)
    brows = [action for action in plan.segments[0].actions if action.action_unit == 4]
    assert len(brows) >= 5
    assert len({action.level for action in brows}) == len(brows)
    starts = np.diff(sorted({action.start_s for action in brows}))
    assert starts.std() > 0.2
    times = np.linspace(1.5, 19.0, 400)
    held = np.max(
        [[a.level if a.start_s + a.onset_s <= t <= a.start_s + a.onset_s + a.apex_s else 0 for t in times] for a in brows], 0
    )
    assert held.min() > 0.35 * held.max()


def test_nothing_new_begins_after_its_segment():
    plan = plan_emotion(EmotionRequest(label="agony", duration_s=79.0), seed=154)
    assert len(plan.segments) > 1
    assert all(action.start_s <= segment.end_s for segment in plan.segments for action in segment.actions)


def test_long_plans_stay_small_and_split():
    plan = plan_emotion(EmotionRequest(label="rage", duration_s=7200.0))
    assert len(plan.segments) <= 200
    assert len(plan.to_json()) < 4 * 1024 * 1024


def test_hundred_keyframes_fit():
    frames = tuple(Keyframe(time_s=0.5 * index, mixture={"joy": 1.0, "fear": index + 1.0}) for index in range(100))
    plan = plan_emotion(EmotionRequest(keyframes=frames, duration_s=50.0))
    assert len(plan.segments) == 100
    assert len(plan.steps) <= 600


def test_micro_expression_is_short_and_small():
    plan = plan_emotion(parse_emotion("0:calm,2:contempt,2.3:calm", duration_s=5.0))
    for action in plan.segments[1].actions:
        assert action.onset_s + action.apex_s + action.offset_s <= 0.5
        assert action.level <= 0.45


def test_a_change_moves_into_a_pause_of_the_speech():
    request = parse_emotion("joy -> sadness", duration_s=8.0)
    plain = plan_emotion(request)
    paused = plan_emotion(request, speech_pauses=[(1.0, 1.2), (3.75, 4.1), (6.0, 6.3)])
    assert min(action.start_s for action in paused.segments[1].actions) == pytest.approx(3.75, abs=0.06)
    assert min(action.start_s for action in plain.segments[1].actions) != pytest.approx(3.75, abs=0.01)


def test_unknown_label_in_a_request_is_refused():
    with pytest.raises(EmotionInputError, match="did you mean"):
        plan_emotion(EmotionRequest(label="joyy"))


def test_plan_of_a_label_is_instant_and_needs_no_torch():
    plan_emotion(parse_emotion("fear"))
    started = time.process_time()
    for _ in range(5):
        plan_emotion(parse_emotion("joy turning to awe"))
    assert (time.process_time() - started) / 5 < 0.1
    code = (
        "import sys; from espressivo.emotion import parse_emotion, plan_emotion; "
        "plan_emotion(parse_emotion('joy')); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_a_feeling_too_short_to_unfold_is_a_micro_expression_wherever_it_comes():
    """Yan et al. 2013: up to half a second in all; small, because it is leaked rather than shown."""
    for moment_s in (1.0, 5.0):
        moods = ((0.0, "calm"), (moment_s, "fear"), (moment_s + 0.3, "joy"))
        frames = [{"time_s": time_s, "mixture": {mood: 1.0}} for time_s, mood in moods]
        plan = plan_emotion(EmotionRequest.model_validate({"keyframes": frames, "duration_s": 8.0, "intensity": 1.0}), seed=1)
        short = plan.segments[1]
        assert short.label == "fear"
        assert len({action.action_unit for action in short.actions}) >= 4
        for action in short.actions:
            assert action.start_s == pytest.approx(short.start_s)
            assert action.end_s - action.start_s == pytest.approx(0.3, abs=1e-3)
            assert action.level <= 0.45
