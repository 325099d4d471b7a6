"""What a composition may be told beside its plan."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from espressivo.emotion.plan import Mode

__all__ = ["MusicSettings"]


class MusicSettings(BaseModel):
    """Choices that hold for the whole piece; ``None`` leaves the choice to the composer.

    Attributes:
        composer: ``"rules"`` composes by rules; ``"model"`` lets the trained transformer write the notes.
        palette: Instruments, by a name of ``configs/music/palettes.yaml`` such as ``"piano"`` or ``"awe"``.
        tonic: Pitch class, 0 = C to 11 = B.
        mode: Scale, in place of the plan's.
        metre: Time signature.
        tempo_bpm: Quarters a minute, in place of the plan's; sections still end exactly with their segments.
        density_scale: Factor on the number of notes.
        rubato: Factor on the bending of tempo inside phrases; 0 is strict.
        humanise: Factor on the small deviations of timing and loudness; 0 is a sequencer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    composer: Literal["rules", "model"] = "rules"
    palette: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    tonic: Annotated[int, Field(ge=0, le=11)] | None = None
    mode: Mode | None = None
    metre: Literal["2/4", "3/4", "4/4", "6/8"] | None = None
    tempo_bpm: Annotated[float, Field(ge=30.0, le=220.0)] | None = None
    density_scale: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0
    rubato: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    humanise: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
