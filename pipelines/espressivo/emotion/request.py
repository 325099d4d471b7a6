"""What a user may ask for: exactly one form of emotion, and how strongly, by whom, for how long."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from espressivo.emotion.plan import VAD, Contract, Signed, Unit

__all__ = ["MAX_TEXT_CHARACTERS", "DialogueTurn", "EmotionRequest", "IntensityFactors", "Keyframe", "Personality"]

MAX_TEXT_CHARACTERS = 2000

Mixture = Annotated[dict[str, Annotated[float, Field(gt=0.0, le=1000.0)]], Field(min_length=1, max_length=12)]


class Personality(Contract):
    """Big Five traits, each -1 to 1; 0 is average."""

    openness: Signed = 0.0
    conscientiousness: Signed = 0.0
    extraversion: Signed = 0.0
    agreeableness: Signed = 0.0
    neuroticism: Signed = 0.0


class IntensityFactors(Contract):
    """Five sides of intensity, each 0-1; 0.5 is average.

    Attributes:
        depth: How far the muscles go.
        frequency: How often a held expression is renewed.
        threshold: How strong a lesser emotion of a mixture must be to show at all.
        effort: How much is held back.
        willingness: How much is let out.
    """

    depth: Unit = 0.5
    frequency: Unit = 0.5
    threshold: Unit = 0.5
    effort: Unit = 0.5
    willingness: Unit = 0.5


class Keyframe(Contract):
    """An emotion reached at a moment; between keyframes the state moves over."""

    time_s: Annotated[float, Field(ge=0.0, le=7200.0)]
    mixture: Mixture
    intensity: Unit | None = None


class DialogueTurn(Contract):
    """One turn of a conversation; the last turn's speaker is the one who is shown."""

    speaker: Annotated[str, Field(min_length=1, max_length=64)]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)]


class EmotionRequest(Contract):
    """Exactly one of ``label``, ``mixture``, ``text``, ``dialogue``, ``vad`` and ``keyframes``.

    Attributes:
        label: A word of the ontology in any of its forms ("joy", "joyful").
        mixture: Words with weights; normalised by the planner.
        text: A sentence or scene, at most 2,000 characters.
        dialogue: Turns; the state is carried from turn to turn.
        vad: A point in valence-arousal-dominance space.
        keyframes: Emotions at moments, in order of time.
        intensity: 0-1; ``None`` lets the planner read it from the words (0.7 for a bare label).
        mask: An emotion that is put on over the felt one: the lower face shows it, brows and eyes and the music do not.
        discordance: How much of the felt emotion leaks through, 0-1; ``None`` is 0.5 with a mask and read from a text.
        duration_s: Length of the plan in seconds.
    """

    label: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    mixture: Mixture | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)] | None = None
    dialogue: Annotated[tuple[DialogueTurn, ...], Field(min_length=1, max_length=100)] | None = None
    vad: VAD | None = None
    keyframes: Annotated[tuple[Keyframe, ...], Field(min_length=1, max_length=100)] | None = None
    intensity: Unit | None = None
    mask: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    discordance: Unit | None = None
    factors: IntensityFactors = IntensityFactors()
    personality: Personality = Personality()
    duration_s: Annotated[float, Field(ge=0.2, le=7200.0)] = 8.0

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = ("label", "mixture", "text", "dialogue", "vad", "keyframes")
        given = [form for form in forms if getattr(self, form) is not None]
        if len(given) != 1:
            message = f"give exactly one of {', '.join(forms)}; got {', '.join(given) or 'none'}"
            raise ValueError(message)
        if self.keyframes is not None:
            times = [frame.time_s for frame in self.keyframes]
            if any(later <= earlier for earlier, later in pairwise(times)):
                message = f"keyframes must be in order of time; got {times}"
                raise ValueError(message)
            if times[-1] >= self.duration_s:
                message = f"the last keyframe is at {times[-1]} s, not before the end at {self.duration_s} s"
                raise ValueError(message)
        return self
