"""The picture of the ontology."""

import xml.etree.ElementTree as ET

from espressivo.emotion.figure import ontology_svg
from espressivo.emotion.ontology import Ontology


def test_every_word_is_drawn_inside_the_picture():
    root = ET.fromstring(ontology_svg())  # noqa: S314 - made by ourselves
    namespace = "{http://www.w3.org/2000/svg}"
    size = float(root.get("viewBox").split()[2])
    texts = list(root.iter(f"{namespace}text"))
    assert {node.name for node in Ontology.load()} <= {text.text for text in texts}
    assert all(0.0 <= float(text.get(axis)) <= size for text in texts for axis in ("x", "y"))
    assert ontology_svg() == ontology_svg()
