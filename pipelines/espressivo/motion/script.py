"""What is to be acted out, as far as it is known: conditions, gestures of the mouth and sound, passage after passage.

A recording that was analysed as a whole is one passage. Speech that is still arriving is cut at pauses, and each passage is
analysed while the face acts out the ones before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan
from espressivo.media.clip import AudioClip
from espressivo.motion.heard_lips import SoundShares, follow_sound, sound_shares
from espressivo.motion.state import MODEL_FPS, Conditions
from espressivo.motion.visemes import Gesture, gestures
from espressivo.seeds import child_seed
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech
from espressivo.speech.features import SAMPLE_RATE_HZ, extract_features
from espressivo.speech.prosody import find_pauses

__all__ = ["Passage", "Script", "passages_of_arriving_speech"]

FloatArray = NDArray[np.float64]
# A passage is cut at its last pause once it is long enough to be understood, and where it is softest if there is no pause.
SHORTEST_PASSAGE_S, LONGEST_PASSAGE_S = 2.5, 7.0
FRAME_SAMPLES = SAMPLE_RATE_HZ // int(MODEL_FPS)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the clip.

    Attributes:
        first: Its first frame at the model's rate.
        end_s: When it ends on the clip's clock; the last of its frames may end later.
        conditions: On its frames.
        heard: What is said in it, on a clock that begins with it; ``None`` in silence.
    """

    first: int
    end_s: float
    conditions: Conditions
    heard: SpeechAnalysis | None

    @property
    def end(self) -> int:
        """The first frame that is not its own."""
        return self.first + len(self.conditions)

    @property
    def start_s(self) -> float:
        """When it begins."""
        return self.first / float(MODEL_FPS)

    def gestures(self) -> tuple[Gesture, ...]:
        """Gestures of the mouth on the clip's clock."""
        sequence = gestures(self.heard.phones if self.heard else (), self.end_s - self.start_s)
        if self.first == 0:
            return sequence
        return tuple(replace(g, start_s=g.start_s + self.start_s, end_s=g.end_s + self.start_s) for g in sequence)


