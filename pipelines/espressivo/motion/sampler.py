"""Drawing motion from the denoiser, window after window: each continues the last frames of the one before.

Legend: B passes of guidance, T frames of a window, D numbers of state.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from espressivo.motion.denoiser_motion import MotionDenoiser
from espressivo.motion.guidance import GuidanceSchedule, combine_predictions, guidance_weights, local_mask, missing_muscles
from espressivo.motion.script import Script
from espressivo.motion.state import REGIONS, STATE_DIM, region_masks
from espressivo.seeds import numpy_generator
from espressivo.threads import one_torch_thread

__all__ = ["num_windows", "sample_windows"]

LARGEST_STANDARDISED = 8.0
# Frames at a window's end whose speech after it is not in view; 0.2 s, as far as lips prepare for what comes.
LOOK_AHEAD = 5
# Which conditions each pass of guidance is given: nothing, speech, speech and emotion, all.
PASSES = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])


def num_windows(num_frames: int, window: int, num_kept: int) -> int:
    """How many windows a clip takes. The last :data:`LOOK_AHEAD` frames of a window are drawn again by the next one."""
    return 1 + max(0, math.ceil((num_frames - window) / (window - num_kept - LOOK_AHEAD)))


@one_torch_thread()
@torch.inference_mode()
def _denoise(
    denoiser: MotionDenoiser,
    scheduler: Any,  # noqa: ANN401
    noise: Tensor,
    given: Tensor | None,
    conditions: dict[str, Tensor],
    schedule: GuidanceSchedule,
    num_steps: int,
    on_step: Callable[[], None],
) -> Tensor:
    """``(T, D)`` standardised state of one window."""
    scheduler = copy.deepcopy(scheduler)  # it holds state; two threads must not share it
    scheduler.set_timesteps(num_steps)
    sample = noise[None] * scheduler.init_noise_sigma
    kept = torch.zeros(1, denoiser.window)
    if given is not None:
        kept[:, : len(given)] = 1.0
    mask = local_mask(conditions["activity"].numpy())
    for index, timestep in enumerate(scheduler.timesteps):
        if given is not None:
            sample[:, : len(given)] = given
        weights = guidance_weights(schedule, index, num_steps)
        needed = weights.passes()
        count = len(needed)
        predicted, _ = denoiser(
            scheduler.scale_model_input(sample, timestep).expand(count, -1, -1),
            kept.expand(count, -1),
            timestep.expand(count),
            *(conditions[name][None].expand(count, -1, -1) for name in ("speech", "sound", "embedding", "actions", "events")),
            *PASSES[needed].unbind(dim=1),
        )
        # What does not count need not be predicted.
        four = torch.zeros(4, *predicted.shape[1:])
        four[needed] = predicted
        nothing, speech, emotion, muscles = four[:, None]
        guided = combine_predictions(nothing, speech, emotion, muscles, weights, mask)[0]
        if weights.hold > 0.0:
            missing = missing_muscles(denoiser.restore(guided), conditions["actions"], mask)
            guided = guided + weights.hold * missing / denoiser.state_scale
        sample = scheduler.step(guided[None].clamp(-LARGEST_STANDARDISED, LARGEST_STANDARDISED), timestep, sample).prev_sample
        on_step()
    return sample[0]


def _padded(rows: np.ndarray, window: int) -> Tensor:
    """``(T, .)`` rows of a window; the last one is repeated past the end."""
    missing = window - len(rows)
    return torch.from_numpy(np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows.copy())


def sample_windows(
    denoiser: MotionDenoiser,
    scheduler: Any,  # noqa: ANN401
    script: Script,
    *,
    schedule: GuidanceSchedule,
    num_steps: int,
    seed: int,
    mouth_temperature: float = 1.0,
    embedding: Tensor | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[np.ndarray]:
    """New frames of each window, in order: ``(n, D)`` float32 in the track's units. Memory does not grow with length.

    Args:
        denoiser: In evaluation mode.
        scheduler: A diffusers scheduler for predictions of the clean sample; never changed.
        script: What is to be acted out; of arriving speech, only so much is waited for as a window needs.
        schedule: Weights of guidance.
        num_steps: Denoising steps.
        seed: The same seed gives the same motion.
        mouth_temperature: Standard deviation of the noise that the mouth begins from. The lips are nearly given by what is
            said; less noise keeps them near the middle of what is likely, while head and eyes keep their variety.
        embedding: ``(Z + 4,)`` emotion read from a reference clip, instead of that of the script.
        on_step: Called after every step of every window.
    """
    given: Tensor | None = None
    mouth = torch.from_numpy(region_masks()[REGIONS.index("mouth_jaw")].copy())
    temperature = torch.where(mouth, mouth_temperature, 1.0)
    window, start, number, is_last = denoiser.window, 0, 0, False
    while not is_last:
        script.reach(start + window + 1)
        remaining = script.num_frames - start
        if remaining <= 0:
            return  # nothing was said at all
        is_last = remaining <= window
        rows = script.rows(start, start + window)
        with torch.inference_mode():
            emotion = _padded(rows.emotion, window)[None]
            felt = denoiser.embed_emotion(emotion)[0] if embedding is None else embedding.expand(window, -1)
        parts = {name: _padded(getattr(rows, name), window) for name in ("speech", "sound", "actions", "events")}
        parts |= {"embedding": felt, "activity": _padded(rows.activity[:, None], window)[:, 0]}
        rng = numpy_generator(seed, "diffusion", str(number))
        noise = torch.from_numpy(rng.standard_normal((window, STATE_DIM), dtype=np.float32)) * temperature
        state = _denoise(denoiser, scheduler, noise, given, parts, schedule, num_steps, on_step)
        old = 0 if given is None else len(given)
        end = remaining if is_last else window - LOOK_AHEAD
        new, given = state[old:end], state[end - denoiser.num_kept : end]
        yield denoiser.restore(new).numpy()
        start, number = start + window - denoiser.num_kept - LOOK_AHEAD, number + 1
