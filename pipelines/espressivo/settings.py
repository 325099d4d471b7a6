"""What a run may be told beside its inputs: one validated object per kind of run."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from espressivo.errors import SettingError
from espressivo.provenance import ConsentBasis

__all__ = ["TalkSettings", "parse_fps", "validated"]

Scale = Annotated[float, Field(ge=0.0, le=3.0)]
SettingsT = TypeVar("SettingsT", bound=BaseModel)


def parse_fps(value: object) -> Fraction:
    """Frames a second as an exact fraction, from ``25``, ``"30000/1001"`` or ``29.97``.

    Raises:
        ValueError: The value is no number.
    """
    if isinstance(value, float):
        return Fraction(value).limit_denominator(1001)
    try:
        return Fraction(str(value)).limit_denominator(100_000)
    except (ValueError, ZeroDivisionError) as error:
        message = f"{value!r} is no frame rate; give a number such as 25 or a fraction such as 30000/1001"
        raise ValueError(message) from error


FrameRate = Annotated[Fraction, BeforeValidator(parse_fps), Field(ge=1, le=120)]


class TalkSettings(BaseModel):
    """How a talking head is made.

    Attributes:
        fps: Frames a second; default 25.
        size: Shorter side of the video in pixels; pictures are never enlarged; ``None`` keeps the portrait's own size.
        face: ``"only"`` refuses pictures with several faces, ``"largest"`` takes the largest.
        guidance_speech: Gain of the lips' movement; 1 is natural.
        guidance_emotion: Gain of the global emotional state.
        guidance_muscles: Gain of the plan's single action units.
        head: Gain of head movement.
        gaze: Gain of gaze shifts.
        blinks: Gain of the blink rate.
        own_expression: How much of the expression of the photograph stays, 0-1: 1 adds to it, 0 starts from a neutral face with
            shut lips, so that a laughing portrait can speak in earnest.
        label: Say in a corner of the picture that it is AI-generated.
        watermark: Mark the pictures invisibly; see :mod:`espressivo.media.watermark`.
        consent: On what basis the portrait is used; recorded in the provenance.
        motion: ``"diffusion"``, the learnt backend, or ``"procedural"``, rules and statistics; default diffusion.
        steps: Denoising steps of the learnt backend, 1-50; more are slower and hardly better.
        mouth: How the learnt backend moves the mouth: ``"articulated"`` shows every sound by its phones, ``"captured"``
            follows the sound as a filmed speaker did; default articulated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    fps: FrameRate = Fraction(25)
    size: Annotated[int, Field(ge=64, le=4096)] | None = None
    face: Literal["only", "largest"] = "only"
    guidance_speech: Scale = 1.0
    guidance_emotion: Scale = 1.0
    guidance_muscles: Scale = 1.0
    head: Scale = 1.0
    gaze: Scale = 1.0
    blinks: Scale = 1.0
    own_expression: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    label: bool = False
    watermark: bool = False
    consent: ConsentBasis | None = None
    motion: Literal["diffusion", "procedural"] = "diffusion"
    steps: Annotated[int, Field(ge=1, le=50)] = 6
    mouth: Literal["articulated", "captured"] = "articulated"


def validated(settings: type[SettingsT], values: dict[str, Any]) -> SettingsT:
    """Build settings from loose values.

    Raises:
        SettingError: ``setting.invalid``, naming the first setting that is wrong.
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingError("setting.invalid", f"{name} is {first['input']!r}: {first['msg']}") from error
