"""Whether the emotion that is read from a clip says who shows it: real clips of two actors, seven emotions and neutral.

Who: nearest mean of the actors' other emotions. What: nearest clip of the other actor. Both by the embedding, and by the plain
statistics that it is read from; an identity-free embedding is near chance in the first and above it in the second.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.track import FacialActionTrack
from espressivo.motion.diffusion import DiffusionMotion
from espressivo.motion.imitation import read_reference
from espressivo.motion.state import state_of

__all__ = ["identity_figures", "who_and_what"]

CLIPS = Path("face") / "clips-mead-dreamtalk" / "blendshapes-measured"
ACTORS = ("M030", "W009")
EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
CLIP_FPS = Fraction(25)
PARTS = 2
FloatArray = NDArray[np.float64]


def identity_figures(learnt: DiffusionMotion, data: Path | None) -> list[Figure]:
    """Who and what is told from embeddings, with what the plain statistics tell as a baseline."""
    if data is None or not (data / CLIPS).is_dir():
        return [Figure(f"embedder.{name}", None, "", "higher", source=f"skipped: no {CLIPS}") for name in ("who", "what")]
    parts = [[_read(data / CLIPS, actor, emotion) for emotion in EMOTIONS] for actor in ACTORS]

    def embedded(track: FacialActionTrack) -> FloatArray:
        return np.asarray(read_reference(learnt.denoiser, track)[: learnt.denoiser.config.embedding], np.float64)

    def plain(track: FacialActionTrack) -> FloatArray:
        seen = learnt.denoiser.standardise(torch.from_numpy(state_of(track))).numpy()
        return np.concatenate([seen.mean(axis=0), seen.std(axis=0)]).astype(np.float64)

    (who, what), (plain_who, plain_what) = (who_and_what(parts, read) for read in (embedded, plain))
    said = f"{len(ACTORS)} actors, {len(EMOTIONS)} emotions, {PARTS} parts of each clip; "
    return [
        Figure(
            "embedder.who", float(np.mean(who)), "", "lower", None, bootstrap_interval(who),
            {"plain statistics": float(np.mean(plain_who)), "chance": 1.0 / len(ACTORS)},
            said + "the actor by the nearest mean over his other emotions; chance is identity-free",
        ),
        Figure(
            "embedder.what", float(np.mean(what)), "", "higher", None, bootstrap_interval(what),
            {"plain statistics": float(np.mean(plain_what)), "chance": 1.0 / len(EMOTIONS)},
            said + "the emotion by the nearest clip of the other actor",
        ),
    ]  # fmt: skip


def _read(folder: Path, actor: str, emotion: str) -> list[FacialActionTrack]:
    level = 1 if emotion == "neutral" else 3
    with np.load(folder / f"mead_{actor}_front_{emotion}_level{level}_001.npz") as file:
        values, names = file["v"].astype(np.float32), list(file["names"])
    weights = np.zeros((len(values), len(ARKIT_NAMES)), np.float32)
    for column, name in enumerate(ARKIT_NAMES):
        if name in names:
            weights[:, column] = values[:, names.index(name)]
    still = np.zeros((len(weights), 3), np.float32)
    return [FacialActionTrack(part, still[: len(part)], still[: len(part)], CLIP_FPS) for part in np.array_split(weights, PARTS)]


def who_and_what(
    parts: list[list[list[FacialActionTrack]]], read: Callable[[FacialActionTrack], FloatArray]
) -> tuple[list[float], list[float]]:
    """1 where the actor, and where the emotion, is told rightly.

    Args:
        parts: By actor, emotion and part.
        read: What is compared, by distance.
    """
    values = np.array([[[read(part) for part in clip] for clip in actor] for actor in parts])  # (A, E, P, Z)
    values = (values - values.mean(axis=(0, 1, 2))) / np.maximum(1e-6, values.std(axis=(0, 1, 2)))
    who, what = [], []
    for actor, emotion, part in np.ndindex(values.shape[:3]):
        asked = values[actor, emotion, part]
        others = np.delete(values, emotion, axis=1).mean(axis=(1, 2))
        who.append(float(np.linalg.norm(others - asked, axis=1).argmin() == actor))
        strangers = np.delete(values, actor, axis=0).mean(axis=(0, 2))
        what.append(float(np.linalg.norm(strangers - asked, axis=1).argmin() == emotion))
    return who, what
