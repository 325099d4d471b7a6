"""What users type."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.emotion.ontology import Ontology
from espressivo.emotion.parse import (
    parse_dialogue,
    parse_emotion,
    parse_keyframes,
    parse_personality,
    parse_vad,
)
from espressivo.emotion.request import EmotionRequest, Personality
from espressivo.errors import EmotionInputError


def test_label_in_any_form():
    assert parse_emotion("joy").label == "joy"
    assert parse_emotion("Joyously").label == "joy"
    assert parse_emotion("very sad").label == "sadness"
    assert parse_emotion("very sad").intensity == 0.85
    assert parse_emotion("a little nervous").intensity == 0.3
    assert parse_emotion("in love").label == "love"
    assert parse_emotion("joy@0.9").intensity == 0.9
    assert parse_emotion("joy:0.4").intensity == 0.4
    assert parse_emotion("very sad", intensity=0.2).intensity == 0.2


@pytest.mark.parametrize("text", ["joy:0.7+surprise:0.3", "0.7*joy + 0.3*awe", "70% joy + 30% fear", "joy: 0.7 + surprise: 0.3"])
def test_mixture(text):
    weights = list(parse_emotion(text).mixture.values())
    assert weights == pytest.approx([0.7, 0.3])


def test_mixture_in_words():
    assert parse_emotion("joy and fear").mixture == {"joy": 1.0, "fear": 1.0}
    assert parse_emotion("joy+joyful").label == "joy"


@pytest.mark.parametrize(
    "text",
    [
        "calm -> panic -> relief",
        "from calm to panic to relief",
        "calm, then panic, then relief",
        "calm → panic → relief",
        "calm turning to panic and then relief",
        "Calm becoming panic followed by relief",
    ],
)
def test_arc_spreads_over_the_duration(text):
    request = parse_emotion(text, duration_s=9.0)
    assert [next(iter(frame.mixture)) for frame in request.keyframes] == ["calm", "panic", "relief"]
    assert [frame.time_s for frame in request.keyframes] == [0.0, 3.0, 6.0]


def test_arc_of_mixtures_with_strength():
    frames = parse_emotion("slightly sad -> joy:0.5+awe:0.5@0.9").keyframes
    assert frames[0].intensity == 0.3
    assert frames[1].mixture == {"joy": 0.5, "awe": 0.5}
    assert frames[1].intensity == 0.9


def test_keyframes():
    frames = parse_emotion("0:calm,2.5:fear:0.9,6:relief").keyframes
    assert [(frame.time_s, dict(frame.mixture), frame.intensity) for frame in frames] == [
        (0.0, {"calm": 1.0}, None),
        (2.5, {"fear": 1.0}, 0.9),
        (6.0, {"relief": 1.0}, None),
    ]


def test_vad():
    assert parse_emotion("0.6, 0.5, -0.2").vad.dominance == -0.2
    assert parse_vad("0.1,0.2").dominance == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "I can't believe we won!",
        "She moved from London to Paris.",
        "wow!",
        "🎉🎉",
        "Je suis très content de vous voir.",
        "He said: 0.7 is enough",
        "joy to the world, the lord is come",
        "I am afraid of the dark and of you",
    ],
)
def test_anything_else_is_text(text):
    assert parse_emotion(text).text == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "emotion.empty"),
        ("   ", "emotion.empty"),
        ("joyy", "emotion.unknown"),
        ("flubber", "emotion.unknown"),
        ("joy:0.7+surprize:0.3", "emotion.unknown"),
        ("joy -> aww", "emotion.unknown"),
        ("calm turning to pannic", "emotion.unknown"),
        ("joy:1.7", "emotion.range"),
        ("joy:-0.2", "emotion.range"),
        ("joy@7", "emotion.range"),
        ("2,0,0", "emotion.range"),
        ("joy:0+fear:1", "emotion.range"),
        ("-> joy", "emotion.syntax"),
        ("0:calm,0:fear", "emotion.syntax"),
        ("3:calm,2:joy", "emotion.syntax"),
        ("0:calm,9:fear", "emotion.range"),
        ("0:calm,2", "emotion.syntax"),
        ("x" * 70, "emotion.unknown"),
        ("word " * 500, "emotion.too_long"),
    ],
)
def test_bad_input_says_what_is_wrong(text, code):
    with pytest.raises(EmotionInputError) as caught:
        parse_emotion(text)
    assert caught.value.code == code
    assert len(caught.value.message) < 400


def test_bad_numbers_beside_the_text():
    for options in ({"intensity": 1.2}, {"intensity": float("nan")}, {"duration_s": 0.0}, {"duration_s": float("inf")}):
        with pytest.raises(EmotionInputError) as caught:
            parse_emotion("joy", **options)
        assert caught.value.code == "emotion.range"


def test_keyframes_alone():
    with pytest.raises(EmotionInputError, match="TIME:EMOTION"):
        parse_keyframes("calm")
    with pytest.raises(EmotionInputError, match="up to 100"):
        parse_keyframes(",".join(f"{index}:joy" for index in range(101)))


def test_personality():
    assert parse_personality("E=0.5, N=-0.2") == Personality(extraversion=0.5, neuroticism=-0.2)
    assert parse_personality("Anxious").neuroticism > 0.5
    for text, code in (
        ("E=2", "emotion.range"),
        ("Q=1", "emotion.persona"),
        ("nobody", "emotion.persona"),
        ("E=x", "emotion.syntax"),
    ):
        with pytest.raises(EmotionInputError) as caught:
            parse_personality(text)
        assert caught.value.code == code


def test_dialogue():
    turns = parse_dialogue("Ann: You broke it!\n\nBen: I'm so sorry: really.")
    assert [(turn.speaker, turn.text) for turn in turns] == [("Ann", "You broke it!"), ("Ben", "I'm so sorry: really.")]
    for line in ("what", ": nobody says this", "Ann:  "):
        with pytest.raises(EmotionInputError, match="line 2") as caught:
            parse_dialogue(f"Ann: hi\n{line}")
        assert caught.value.code == "emotion.syntax"
    with pytest.raises(EmotionInputError) as caught:
        parse_dialogue("\n \n")
    assert caught.value.code == "emotion.empty"


@given(st.sampled_from(sorted(Ontology.load().nodes)), st.floats(0.01, 1.0))
def test_every_node_parses_as_a_label(name, intensity):
    assert parse_emotion(f"{name}:{intensity:.4f}").label == name


@given(st.text(max_size=80))
def test_any_text_gives_a_request_or_a_typed_error(text):
    with suppress(EmotionInputError):
        assert isinstance(parse_emotion(text), EmotionRequest)