class Script:
    """Passages in order; those that are over can be forgotten.

    Args:
        passages: Asked for one at a time, when frames of it are needed.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._coming = iter(passages)
        self._kept: deque[Passage] = deque()
        self.is_complete = False
        self.num_frames, self.end_s = 0, 0.0
        self.sequence: tuple[Gesture, ...] = ()

    def reach(self, frames: int) -> None:
        """Wait until so many frames are known, or all."""
        while not self.is_complete and self.num_frames < frames:
            passage = next(self._coming, None)
            if passage is None:
                self.is_complete = True
                return
            self._kept.append(passage)
            self.sequence += passage.gestures()
            self.num_frames, self.end_s = passage.end, passage.end_s

    def rows(self, first: int, end: int) -> Conditions:
        """Conditions on the frames from ``first`` to before ``end``, as far as they are known."""
        parts = [
            {f.name: getattr(p.conditions, f.name)[max(0, first - p.first) : max(0, end - p.first)] for f in fields(Conditions)}
            for p in self._kept
        ]
        return Conditions(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def follow_sound(self, mouth: FloatArray, times_s: FloatArray) -> tuple[FloatArray, SoundShares]:
        """The mouth as :func:`espressivo.motion.heard_lips.follow_sound` moves it, by each passage's own sound, and how far.

        Args:
            mouth: ``(T, 52)`` weights.
            times_s: ``(T,)`` moments on the clock of the clip.
        """
        result, shares = mouth.copy(), sound_shares(None, times_s)
        for index, passage in enumerate(self._kept):
            begins_s = passage.start_s if index else -np.inf
            ends_s = passage.end / float(MODEL_FPS) if index < len(self._kept) - 1 else np.inf
            inside = (times_s >= begins_s) & (times_s < ends_s)
            if passage.heard is not None and inside.any():
                own_s = times_s[inside] - passage.start_s
                own = sound_shares(passage.heard, own_s)
                result[inside] = follow_sound(mouth[inside], passage.heard, own_s, own)
                shares.jaw[inside], shares.rounding[inside], shares.clearness[inside] = own.jaw, own.rounding, own.clearness
        return result, shares

    def forget(self, first: int) -> None:
        """Drop what lies wholly before a frame."""
        while len(self._kept) > 1 and self._kept[0].end <= first:
            self._kept.popleft()
        first_s = first / float(MODEL_FPS)
        self.sequence = tuple(gesture for gesture in self.sequence if gesture.end_s > first_s)


def passages_of_arriving_speech(
    plan: EmotionPlan,
    sound: Iterable[AudioClip],
    *,
    seed: int,
    captured: bool = False,
    gaze_scale: float = 1.0,
    blink_scale: float = 1.0,
    with_speech: bool = True,
) -> Iterator[Passage]:
    """Passages of speech whose end nobody knows yet.

    Args:
        plan: What is felt and shown when.
        sound: Pieces of the recording in order, of any length.
        seed: Of the clip.
        captured: As in :meth:`espressivo.motion.state.Conditions.of`, like the scales.
        gaze_scale: Size of gaze shifts.
        blink_scale: Rate of blinks.
        with_speech: ``False`` leaves the mouth out of it.
    """
    first = 0
    for number, samples in enumerate(_cut(sound)):
        heard = analyse_speech(AudioClip(samples[None], SAMPLE_RATE_HZ)) if with_speech else None
        conditions = Conditions.of(
            plan,
            heard,
            num_frames=-(-len(samples) // FRAME_SAMPLES),
            seed=seed,
            events_seed=child_seed(seed, "passage", str(number)),
            start_s=first / float(MODEL_FPS),
            captured=captured,
            gaze_scale=gaze_scale,
            blink_scale=blink_scale,
        )
        yield Passage(first, first / float(MODEL_FPS) + len(samples) / SAMPLE_RATE_HZ, conditions, heard)
        first += len(conditions)


def _cut(sound: Iterable[AudioClip]) -> Iterator[NDArray[np.float32]]:
    """Samples at 16 kHz in passages of whole frames; the last one is what remains."""
    waiting = np.empty(0, np.float32)
    looked_at = 0
    for piece in sound:
        waiting = np.concatenate([waiting, piece.mono(SAMPLE_RATE_HZ)])
        # Half a second more before it is looked at again.
        while len(waiting) >= SHORTEST_PASSAGE_S * SAMPLE_RATE_HZ and len(waiting) - looked_at >= SAMPLE_RATE_HZ // 2:
            looked_at = len(waiting)
            end = _place_to_cut(waiting)
            if end is None:
                break
            yield waiting[:end]
            waiting, looked_at = waiting[end:], 0
    if len(waiting):
        yield waiting


def _place_to_cut(samples: NDArray[np.float32]) -> int | None:
    """Number of samples before the middle of the last pause, or, in a passage that is too long, before its softest moment."""
    considered = samples[: int(LONGEST_PASSAGE_S * SAMPLE_RATE_HZ)]
    features = extract_features(AudioClip(considered[None], SAMPLE_RATE_HZ))
    middles_s = [0.5 * (pause.start_s + pause.end_s) for pause in find_pauses(features)]
    late_s = [middle_s for middle_s in middles_s if middle_s >= SHORTEST_PASSAGE_S]
    if late_s:
        cut_s = late_s[-1]
    elif len(considered) < LONGEST_PASSAGE_S * SAMPLE_RATE_HZ:
        return None
    else:
        least = features.frame(SHORTEST_PASSAGE_S)
        cut_s = float(features.times_s[least + int(features.energy_db[least:].argmin())])
    return int(cut_s * SAMPLE_RATE_HZ) // FRAME_SAMPLES * FRAME_SAMPLES
