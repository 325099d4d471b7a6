"""The ontology as a picture: three rings of words, one sector for each primary emotion, as a self-contained SVG."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from espressivo.emotion.facial import face_row
from espressivo.emotion.ontology import Node, Ontology

__all__ = ["ontology_svg"]

SIZE = 1400.0
CENTRE = SIZE / 2.0
RINGS = (78.0, 240.0, 420.0, 426.0)  # inner radii of the rings and the radius where the outer words begin
SECTOR_GAP = 0.012
COLUMN_WIDTH = 122.0
LIGHT_INK, DARK_INK = "#ffffff", "#2b2621"
COLOURS = {
    "love": "#c2547a", "joy": "#d9962b", "surprise": "#3f9a8f", "anger": "#b8402f", "sadness": "#4f6da8", "fear": "#7a58a0",
    "neutral": "#8a8a84", "interest": "#5c9153", "confusion": "#96805a", "boredom": "#74808c",
}  # fmt: skip
OWN_COLOURS = {"disgust": "#6f8a2f", "envy": "#8a7a2f", "pain": "#8f4a4a"}


def ontology_svg() -> str:
    """The whole ontology; a dot marks words with a face of their own, the others borrow the one above them."""
    ontology = Ontology.load()
    roots = [node for node in ontology if node.parent is None]
    leaves = {node.name: max(1, len(_leaves(ontology, node.name))) for node in roots}
    step = (2.0 * math.pi - SECTOR_GAP * len(roots)) / sum(leaves.values())
    parts = []
    angle = -math.pi / 2.0
    for root in roots:
        parts += _branch(ontology, root, angle, step, COLOURS[root.name], 0)
        angle += leaves[root.name] * step + SECTOR_GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE:.0f} {SIZE:.0f}" role="img" '
        'font-family="Inter, Helvetica, Arial, sans-serif">\n'
        "<title>The emotion ontology: primary, secondary and tertiary words</title>\n"
        f'<rect width="{SIZE:.0f}" height="{SIZE:.0f}" fill="#faf8f4"/>\n'
        + "\n".join(parts)
        + "\n"
        + "\n".join(_legend(ontology))
        + "\n</svg>\n"
    )


def _leaves(ontology: Ontology, name: str) -> list[str]:
    children = ontology.children(name)
    return [leaf for child in children for leaf in _leaves(ontology, child)] if children else [name]


def _branch(ontology: Ontology, node: Node, start: float, step: float, colour: str, depth: int) -> list[str]:
    """A node's arc and everything under it; deeper levels than three are written beside each other outside."""
    colour = OWN_COLOURS.get(node.name, colour)
    span = step * max(1, len(_leaves(ontology, node.name)))
    middle = start + span / 2.0
    parts = []
    children = ontology.children(node.name)
    ring = min(depth, 2)
    if ring < 2 and (children or depth == 0):
        parts.append(_arc(RINGS[ring], RINGS[ring + 1] - 3.0, start, start + span, colour, 0.95 - 0.45 * ring))
        radius = 0.5 * (RINGS[ring] + RINGS[ring + 1])
        size = min(18.0 - 3.0 * ring, 0.85 * span * radius)
        parts.append(_label(node.name, radius, middle, size, LIGHT_INK if ring == 0 else DARK_INK, anchor="middle"))
    else:
        if ring == 1:
            parts.append(_arc(RINGS[1], RINGS[2] - 3.0, start, start + span, colour, 0.12))
        parts.append(_word(node.name, middle, colour, 3 + max(0, depth - 2)))
    for child in children:
        inner = step * max(1, len(_leaves(ontology, child)))
        parts += _branch(ontology, ontology.nodes[child], start, step, colour, depth + 1)
        start += inner
    return parts


def _word(name: str, angle: float, colour: str, column: int) -> str:
    radius = RINGS[3] + 14.0 + COLUMN_WIDTH * (column - 3)
    x, y = CENTRE + (RINGS[3] + 5.0) * math.cos(angle), CENTRE + (RINGS[3] + 5.0) * math.sin(angle)
    own = face_row(name).node == name
    mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colour}"/>' if own and column == 3 else ""
    if column > 3:
        ends = [(CENTRE + r * math.cos(angle), CENTRE + r * math.sin(angle)) for r in (radius - 22.0, radius - 5.0)]
        mark = (
            f'<line x1="{ends[0][0]:.1f}" y1="{ends[0][1]:.1f}" x2="{ends[1][0]:.1f}" y2="{ends[1][1]:.1f}" '
            f'stroke="{colour}" stroke-width="1.2"/>'
        )
    return mark + _label(name, radius, angle, 14.0, DARK_INK, anchor="start", bold=own)


def _arc(inner: float, outer: float, start: float, end: float, colour: str, opacity: float) -> str:
    def point(radius: float, angle: float) -> str:
        return f"{CENTRE + radius * math.cos(angle):.1f} {CENTRE + radius * math.sin(angle):.1f}"

    large = int(end - start > math.pi)
    return (
        f'<path d="M {point(inner, start)} A {inner} {inner} 0 {large} 1 {point(inner, end)} '
        f'L {point(outer, end)} A {outer} {outer} 0 {large} 0 {point(outer, start)} Z" '
        f'fill="{colour}" fill-opacity="{opacity:.2f}" stroke="#faf8f4" stroke-width="1"/>'
    )


def _label(text: str, radius: float, angle: float, size: float, colour: str, *, anchor: str, bold: bool = False) -> str:
    """Text along the radius, never upside down."""
    degrees = math.degrees(angle)
    flipped = math.cos(angle) < 0
    x, y = CENTRE + radius * math.cos(angle), CENTRE + radius * math.sin(angle)
    turned = degrees + 180.0 if flipped else degrees
    side = {"start": "end"}.get(anchor, anchor) if flipped else anchor
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}" text-anchor="{side}" dominant-baseline="central"'
        f'{weight} transform="rotate({turned:.1f} {x:.1f} {y:.1f})">{escape(text)}</text>'
    )


def _legend(ontology: Ontology) -> list[str]:
    num_faces = sum(face_row(node.name).node == node.name for node in ontology)
    lines = [
        f"{len(ontology.nodes)} words in three tiers after Parrott (2001),",
        "with Shaver et al. (1987) and extensions.",
        f"Bold: {num_faces} words with a face of their own.",
    ]
    return [
        f'<text x="28" y="{SIZE - 70 + 20 * index:.0f}" font-size="14" fill="#6b665d">{escape(line)}</text>'
        for index, line in enumerate(lines)
    ]
