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
        swept: 1 for hair that is combed back over the ears, 0 for hair that stands off the scalp.
        curl: How much each strand wanders.
        num_strands: On the scalp.
    """

    colour: Colour
    part_cm: float
    length_cm: float
    cut_cm: float
    volume_cm: float
    swept: float
    curl: float
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
        lash_cm: Length of the upper lashes.
        stubble: How dark shaved hair shows on chin and lip, 0-1.
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
    lash_cm: float
    stubble: float
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
        "eyes/?-eye-scale-incr": 0.95,
        "eyes/?-eye-height2-incr": 0.1,
        "eyes/?-eye-corner2-up": 0.3,
        "eyebrows/eyebrows-trans-up": 0.35,
        "eyebrows/eyebrows-angle-up": 0.1,
        "chin/chin-width-decr": 0.4,
        "cheek/?-cheek-bones-incr": 0.35,
        "nose/nose-scale-horiz-decr": 0.3,
        "nose/nose-point-width-decr": 0.3,
        "head/head-scale-horiz-decr": 0.25,
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
        "expression/mouthSmileLeft": 0.24,
        "expression/mouthSmileRight": 0.24,
    },
    skin=(0.63, 0.37, 0.27),
    lips=(0.46, 0.17, 0.15),
    blush=0.85,
    iris=(0.075, 0.085, 0.05),
    iris_inner=(0.17, 0.10, 0.04),
    brows=(0.06, 0.032, 0.02),
    brow_width_cm=0.72,
    lash_cm=0.62,
    stubble=0.0,
    hair=Hairstyle(
        (0.078, 0.038, 0.021), part_cm=2.0, length_cm=34.0, cut_cm=-12.0, volume_cm=1.3, swept=1.0, curl=0.04, num_strands=40_000
    ),
    garment=(0.035, 0.085, 0.095),
    background=((0.34, 0.31, 0.27), (0.055, 0.068, 0.078)),
)

_MAN: Final = Person(
    seed=31,
    shape={
        "macrodetails/african-male-young": 0.55,
        "macrodetails/african-male-old": 0.25,
        "macrodetails/caucasian-male-young": 0.2,
        "macrodetails/universal-male-young-averagemuscle-averageweight": 1.0,
        "head/head-square": 0.2,
        "chin/chin-bones-incr": 0.25,
        "head/head-scale-horiz-decr": 0.2,
        "eyes/?-eye-scale-incr": 0.8,
        "eyebrows/eyebrows-trans-up": 0.3,
        "cheek/?-cheek-bones-incr": 0.3,
        "mouth/mouth-angles-up": 0.3,
        "neck/neck-scale-horiz-decr": 0.2,
        "ears/?-ear-wing-decr": 0.5,
        "ears/?-ear-scale-decr": 0.3,
        "expression/mouthSmileLeft": 0.2,
        "expression/mouthSmileRight": 0.2,
    },
    skin=(0.235, 0.115, 0.066),
    lips=(0.20, 0.085, 0.062),
    blush=0.4,
    iris=(0.030, 0.017, 0.010),
    iris_inner=(0.055, 0.030, 0.016),
    brows=(0.016, 0.012, 0.010),
    brow_width_cm=0.85,
    lash_cm=0.34,
    stubble=0.45,
    hair=Hairstyle(
        (0.032, 0.027, 0.025), part_cm=-2.5, length_cm=2.4, cut_cm=-20.0, volume_cm=0.9, swept=0.06, curl=0.32, num_strands=70_000
    ),
    garment=(0.16, 0.13, 0.095),
    background=((0.20, 0.25, 0.29), (0.040, 0.055, 0.075)),
)

PEOPLE: Final = {"portrait": _WOMAN, "portrait_2": _MAN}
