"""What is read from texts."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.lexicon import find_clues
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.reading import read_text
from espressivo.emotion.scenes import text_scenes
from espressivo.emotion.text_features import tokenise
from espressivo.emotion.text_model import TextModel
from espressivo.evaluation.emotion_robustness import hostile_texts
from espressivo.resources import load_config


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("I'm so happy for you!!!", "joy"),
        ("My grandmother died yesterday.", "sadness"),
        ("You disgust me.", "disgust"),
        ("I was terrified.", "fear"),
        ("Thank God it's over.", "relief"),
        ("I'm proud of my daughter", "pride"),
        ("I love you more than anything", "love"),
        ("I can't believe it!", "surprise"),
        ("I hate you", "anger"),
        ("😂😂😂", "amusement"),
        ("sorry, it was my fault", "sadness"),
        ("Somebody help me!", "fear"),
        ("We won! I can't wait!", "joy"),
    ],
)
def test_plain_sentences(text, node):
    reading = read_text(text)
    ontology = Ontology.load()
    best = next(iter(reading.distribution))
    assert node in (*ontology.path(best), ontology.family(best))


@pytest.mark.parametrize(("text", "not_felt"), [("I'm not happy about this.", "joy"), ("I am not afraid of you.", "fear")])
def test_negation(text, not_felt):
    assert read_text(text).distribution.get(not_felt, 0.0) < 0.2


def test_negation_stays_in_its_clause():
    assert next(iter(read_text("No, I am happy.").distribution)) in {"joy", "happiness"}


def test_emphasis_raises_intensity():
    intensities = [read_text(text).intensity for text in ("I am slightly annoyed.", "I am annoyed.", "I am SO annoyed!!!")]
    assert intensities == sorted(intensities)
    assert intensities[2] > intensities[0] + 0.25


def test_finer_words_take_over_from_labels():
    distribution = read_text("She was terrified.").distribution
    assert distribution["terror"] > distribution["fear"]


def test_vad_goes_the_right_way():
    happy, sad, furious = (read_text(text).vad for text in ("What a wonderful day!", "I am so lonely and sad.", "I'll kill him!"))
    assert happy.valence > 0.2 > -0.2 > sad.valence
    assert furious.arousal > sad.arousal


def test_clues_name_spans_of_the_text():
    text = "Well... I was TERRIFIED, truly!"
    for clue in read_text(text).clues:
        assert text[clue.start : clue.end] == clue.text
    assert any(clue.text == "TERRIFIED" and clue.node == "terror" for clue in read_text(text).clues)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ich bin sehr traurig und allein.", "German"),
        ("Je suis très heureuse avec vous", "French"),
        ("Estoy muy triste, no puedo más", "Spanish"),
    ],
)
def test_other_languages_are_named_and_read_as_neutral(text, language):
    reading = read_text(text)
    assert language in reading.notes[0]
    assert reading.distribution["neutral"] > 0.8


def test_emoji_count_in_any_language():
    assert next(iter(read_text("Ich bin da 😡😡").distribution)) in {"rage", "anger"}


@pytest.mark.parametrize(
    ("one", "other"), [("Mary", "Ahmed"), ("My mother", "My father"), ("She", "He"), ("Thorfinn", "Xiomara")]
)
def test_who_it_is_does_not_matter(one, other):
    left, right = (read_text(f"{who} was furious and cried.") for who in (one, other))
    for node in {*left.distribution, *right.distribution}:
        assert left.distribution.get(node, 0.0) == pytest.approx(right.distribution.get(node, 0.0), abs=0.005)


def test_invisible_characters_change_nothing():
    assert read_text("I am hap\u200bpy\ufeff.").distribution == pytest.approx(read_text("I am happy.").distribution)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300) | st.sampled_from(hostile_texts()))
def test_any_text_is_read(text):
    reading = read_text(text)
    assert sum(reading.distribution.values()) == pytest.approx(1.0)
    assert set(reading.distribution) <= set(Ontology.load().nodes)
    assert 0.0 <= reading.intensity <= 1.0
    assert 0.0 <= reading.discordance <= 1.0
    for clue in reading.clues:
        assert text[clue.start : clue.end] == clue.text or "\u2019" in clue.text


def test_ten_thousand_emoji_are_quick():
    started = time.process_time()
    read_text("😂" * 10_000)
    assert time.process_time() - started < 2.0


def test_long_text_is_read_sentence_by_sentence():
    text = "The train leaves at nine. " * 20 + "Then I cried, and I was so sad. " * 3
    reading = read_text(text)
    assert "sadness" in reading.distribution
    assert all(text[clue.start : clue.end] == clue.text for clue in reading.clues)


def test_scenes_tile_the_time_and_follow_the_words():
    text = "I was so happy. Then she died. I cried for days."
    scenes = text_scenes(text, 9.0)
    assert scenes[0].start_s == 0.0
    assert scenes[-1].end_s == 9.0
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(scenes))
    words = [(0.5 + 0.6 * index, 0.9 + 0.6 * index) for index in range(len(text.split()))]
    timed = text_scenes(text, 9.0, words)
    assert timed[1].start_s == pytest.approx(words[4][0])


def test_ambivalence():
    assert read_text("Part of me is glad, part of me is terrified.").discordance > 0.3
    assert read_text("I am glad.").discordance == 0.0


def test_evidence_adds_up_to_the_score():
    model = TextModel.load()
    scores = model.score("I am so happy and grateful, thank you!")
    joy = model.labels.index("joy")
    log_odds = np.log(scores.probabilities[joy] / (1 - scores.probabilities[joy]))
    slope, offset = model.calibration[joy]
    assert scores.evidence[:, joy].sum() + slope * model.bias[joy] + offset == pytest.approx(log_odds)


def test_tokens_mask_who_somebody_is():
    forms = [token.form for token in tokenise("Mary told him that HER Mexican aunt hates polish.")]
    assert forms == ["[NAME]", "told", "he", "that", "he", "[NATION]", "uncle", "hates", "polish", "."]


def test_clues_of_the_lexicon():
    clues = {clue.text: clue for clue in find_clues("I'm not happy, but sooo EXCITED :) and no doubt very sad")}
    assert clues["happy"].negates == "happiness"
    assert clues["EXCITED"].node == "excitement"
    assert clues[":)"].node == "joy"
    assert clues["sad"].weight > 1.0


@pytest.mark.parametrize("begin", ["", "It rained. ", 'It rained. "'])
def test_a_word_that_may_be_a_name_is_one_only_inside_a_sentence(begin):
    for word in load_config("emotion/people.yaml")["AMBIGUOUS_NAME"][:3]:
        assert tokenise(f"{begin}{word.capitalize()} came.")[-3].form == word
        assert tokenise(f"{begin}They met {word.capitalize()} again.")[-3].form == "[NAME]"
