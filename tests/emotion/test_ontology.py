"""The words: tiers, relations, forms, suggestions."""

import pytest

from espressivo.emotion.ontology import Ontology, normalise_word
from espressivo.errors import EmotionInputError

ONTOLOGY = Ontology.load()
ALL_NODES = sorted(ONTOLOGY.nodes)


def test_parrott_has_six_primaries_and_134_words():
    parrott = [node for node in ONTOLOGY if node.origin == "parrott"]
    assert sum(node.tier == 1 for node in parrott) == 6
    assert len(parrott) == 134


@pytest.mark.parametrize("name", ALL_NODES)
def test_every_node_resolves_to_itself_and_reaches_a_primary(name):
    resolution = ONTOLOGY.resolve(name.upper())
    assert resolution.node == name
    assert resolution.path[0] == name
    assert ONTOLOGY.nodes[resolution.path[-1]].tier == 1


@pytest.mark.parametrize("view", ["plutchik", "goemotions", "ekman"])
def test_labels_of_other_taxonomies_resolve(view):
    table = ONTOLOGY.table["views"][view]
    labels = table.get("labels", table.get("primary"))
    labels = [*labels, *(word for row in table.get("intensities", {}).values() for word in row)]
    assert [label for label in labels if ONTOLOGY.resolve(label).node != label] == []


def test_every_listed_form_leads_to_a_node():
    assert {node for node, _ in ONTOLOGY.forms.values()} <= set(ONTOLOGY.nodes)
    assert all(ONTOLOGY.find(form).node == node for form, (node, _) in ONTOLOGY.forms.items())


@pytest.mark.parametrize(
    ("word", "node"),
    [
        ("joyously", "joy"),
        ("Furious", "fury"),
        ("awestruck", "awe"),
        ("in love", "love"),
        ("in-love", "love"),
        ("HAPPILY", "happiness"),
        ("disgustedly", "disgust"),
        ("anxieties", "anxiety"),
        ("scared", "fear"),
        ("realisation", "realization"),
        ("gloomier", None),
        ("grumpiness", "grumpiness"),
        ("hopelessness", "hopelessness"),
        ("melancholies", "melancholy"),
    ],
)
def test_word_forms(word, node):
    found = ONTOLOGY.find(word)
    assert (found.node if found else None) == node


def test_unknown_word_gets_suggestions():
    with pytest.raises(EmotionInputError, match=r"did you mean .*anxious") as caught:
        ONTOLOGY.resolve("anxiuos")
    assert caught.value.code == "emotion.unknown"
    with pytest.raises(EmotionInputError, match="examples: joy"):
        ONTOLOGY.resolve("zzzzqqq")


def test_disgust_contempt_and_envy_leave_angers_family():
    assert ONTOLOGY.path("contempt") == ("contempt", "disgust", "anger")
    assert ONTOLOGY.family("contempt") == "contempt"
    assert ONTOLOGY.family("revulsion") == "disgust"
    assert ONTOLOGY.family("jealousy") == "envy"
    assert ONTOLOGY.family("fury") == "anger"
    assert ONTOLOGY.primary("loathing") == "disgust"


def test_relations():
    assert ONTOLOGY.opposite("joy") == "sadness"
    assert ONTOLOGY.opposite("glee") == "sadness"
    assert "rage" in ONTOLOGY.stronger("anger")
    assert "annoyance" in ONTOLOGY.milder("anger")
    assert set(ONTOLOGY.compound_of("awe")) == {"fear", "surprise"}
    assert ONTOLOGY.near("boredom") == "sadness"


def test_relations_name_only_nodes():
    table = ONTOLOGY.table
    named = [word for pair in table["opposites"]["pairs"] for word in pair]
    named += [word for chain in table["stronger_than"]["chains"] for word in chain]
    named += [word for name, parts in table["compounds"]["of"].items() for word in (name, *parts)]
    named += [*table["strength"]["of"], *table["family_override"]["roots"], *table["vad_anchors"]["of"]]
    assert [word for word in named if word not in ONTOLOGY] == []


def test_chains_run_from_mild_to_strong():
    for chain in ONTOLOGY.table["stronger_than"]["chains"]:
        same_family = [word for word in chain if ONTOLOGY.family(word) == ONTOLOGY.family(chain[-1])]
        strengths = [ONTOLOGY.nodes[word].strength for word in same_family]
        assert strengths == sorted(strengths), chain


def test_normalise_word_drops_invisible_characters():
    assert normalise_word(" Jo\u200by  ful ") == "joy ful"
