"""The noise that motion is drawn from: one schedule for training and sampling."""

from __future__ import annotations

from typing import Any

from espressivo.diffusers_core import DDIMScheduler

__all__ = ["NUM_TIMESTEPS", "make_scheduler"]

NUM_TIMESTEPS = 1000


def make_scheduler() -> Any:  # noqa: ANN401 - diffusers is untyped
    """DDIM (Song et al. 2021) on a cosine schedule (Nichol & Dhariwal 2021); the network predicts the clean sample."""
    return DDIMScheduler(
        num_train_timesteps=NUM_TIMESTEPS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        timestep_spacing="trailing",
        clip_sample=False,
    )
