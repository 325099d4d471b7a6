"""Progressive guidance: global emotion first, local muscles later, the lips always with speech.

After Think-Before-Draw (arXiv 2507.12761: "global emotion localisation -> local muscle control"); the schedule is ours, as that
paper does not print one. Over K steps, ``u = k / (K - 1)``:

    r(u)  = 0 before tau, a raised cosine over the width w, 1 after
    g_glo = G (1 - r) + G_min r          g_loc = L r
    v     = v_0 + a (v_A - v_0) + g_glo (v_AE - v_A) + m g_loc (v_AEU - v_AE)
    v'    = v + h r H(v)

``H`` is what is missing between the slow part of the prediction and the muscles that the plan asks for
(:func:`missing_muscles`); adding it is the gradient step of a squared error on that slow part, and leaves quick movement, shapes
nobody asked for, lips and jaw alone. ``v`` is the clean state that the denoiser predicts. The mask ``m`` gives way to speech
shape by shape, as the procedural backend does (:func:`espressivo.motion.combine.shares_left`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from espressivo.face.arkit import ARKIT_NAMES
from espressivo.motion.combine import shares_left
from espressivo.motion.state import STATE_DIM

__all__ = [
    "GuidanceSchedule",
    "GuidanceWeights",
    "combine_predictions",
    "guidance_weights",
    "local_mask",
    "missing_muscles",
    "ramp",
]

# Spread of the average, in frames of 40 ms; and the level from which a shape counts as asked for in full.
HOLD_FRAMES = 8.0
SURELY_ASKED = 0.1
BROUGHT_UP = ("eyeBlink", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthUpperUp")
Order = Literal["progressive", "constant", "reversed"]


@dataclass(frozen=True, slots=True)
class GuidanceSchedule:
    """How the weights of guidance run over the steps.

    Attributes:
        speech: ``a``, weight of speech; 1 follows the speech as it was learnt.
        emotion: ``G``, weight of the global emotion in the first steps.
        emotion_least: ``G_min``, what remains of it in the last steps.
        muscles: ``L``, weight of the local muscles in the last steps.
        start: ``tau``, share of the steps before the muscles begin; 0 because what the first steps decide is not undone later.
        width: ``w``, share of the steps over which they come in.
        hold: ``h``, share of what is missing of the asked muscles that each step adds, 0-1.
        order: ``"progressive"``; for ablations ``"constant"`` (both weights at their means over the steps) and ``"reversed"``
            (muscles first, emotion later).
    """

    speech: float = 1.0
    emotion: float = 1.0
    emotion_least: float = 1.0
    muscles: float = 1.3
    start: float = 0.0
    width: float = 0.2
    hold: float = 0.8
    order: Order = "progressive"


@dataclass(frozen=True, slots=True)
class GuidanceWeights:
    """Weights of one step: ``a``, ``g_glo``, ``g_loc`` and ``h r``."""

    speech: float
    emotion: float
    muscles: float
    hold: float = 0.0

    def passes(self) -> list[int]:
        """Which of the predictions without conditions, with speech, with emotion too, with muscles too have any weight."""
        share = (self.speech != 1.0, self.emotion != self.speech, True, self.muscles != 0.0)
        return [row for row, counts in enumerate(share) if counts]


def ramp(progress: float, start: float, width: float) -> float:
    """``r(u)``: 0 before ``start``, a raised cosine over ``width``, 1 after."""
    if progress < start:
        return 0.0
    if progress >= start + width:
        return 1.0
    return 0.5 * (1.0 - math.cos(math.pi * (progress - start) / width))


def guidance_weights(schedule: GuidanceSchedule, step: int, num_steps: int) -> GuidanceWeights:
    """Weights of step ``step`` of ``num_steps``; a single step counts as the last."""
    ramps = [ramp(k / (num_steps - 1), schedule.start, schedule.width) for k in range(num_steps)] if num_steps > 1 else [1.0]
    local = {"progressive": ramps[step], "constant": sum(ramps) / num_steps, "reversed": 1.0 - ramps[step]}[schedule.order]
    emotion = schedule.emotion * (1.0 - local) + schedule.emotion_least * local
    return GuidanceWeights(schedule.speech, emotion, schedule.muscles * local, schedule.hold * local)


def local_mask(activity: NDArray[np.floating]) -> Tensor:
    """``m``: 1 everywhere, less for the shapes that speech needs while somebody speaks.

    Args:
        activity: ``(T,)`` speech activity, 0-1.

    Returns:
        ``(T, D)`` float32.
    """
    mask = np.ones((len(activity), STATE_DIM), np.float32)
    mask[:, : len(ARKIT_NAMES)] = shares_left(activity.astype(np.float64))
    return torch.from_numpy(mask)


def combine_predictions(
    nothing: Tensor, speech: Tensor, emotion: Tensor, muscles: Tensor, weights: GuidanceWeights, mask: Tensor
) -> Tensor:
    """The guided prediction.

    Args:
        nothing: ``(B, T, D)`` prediction without any condition, ``v_0``.
        speech: With speech, ``v_A``.
        emotion: With speech and emotion, ``v_AE``.
        muscles: With speech, emotion and muscles, ``v_AEU``.
        weights: Of this step.
        mask: ``(T, D)`` of :func:`local_mask`.
    """
    guided = nothing + weights.speech * (speech - nothing) + weights.emotion * (emotion - speech)
    return guided + weights.muscles * mask * (muscles - emotion)


@cache
def _held_shapes() -> tuple[Tensor, Tensor]:
    """``(52,)`` 1 for shapes that are held where they are asked to be, and 1 for those that are only brought up to it.

    Speech moves the corners of the mouth too and may add to what the emotion asks of them, and blinks to lids that droop; lips,
    jaw and gaze are free.
    """
    exact = [name.startswith(("brow", "eyeSquint", "eyeWide", "nose", "cheekSquint")) for name in ARKIT_NAMES]
    least = [name.startswith(BROUGHT_UP) for name in ARKIT_NAMES]
    return torch.tensor(exact).float(), torch.tensor(least).float()


def missing_muscles(state: Tensor, actions: Tensor, mask: Tensor) -> Tensor:
    """``H``: what to add to a window so that it shows the asked muscles on the average of a third of a second.

    Args:
        state: ``(T, D)`` predicted state, in the track's units.
        actions: ``(T, U)`` of the conditions; the first 52 are ARKit weights.
        mask: ``(T, D)`` of :func:`local_mask`: how much of a muscle speech leaves.
    """
    shapes = len(ARKIT_NAMES)
    asked = actions[:, :shapes] * mask[:, :shapes]
    moments = torch.arange(len(state), dtype=torch.float32)
    near = torch.exp(-0.5 * ((moments[:, None] - moments[None]) / HOLD_FRAMES) ** 2)
    missing = near / near.sum(dim=1, keepdim=True) @ (asked - state[:, :shapes])
    exact, least = _held_shapes()
    wanted = (asked.amax(dim=0) / SURELY_ASKED).clamp_max(1.0)
    result = torch.zeros_like(state)
    result[:, :shapes] = wanted * (exact * missing + least * missing.clamp_min(0.0))
    return result
