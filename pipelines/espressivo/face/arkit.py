"""The 52 ARKit blendshape names in the order of Live Link Face, which is also the column order of every track."""

from __future__ import annotations

__all__ = ["ARKIT_INDEX", "ARKIT_NAMES", "expand_sides", "mirror_name"]

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawRight", "jawLeft", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip

ARKIT_INDEX: dict[str, int] = {name: index for index, name in enumerate(ARKIT_NAMES)}


def expand_sides(name: str) -> tuple[str, ...]:
    """``"mouthSmile"`` gives both sides; a full name gives itself.

    Raises:
        KeyError: The name is no ARKit shape.
    """
    if name in ARKIT_INDEX:
        return (name,)
    pair = (f"{name}Left", f"{name}Right")
    if pair[0] in ARKIT_INDEX:
        return pair
    raise KeyError(name)


def mirror_name(name: str) -> str:
    """The same shape on the other side of the face; shapes in the middle are their own mirror."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name
