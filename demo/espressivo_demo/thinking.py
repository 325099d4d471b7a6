"""From words to a plan, and from a plan to faces one can look at before anything is filmed."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.emotion.editing import BY_HAND
from espressivo.emotion.intake import think
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.request import Personality
from espressivo.errors import EmotionInputError
from espressivo.face.expression import expression_curves
from espressivo.media.audio import load_audio
from espressivo.provenance import digest
from espressivo_demo.studio import Kept, Studio

__all__ = ["Asked", "Thinker", "given_plan", "jpeg_uri", "personality_of", "strip_html"]

NUM_PREVIEWS: Final = 6
PREVIEW_PX: Final = 256
PREVIEW_RATE_HZ: Final = 12.5
NUM_KEPT_RECORDINGS: Final = 8
JPEG_QUALITY: Final = 84

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan depends on.

    Attributes:
        words: The emotion in any form that :func:`parse_emotion` takes.
        intensity: 0-1.
        length_s: Length of the plan where there is no speech.
        speech: Recording, which decides the length and where the feeling turns.
        transcript: What is said in it.
        personality: Whose feeling it is.
    """

    words: str
    intensity: float
    length_s: float
    speech: Path | None = None
    transcript: str | None = None
    personality: Personality = field(default_factory=Personality)

    @property
    def words_key(self) -> str:
        """Equal for equal words, strength and person."""
        return json.dumps([self.words.strip(), self.intensity, self.personality.model_dump()])

    @property
    def key(self) -> str:
        """Equal for all that gives the same plan."""
        sound = [digest(self.speech), self.transcript] if self.speech else self.length_s
        return json.dumps([self.words_key, sound])


class Thinker:
    """Makes plans and previews.

    Args:
        studio: Draws the faces.
        max_speech_s: Longest recording that is listened to.
    """

    def __init__(self, studio: Studio, max_speech_s: float) -> None:
        self._studio = studio
        self._max_speech_s = max_speech_s
        self._recordings: Kept[_Heard] = Kept(NUM_KEPT_RECORDINGS)

    def think(self, asked: Asked) -> EmotionPlan:
        """The plan, its turns laid on the pauses and words of the speech.

        Raises:
            EmotionInputError: The words cannot be understood.
            AudioInputError: The speech cannot be used.
        """
        if not asked.words.strip():
            raise EmotionInputError("emotion.empty", "nothing is felt yet: write a word, a mixture or a sentence")
        heard = self._heard(asked) if asked.speech else _Heard(asked.length_s, (), ())
        request = parse_emotion(
            asked.words, intensity=asked.intensity, duration_s=heard.duration_s, personality=asked.personality
        )
        return think(request, pauses=heard.pauses, word_times=heard.words)

    def needs_new_plan(self, asked: Asked, plan: EmotionPlan | None, planned: str) -> bool:
        """Whether a plan must be made before filming: other words always, other speech unless the plan was edited.

        Args:
            asked: What is on the page now.
            plan: What was thought before.
            planned: :attr:`Asked.key` of that.
        """
        if plan is None or not planned or json.loads(planned)[0] != asked.words_key:
            return True
        was_edited = any(step.clue == BY_HAND for step in plan.steps)
        return planned != asked.key and not was_edited

    def preview(self, plan: EmotionPlan, portrait: Path) -> str:
        """A strip of the strongest moments, as HTML.

        Raises:
            ImageInputError: The portrait cannot be used.
        """
        times = np.arange(0.0, plan.duration_s, 1.0 / PREVIEW_RATE_HZ)
        weights = expression_curves(plan, times, seed=0)
        fitted = self._studio.fitted(portrait, PREVIEW_PX)
        renderer = self._studio.talking_head().renderer
        frames = []
        for window in np.array_split(np.arange(len(times)), min(NUM_PREVIEWS, len(times))):
            strongest = int(window[np.argmax(weights[window].sum(axis=1))])
            segment = next(part for part in plan.segments if times[strongest] < part.end_s)
            carriage = segment.head_gaze
            rotation = np.array([carriage.pitch_rad, carriage.yaw_rad, carriage.roll_rad], np.float32)
            frame = renderer.frame(fitted, weights[strongest], rotation, np.zeros(3, np.float32))
            frames.append((float(times[strongest]), segment.label, frame))
        return strip_html(frames)

    def _heard(self, asked: Asked) -> _Heard:
        speech = asked.speech
        assert speech is not None  # noqa: S101 - the caller has looked
        return self._recordings.get((digest(speech), asked.transcript), lambda: self._listen(speech, asked.transcript))

    def _listen(self, speech: Path, transcript: str | None) -> _Heard:
        from espressivo.speech.analysis import analyse_speech
        from espressivo.speech.features import extract_features
        from espressivo.speech.prosody import find_pauses

        clip = load_audio(speech, max_duration_s=self._max_speech_s, require_signal=True)
        if transcript is None:  # understanding words takes seconds, pauses do not
            pauses = find_pauses(extract_features(clip))
            return _Heard(clip.duration_s, tuple((pause.start_s, pause.end_s) for pause in pauses), ())
        found = analyse_speech(clip, transcript=transcript)
        return _Heard(
            clip.duration_s,
            tuple((pause.start_s, pause.end_s) for pause in found.pauses),
            tuple((word.start_s, word.end_s) for word in found.words),
        )


@dataclass(frozen=True, slots=True)
class _Heard:
    """What of a recording a plan follows; times in seconds."""

    duration_s: float
    pauses: tuple[tuple[float, float], ...]
    words: tuple[tuple[float, float], ...]


def given_plan(text: str) -> EmotionPlan:
    """The plan that the page holds as JSON.

    Raises:
        EmotionInputError: ``emotion.no_plan`` where there is none.
        PlanError: It is malformed.
    """
    if not text:
        raise EmotionInputError("emotion.no_plan", "think first: say what is felt and press Think")
    return EmotionPlan.from_json(text)


def personality_of(traits: Sequence[float]) -> Personality:
    """Big Five traits in the order of :class:`Personality`."""
    return Personality.model_validate(dict(zip(Personality.model_fields, traits, strict=True)))


def strip_html(frames: Sequence[tuple[float, str, Picture]]) -> str:
    """Pictures side by side with their time and emotion below."""
    figures = "".join(
        f'<figure><img src="{jpeg_uri(frame)}" alt="The portrait at {time_s:.1f} s: {escape(label)}">'
        f"<figcaption><b>{escape(label)}</b> {time_s:.1f} s</figcaption></figure>"
        for time_s, label, frame in frames
    )
    return f'<div class="strip">{figures}</div>'


def jpeg_uri(frame: Picture) -> str:
    """A picture as an address that holds it."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
