"""The people: shape, colours, hair, clothes, light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PEOPLE", "Hairstyle", "Person"]

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Hairstyle:
    """How hair grows.

    Attributes:
        colour: Linear light reflected by a strand.
        part_cm: Where the parting is, to the person's left of the middle.
        length_cm: Of the longest strands.
        cut_cm: Height under the eyes where they are cut, negative.
        volume_cm: How far the outermost strands stand off the head.
        num_strands: On the scalp.
    """

    colour: Colour
    part_cm: float
    length_cm: float
    cut_cm: float
    volume_cm: float
    num_strands: int


@dataclass(frozen=True, slots=True)
class Person:
    """A synthetic person.

    Attributes:
        seed: Of everything random about them.
        shape: MakeHuman targets, see :func:`makehuman.load_human`.
        skin: Linear albedo.
        lips: Linear albedo.
        blush: Strength of the redder zones.
        iris: Linear albedo of the outer iris.
        iris_inner: Linear albedo around the pupil.
        brows: Linear albedo of the eyebrows.
        brow_width_cm: Thickness of the eyebrows at the inner end.
        hair: The hair.
        garment: Linear albedo of the sweater.
        background: Linear light of the backdrop, behind the head and at the border.
    """

    seed: int
    shape: dict[str, float]
    skin: Colour
    lips: Colour
    blush: float
    iris: Colour
    iris_inner: Colour
    brows: Colour
    brow_width_cm: float
    hair: Hairstyle
    garment: Colour
    background: tuple[Colour, Colour]


_WOMAN: Final = Person(
    seed=20,
    shape={
        "macrodetails/caucasian-female-young": 0.7,
        "macrodetails/asian-female-young": 0.2,
        "macrodetails/african-female-young": 0.1,
        "macrodetails/universal-female-young-averagemuscle-averageweight": 1.0,
        "head/head-oval": 0.45,
        "eyes/?-eye-scale-incr": 0.65,
        "eyes/?-eye-height2-incr": 0.1,
        "eyes/?-eye-corner2-up": 0.3,
        "eyebrows/eyebrows-trans-up": 0.35,
        "eyebrows/eyebrows-angle-up": 0.1,
        "chin/chin-width-decr": 0.4,
        "cheek/?-cheek-bones-incr": 0.35,
        "nose/nose-scale-horiz-decr": 0.15,
        "nose/nose-point-up": 0.15,
        "nose/nose-width2-decr": 0.2,
        "nose/nose-scale-vert-decr": 0.1,
        "mouth/mouth-upperlip-volume-incr": 0.2,
        "mouth/mouth-lowerlip-volume-incr": 0.2,
        "mouth/mouth-angles-up": 0.25,
        "neck/neck-scale-horiz-decr": 0.3,
        "neck/neck-scale-depth-decr": 0.2,
        "ears/?-ear-scale-decr": 0.3,
        "ears/?-ear-wing-decr": 0.5,
        "expression/eyeBlinkLeft": 0.08,
        "expression/eyeBlinkRight": 0.08,
        "expression/mouthSmileLeft": 0.17,
        "expression/mouthSmileRight": 0.17,
    },
    skin=(0.60, 0.36, 0.26),
    lips=(0.46, 0.17, 0.15),
    blush=1.0,
    iris=(0.075, 0.085, 0.05),
    iris_inner=(0.17, 0.10, 0.04),
    brows=(0.06, 0.032, 0.02),
    brow_width_cm=0.72,
    hair=Hairstyle((0.085, 0.038, 0.020), part_cm=2.0, length_cm=34.0, cut_cm=-12.0, volume_cm=1.3, num_strands=40_000),
    garment=(0.035, 0.085, 0.095),
    background=((0.34, 0.31, 0.27), (0.055, 0.068, 0.078)),
)

PEOPLE: Final = {"portrait": _WOMAN}
