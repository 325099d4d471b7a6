"""The emotion of a performance: as words for a plan, by the muscles it shows; as an embedding for the denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls

from espressivo.emotion import EmotionRequest, plan_emotion
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.expression import expression_curves
from espressivo.face.track import FacialActionTrack
from espressivo.motion.combine import speech_shares
from espressivo.motion.denoiser_motion import MotionDenoiser
from espressivo.motion.state import MODEL_FPS, state_of

__all__ = ["ShownEmotion", "read_emotion", "read_reference"]

READABLE: Final = ("anger", "contempt", "disgust", "fear", "joy", "sadness", "surprise")
LEAST_SHARE: Final = 0.15
LEAST_INTENSITY: Final = 0.1
APEX_S: Final = (1.5, 3.0)


@dataclass(frozen=True, slots=True)
class ShownEmotion:
    """Emotion words with their shares (sum 1), and how strongly they are shown (0-1); no words where nothing is shown."""

    mixture: dict[str, float]
    intensity: float


@cache
def _faces() -> NDArray[np.float64]:
    """``(52, 7)`` what each of :data:`READABLE` shows at its height, at full intensity."""
    times_s = np.arange(APEX_S[0], APEX_S[1], 0.1)
    requests = (EmotionRequest(label=name, intensity=1.0, duration_s=4.0) for name in READABLE)
    faces = np.stack(
        [expression_curves(plan_emotion(request, seed=0), times_s, seed=0).mean(axis=0) for request in requests], axis=1
    )
    faces.flags.writeable = False
    return np.asarray(faces, np.float64)


@cache
def _trust() -> NDArray[np.float64]:
    """``(52,)`` how much a shape says of emotion: what speech moves less, where the eyes look and blink nothing."""
    eyes = np.array([name.startswith(("eyeLook", "eyeBlink")) for name in ARKIT_NAMES])
    return np.asarray(np.where(eyes, 0.0, 1.0 - 0.7 * speech_shares()))


def read_emotion(performance: FacialActionTrack) -> ShownEmotion:
    """Name what a performance shows: the mixture of the plan's own faces whose muscles come nearest to its mean.

    Args:
        performance: Weights beyond the actor's face at rest, as :func:`espressivo.track_video` reads them.
    """
    trust = _trust()
    amounts, _ = nnls(_faces() * trust[:, None], performance.weights.mean(axis=0) * trust)
    total = float(amounts.sum())
    if total < LEAST_INTENSITY:
        return ShownEmotion({}, 0.0)
    kept = {name: float(amount) for name, amount in zip(READABLE, amounts, strict=True) if amount >= LEAST_SHARE * total}
    shown = sum(kept.values())
    return ShownEmotion({name: amount / shown for name, amount in kept.items()}, min(1.0, shown))


@torch.inference_mode()
def read_reference(denoiser: MotionDenoiser, performance: FacialActionTrack) -> torch.Tensor:
    """``(Z + 4,)`` the emotion of a performance: the mean of its Gaussian; valence, arousal and dominance are left open."""
    state = state_of(performance)
    frames = max(2, int(performance.duration_s * float(MODEL_FPS)))
    places = np.clip(np.round(np.linspace(0.0, len(state) - 1.0, frames)).astype(int), 0, len(state) - 1)
    seen = denoiser.standardise(torch.from_numpy(np.ascontiguousarray(state[places])))
    mean, _ = denoiser.embedder(torch.cat([seen.mean(dim=0), seen.std(dim=0)])[None])
    return torch.cat([mean[0], torch.zeros(4)])
