"""What a part of the denoiser is worth: runs of equal length compared on clips that none of them learnt from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from espressivo.motion.state import emotion_faces
from espressivo.training.motion.dataset import STEPS, ClipSet
from espressivo.training.motion.train import TrainingSettings, held_out_loss, trained_from
from espressivo.training.runs import Run

__all__ = ["compare", "kinds_of_clips"]

# A clip is a mixture where in nine of ten frames the second face has at least a quarter of the first one's share.
SECOND_SHARE, MOST_FRAMES, LEAST_SHOWN = 0.25, 0.9, 0.1
DRAWS, WINDOWS = 12, 32
NORMAL_95 = 1.96


def kinds_of_clips(clips: ClipSet) -> NDArray[np.str_]:
    """``(N,)`` ``"plain"``, ``"mixture"`` or ``"neutral"`` for each clip of a set; changes of emotion count as plain."""
    lengths = (clips.room + clips.window - 1).numpy()
    kinds = []
    for first, length in zip(clips.first.numpy(), lengths, strict=True):
        shares = np.sort(clips.frames["emotion"][first : first + length, : len(emotion_faces())].numpy(), axis=1)
        mixed = shares[:, -2] >= SECOND_SHARE * np.maximum(1, shares[:, -1])
        is_neutral = shares[:, -1].mean() * STEPS["emotion"] < LEAST_SHOWN
        kinds.append("neutral" if is_neutral else "mixture" if mixed.mean() >= MOST_FRAMES else "plain")
    return np.array(kinds)


def compare(model: dict[str, Any], settings: TrainingSettings, files: Sequence[Path], run: Run, name: str) -> None:
    """Print the motion loss of a run on held-out clips, emotion alone telling what to show (no muscles), by kind of clip.

    Args:
        model: Section of the config.
        settings: Of the training; nothing but the emotion is dropped or kept at random here.
        files: The teacher's clips that were learnt from; their first 4 % were held out.
        run: Its averaged weights are judged.
        name: Printed beside the loss.
    """
    clips = ClipSet([files], [1.0], model["window"])
    trained = trained_from(model, run)
    alone = replace(settings, drop_speech=0.0, drop_sound=1.0, drop_emotion=0.0, drop_actions=1.0, keep_share=0.0, clip_share=0.0)
    kinds, matched = kinds_of_clips(clips), clips.per_clip["matched"].numpy() > 0
    everything = clips.lists[True]
    for kind in ("plain", "mixture"):
        chosen = everything[torch.from_numpy(((kinds == kind) & matched)[everything.numpy()])]
        clips.hold_out([chosen])
        losses = [held_out_loss(trained, clips, alone, WINDOWS, str(draw)) for draw in range(DRAWS)]
        mean, error = float(np.mean(losses)), float(np.std(losses, ddof=1) / DRAWS**0.5)
        low, high = (mean + sign * NORMAL_95 * error for sign in (-1.0, 1.0))
        line = {"model": name, "clips": kind, "num_clips": len(chosen), "loss": mean, "low": low, "high": high}
        print(json.dumps(line), flush=True)  # noqa: T201 - the answer of a command
