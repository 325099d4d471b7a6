"""What a composition may be told beside its plan."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from espressivo.emotion.plan import Mode, MusicAttributes

__all__ = ["MIN_REGISTER", "MusicSettings", "Style", "asked_attributes"]

Style = Literal["sustain", "block", "pulse", "offbeat", "arpeggio", "alberti", "waltz", "tremolo", "ostinato"]
MIN_REGISTER = 5
"""Semitones that a melody needs."""
IN_PLACE_OF_THE_PLANS = (
    "tempo_bpm", "mode", "tonic", "density_nps", "register_low", "register_high", "velocity", "velocity_spread", "articulation",
    "dissonance", "irregularity",
)  # fmt: skip
DENSITY_RANGE = (0.25, 16.0)


class MusicSettings(BaseModel):
    """Choices that hold for the whole piece; ``None`` leaves the choice to the plan or the composer.

    Attributes:
        composer: ``"rules"`` composes by rules; ``"model"`` lets the trained transformer write the notes.
        palette: Instruments, by a name of ``configs/music/palettes.yaml`` such as ``"piano"`` or ``"awe"``.
        style: Pattern of the rule composer's accompaniment.
        tonic: Pitch class, 0 = C to 11 = B.
        mode: Scale, in place of the plan's.
        metre: Time signature.
        tempo_bpm: Quarters a minute, in place of the plan's; sections still end exactly with their segments.
        chords: Progression such as ``"Am F C G"``, ``"Dm7 G7 | Cmaj7"`` or ``"i VI III VII"``, a chord a bar unless bars are
            written; it is repeated, and the last bar rests on its chord on the tonic.
        density_nps: Onsets a second, in place of the plan's.
        register_low: Lowest pitch of the melody (MIDI), in place of the plan's; together with ``register_high``.
        register_high: Highest pitch of the melody.
        velocity: Mean MIDI velocity, in place of the plan's.
        velocity_spread: Its standard deviation, in place of the plan's.
        articulation: Sounding over notated duration, in place of the plan's.
        dissonance: 0-1, in place of the plan's.
        irregularity: 0-1, in place of the plan's.
        attributes: Any of the measured attributes (``espressivo.music.attributes.ATTRIBUTE_NAMES``) as ranks 0-1: the share of
            the clips of EMOPIA that have less of it.
        density_scale: Factor on the number of notes.
        rubato: Factor on the bending of tempo inside phrases; 0 is strict.
        humanise: Factor on the small deviations of timing and loudness; 0 is a sequencer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    composer: Literal["rules", "model"] = "rules"
    palette: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    style: Style | None = None
    tonic: Annotated[int, Field(ge=0, le=11)] | None = None
    mode: Mode | None = None
    metre: Literal["2/4", "3/4", "4/4", "6/8"] | None = None
    tempo_bpm: Annotated[float, Field(ge=30.0, le=220.0)] | None = None
    chords: Annotated[str, Field(min_length=1, max_length=600)] | None = None
    density_nps: Annotated[float, Field(ge=DENSITY_RANGE[0], le=DENSITY_RANGE[1])] | None = None
    register_low: Annotated[int, Field(ge=21, le=103)] | None = None
    register_high: Annotated[int, Field(ge=26, le=108)] | None = None
    velocity: Annotated[float, Field(ge=1.0, le=127.0)] | None = None
    velocity_spread: Annotated[float, Field(ge=0.0, le=40.0)] | None = None
    articulation: Annotated[float, Field(ge=0.1, le=1.2)] | None = None
    dissonance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    irregularity: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    attributes: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]] = {}
    density_scale: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0
    rubato: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    humanise: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0

    @model_validator(mode="after")
    def _register_is_a_range(self) -> Self:
        low, high = self.register_low, self.register_high
        if (low is None) != (high is None):
            message = "give register_low and register_high together"
            raise ValueError(message)
        if low is not None and high is not None and high - low < MIN_REGISTER:
            message = f"register {low}-{high} is narrower than {MIN_REGISTER} semitones"
            raise ValueError(message)
        return self


def asked_attributes(music: MusicAttributes, settings: MusicSettings) -> MusicAttributes:
    """What a segment's music is to be like: the plan's attributes with the settings' choices in their place."""
    chosen = {name: value for name in IN_PLACE_OF_THE_PLANS if (value := getattr(settings, name)) is not None}
    density = chosen.get("density_nps", music.density_nps) * settings.density_scale
    chosen["density_nps"] = min(max(density, DENSITY_RANGE[0]), DENSITY_RANGE[1])
    return music.model_copy(update=chosen)
