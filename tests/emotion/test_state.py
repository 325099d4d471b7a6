"""VAD, personality, dialogue, music: the state behind face and sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.dialogue import carry_over, persistence, spread
from espressivo.emotion.musical import choose_tonics, compose_music, linear_attributes
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.personality import baseline_vad, expressivity, half_life_s, mood_octant, persona, persona_names
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import DialogueTurn, EmotionRequest, Personality
from espressivo.emotion.steps import StepRecorder
from espressivo.emotion.tracking import make_state
from espressivo.emotion.vad import distribution_at, mixture_vad, node_vad, vad_source

SIGNED = st.floats(-1.0, 1.0)


@pytest.mark.parametrize("node", sorted(Ontology.load().nodes))
def test_every_node_lies_in_the_space_and_names_its_source(node):
    assert np.abs(node_vad(node)).max() <= 1.0
    assert vad_source(node)


def test_words_lie_where_they_should():
    assert node_vad("joy")[0] > 0.5 > -0.5 > node_vad("misery")[0]
    assert node_vad("fury")[1] > node_vad("annoyance")[1]
    assert node_vad("calm")[1] < 0
    assert node_vad("fear")[2] < 0 < node_vad("anger")[2]


@settings(deadline=None, max_examples=100)
@given(SIGNED, SIGNED, SIGNED)
def test_every_point_has_a_soft_label(valence, arousal, dominance):
    distribution = distribution_at(np.array([valence, arousal, dominance]))
    assert sum(distribution.values()) == pytest.approx(1.0)
    assert 1 <= len(distribution) <= 3


@pytest.mark.parametrize("node", ["joy", "sadness", "anger", "fear", "calm", "boredom", "surprise", "awe"])
def test_anchors_are_found_at_their_own_place(node):
    assert next(iter(distribution_at(node_vad(node)))) == node
    assert next(iter(distribution_at(0.6 * node_vad(node)))) == node


def test_intensity_moves_away_from_neutral():
    assert np.allclose(mixture_vad({"joy": 1.0}), node_vad("joy"))
    assert np.linalg.norm(mixture_vad({"joy": 1.0}, 0.3)) < np.linalg.norm(mixture_vad({"joy": 1.0}, 0.9))
    assert not mixture_vad({"joy": 1.0}, 0.0).any()


def test_neuroticism_has_the_right_sign():
    calm, nervous = (baseline_vad(Personality(neuroticism=value)) for value in (-0.5, 0.5))
    assert nervous[0] < calm[0]
    assert nervous[1] > calm[1]
    assert baseline_vad(Personality(neuroticism=1.0)) == pytest.approx([-0.19, 0.57, 0.0])


def test_mehrabians_equations():
    traits = Personality(openness=1.0, conscientiousness=1.0, extraversion=1.0, agreeableness=0.5, neuroticism=0.0)
    assert baseline_vad(traits) == pytest.approx([0.21 + 0.295, 0.15 + 0.15, 0.25 + 0.17 + 0.60 - 0.16])
    assert mood_octant(baseline_vad(traits)) == "exuberant"


def test_personas():
    for name in persona_names():
        assert isinstance(persona(name), Personality)
    assert half_life_s(persona("anxious")) > half_life_s(persona("stoic"))
    assert expressivity(persona("exuberant"), 0.5) > 1.0 > expressivity(persona("reserved"), 0.5)


def test_negative_emotions_persist_and_spread_and_surprise_does_not():
    for negative in ("anger", "sadness", "disgust", "fear"):
        assert persistence(negative) > persistence("joy") > persistence("neutral")
        assert spread(negative, Personality()) > spread("surprise", Personality())
    assert spread("anger", Personality(agreeableness=0.9)) > spread("anger", Personality(agreeableness=-0.9))


def turns(*lines):
    return tuple(DialogueTurn(speaker=line.partition(": ")[0], text=line.partition(": ")[2]) for line in lines)


def test_what_was_said_before_colours_the_last_turn():
    before = turns("Ann: I hate you! You ruined everything!", "Ben: I am so sad and lonely.", "Ann: Well.")
    carried = carry_over(before, Personality(), StepRecorder())
    assert any("anger" in Ontology.load().path(name) for name in carried)
    assert carry_over(turns("Ann: Well."), Personality(), StepRecorder()) == {}
    alone = plan_emotion(EmotionRequest(text="Well."))
    told = plan_emotion(EmotionRequest(dialogue=before))
    assert told.segments[0].vad.valence < alone.segments[0].vad.valence
    assert any("come before the one of Ann" in step.observation for step in told.steps)


def test_own_feeling_outweighs_the_other_speakers():
    sad = "I am so sad, I could cry all day."
    own = carry_over(turns(f"Ann: {sad}", "Ben: The train leaves at nine.", "Ann: Yes."), Personality(), StepRecorder())
    other = carry_over(turns(f"Ben: {sad}", "Ann: Yes."), Personality(), StepRecorder())
    assert own["sadness"] > other["sadness"] > 0


@settings(deadline=None, max_examples=60)
@given(SIGNED, SIGNED, SIGNED, st.floats(0.01, 1.0))
def test_linear_cues_rise_with_arousal(valence, arousal, dominance, more):
    low = linear_attributes(np.array([valence, arousal, dominance]))
    high = linear_attributes(np.array([valence, arousal + more, dominance]))
    assert all(high[name] > low[name] for name in ("tempo_bpm", "velocity", "density_nps"))


def music(word, intensity=0.7):
    return compose_music(make_state({word: 1.0}, intensity, Personality(), ""))


def test_music_is_where_the_literature_puts_it():
    joy, sadness, anger, fear, calm = (music(word).attributes for word in ("joy", "sadness", "anger", "fear", "calm"))
    assert joy.tempo_bpm > calm.tempo_bpm > sadness.tempo_bpm - 10
    assert joy.mode in {"major", "lydian"}
    assert {sadness.mode, anger.mode} <= {"minor", "phrygian"}
    assert anger.velocity > joy.velocity > sadness.velocity
    assert sadness.articulation > joy.articulation
    assert fear.irregularity > joy.irregularity
    assert fear.velocity_spread > joy.velocity_spread
    assert anger.dissonance > joy.dissonance


def test_no_intensity_is_neutral_music_for_every_emotion():
    neutral = {music(word, 0.0).attributes for word in ("joy", "rage", "fear")}
    assert len(neutral) == 1


def test_keys_follow_the_feeling():
    tonics = choose_tonics([music("sadness"), music("joy"), music("joy"), music("grief")], 0)
    assert (tonics[1][0] - tonics[0][0]) % 12 == 3
    assert tonics[1][0] == tonics[2][0]
    assert (tonics[3][0] - tonics[2][0]) % 12 == 9
    assert "relative major" in tonics[1][1]


def test_point_requests_keep_their_point():
    segment = plan_emotion(parse_emotion("0.6,0.5,0.2")).segments[0]
    assert (segment.vad.valence, segment.vad.arousal, segment.vad.dominance) == (0.6, 0.5, 0.2)
