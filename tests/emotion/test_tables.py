"""The science tables: every table has a source and a mark, and they refer to each other correctly."""

from itertools import chain

import pytest

from espressivo.emotion.facial import face_row, published_row
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.vad import node_vad
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.resources import config_path, load_config

MARKS = {"verified", "cross_checked", "recalled", "engineering"}
FILES = sorted(path.name for path in config_path("emotion").glob("*.yaml"))
UNITS = load_config("emotion/action_units.yaml")["action_units"]


def blocks(table):
    """Tables that stand on their own: the file itself, or its parts when those carry the source."""
    if "source" in table:
        return [table]
    parts = [part for part in table.values() if isinstance(part, dict)]
    assert parts, "a table without a source"
    return [block for part in parts for block in blocks(part)]


@pytest.mark.parametrize("name", FILES)
def test_each_table_has_source_and_mark(name):
    table = load_config(f"emotion/{name}")
    assert table
    for block in blocks(table):
        assert block["source"].strip()
        assert block["provenance"] in MARKS, block


@pytest.mark.parametrize("name", FILES)
def test_yaml_read_no_word_as_a_boolean(name):
    def keys(value):
        if isinstance(value, dict):
            return list(value) + list(chain.from_iterable(keys(inner) for inner in value.values()))
        if isinstance(value, list):
            return list(chain.from_iterable(keys(inner) for inner in value)) + value
        return []

    assert not [key for key in keys(load_config(f"emotion/{name}")) if isinstance(key, bool)]


def test_prototypes_use_known_action_units():
    table = load_config("emotion/prototypes.yaml")
    for name in ("emfacs", "keltner2019", "cordaro_icp", "other_published", "extrapolated"):
        for row in table[name]["rows"].values():
            assert set(row["aus"]) <= set(UNITS)
    for row in table["du2014"]["rows"].values():
        assert set(row["p"]) | set(row["v"]) <= set(UNITS)
        assert not set(row["p"]) & set(row["v"])
    assert len(table["du2014"]["rows"]) == 21


@pytest.mark.parametrize("node", sorted(load_config("emotion/faces.yaml")["nodes"]))
def test_faces_name_published_rows_and_give_every_common_unit_an_amplitude(node):
    entry = load_config("emotion/faces.yaml")["nodes"][node]
    assert node in Ontology.load()
    assert entry["dynamics"] in load_config("emotion/dynamics.yaml")["dynamics"]["classes"]
    if entry["row"] is None:
        return
    shares, source, mark = published_row(entry["row"])
    assert source
    assert mark in MARKS
    common = {unit for unit, share in shares.items() if unit < 51 and share >= 0.5} - {19, 16}
    assert common <= set(entry["amplitude"])
    assert set(entry["amplitude"]) <= set(shares), "an amplitude for a unit that the publication does not list belongs to extra"


def test_disgust_does_not_inherit_angers_muscles():
    assert face_row("disgust").row == "du2014.disgusted"
    assert face_row("revulsion").row == "du2014.disgusted"
    assert 9 in face_row("disgust").shares
    assert 24 not in {unit for unit, share in face_row("disgust").shares.items() if share > 0.7}


def test_fear_is_fearful_and_not_terrified():
    assert node_vad("fear").tolist() == [-0.64, 0.60, -0.43]
    assert node_vad("terror").tolist() == [-0.62, 0.82, -0.43]


def test_arkit_rows_name_arkit_shapes_and_cover_all_but_the_unmapped():
    table = load_config("emotion/au_to_arkit.yaml")
    named = {shape for row in table["au_to_arkit"].values() for shape in row}
    assert named <= set(ARKIT_NAMES)
    assert set(ARKIT_NAMES) - named == set(table["unmapped_arkit"])
    assert {int(key.rstrip("LR")) for key in table["au_to_arkit"]} <= set(UNITS)


def test_every_action_unit_of_a_face_has_an_arkit_row():
    rows = load_config("emotion/au_to_arkit.yaml")["au_to_arkit"]
    used = {unit for node in load_config("emotion/faces.yaml")["nodes"] for unit in face_row(node).shares}
    assert {str(unit) for unit in used} <= set(rows)
