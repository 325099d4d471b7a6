"""Fit how far muscles go in the seven acted emotions of ``configs/emotion/faces.yaml`` to how real actors show them in speech.

``python -m espressivo.evaluation.face_fitting --data FOLDER`` renders portraits that no figure uses while they speak, moves each
action unit of ``configs/evaluation/face_fitting.yaml`` and reads its response. Levels then make the readers of
:mod:`espressivo.evaluation.motion_pixels` surest of what is meant: mean cross-entropy of the profile reader and of the signs of
the rule reader, passed softly, in a model that is linear around today's levels, with a penalty on leaving them and bounds on what
looks natural. The result is printed for a person to judge on renders and to write into the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from espressivo.emotion import EmotionPlan
from espressivo.emotion.editing import set_action_level
from espressivo.emotion.plan import Side
from espressivo.evaluation.motion_pixels import (
    ACTED,
    FPS,
    PORTRAITS,
    RULES,
    SEEN,
    Studio,
    actor_profiles,
    expressive_shapes,
    fitted_portraits,
    read_profile,
    read_rules,
    sign_strength,
)
from espressivo.evaluation.motion_subjects import plan_for, read_recordings
from espressivo.face.landmarks import FaceLandmarker
from espressivo.motion.procedural import ProceduralMotion
from espressivo.render.renderer import FittedPortrait, PortraitRenderer
from espressivo.resources import load_config
from espressivo.speech.analysis import SpeechAnalysis

__all__ = ["Response", "Score", "fitted_levels", "main"]

FloatArray = NDArray[np.float64]
CONFIG = "evaluation/face_fitting.yaml"
# The figures use the first twelve portraits that fit, and the first recording.
FIRST_PORTRAIT, RECORDING = 20, 1
SEED = 100


@dataclass(frozen=True, slots=True)
class Response:
    """Readings of an emotion's face, linear around today's levels.

    Attributes:
        units: Action units, K of them.
        levels: ``(K,)`` today's.
        base: ``(N, 52)`` offsets from the neutral face on N portraits.
        slopes: ``(K, N, 52)`` change per level.
    """

    units: tuple[int, ...]
    levels: FloatArray
    base: FloatArray
    slopes: FloatArray

    def at(self, levels: FloatArray) -> FloatArray:
        """``(N, 52)`` offsets at other levels."""
        return np.asarray(self.base + np.tensordot(levels - self.levels, self.slopes, axes=1))


class Score:
    """How surely both readers take offsets for an emotion.

    Args:
        profiles: ``(7, 52)`` offsets of the actors.
        sharpness: Section of the config: factors of both scores before the softmax, width of a sign's threshold.
    """

    def __init__(self, profiles: FloatArray, sharpness: Mapping[str, float]) -> None:
        used = profiles[:, expressive_shapes()]
        self.directions = used / np.linalg.norm(used, axis=1, keepdims=True)
        self.sharpness = sharpness

    def loss(self, offsets: FloatArray, emotion: int) -> float:
        """Mean cross-entropy of both readers on offsets ``(N, 52)``."""
        used = offsets[:, expressive_shapes()]
        cosines = used @ self.directions.T / np.maximum(1e-6, np.linalg.norm(used, axis=1, keepdims=True))
        both = (self.sharpness["profile"] * cosines, self.sharpness["signs"] * self._signs(offsets))
        return float(np.mean([(logsumexp(scores, axis=1) - scores[:, emotion]).mean() for scores in both]))

    def _signs(self, offsets: FloatArray) -> FloatArray:
        """``(N, 7)`` scores of the rule reader with thresholds that are passed softly."""
        seen = {}
        for sign, tests in SEEN.items():
            over = [np.sign(least) * (sign_strength(offsets, name) - least) for name, least in tests]
            seen[sign] = np.prod(expit(np.array(over) / self.sharpness["sign_width"]), axis=0)
        scores = [
            np.mean([seen[sign] for sign in own], axis=0) - 0.5 * np.mean([seen[sign] for sign in other], axis=0)
            for own, other in (RULES[name] for name in ACTED)
        ]
        return np.stack(scores, axis=1)


def fitted_levels(
    response: Response, emotion: int, score: Score, bounds: Sequence[Sequence[float]], penalty: float
) -> FloatArray:
    """``(K,)`` levels within ``bounds`` that are read best, rounded to .05.

    Args:
        response: Of the emotion.
        emotion: Its index in :data:`ACTED`.
        score: What is to be low.
        bounds: Least and most of each unit.
        penalty: On the squared distance from today's levels.
    """
    low, high = np.array(bounds, np.float64).T

    def cost(levels: FloatArray) -> float:
        return score.loss(response.at(levels), emotion) + penalty * float(((levels - response.levels) ** 2).sum())

    best = minimize(cost, np.clip(response.levels, low, high), bounds=list(zip(low, high, strict=True)), method="L-BFGS-B")
    return np.asarray(np.round(best.x / 0.05) * 0.05)


def _shown(plan: EmotionPlan, unit: int) -> float:
    """Highest level of a unit in a plan, 0 where it does not occur."""
    return max((action.level for part in plan.segments for action in part.actions if action.action_unit == unit), default=0.0)


def _with_level(plan: EmotionPlan, unit: int, level: float) -> EmotionPlan:
    for index, part in enumerate(plan.segments):
        side: Side = next((action.side for action in part.actions if action.action_unit == unit), "both")
        plan = set_action_level(plan, index, unit, level, side=side)
    return plan


def _measured(
    studio: Studio, portraits: Sequence[FittedPortrait], heard: SpeechAnalysis, emotion: str, units: Sequence[int], step: float
) -> Response:
    def read(plan: EmotionPlan) -> FloatArray:
        backend = ProceduralMotion()
        tracks = (
            backend.generate(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=SEED + number)
            for number in range(len(portraits))
        )
        return np.array([studio.read(portrait, track) for portrait, track in zip(portraits, tracks, strict=True)])

    plan = plan_for(emotion, 1.0, heard.duration_s)
    base, levels = read(plan), np.array([_shown(plan, unit) for unit in units])
    moves = np.where(levels + step <= 1.0, step, -step)
    slopes = [
        (read(_with_level(plan, unit, level + move)) - base) / move
        for unit, level, move in zip(units, levels, moves, strict=True)
    ]
    return Response(tuple(units), levels, base - read(plan_for("neutral", 0.5, heard.duration_s)), np.array(slopes))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: one line of JSON for each emotion, with levels today and fitted and the share of portraits read right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="evaluation data with portraits and the actors' offsets")
    parser.add_argument("--portraits", type=int, default=16, help="how many, evenly over those that no figure uses")
    parser.add_argument("--frames", type=int, default=3, help="read of each performance")
    parser.add_argument("--emotion", nargs="+", choices=tuple(ACTED), default=list(ACTED), help="default: all seven")
    options = parser.parse_args(arguments)
    settings: dict[str, Any] = load_config(CONFIG)
    profiles = actor_profiles(options.data)
    score = Score(profiles, settings["sharpness"])
    free = sorted((options.data / PORTRAITS).glob("*.jpg"))[FIRST_PORTRAIT:]
    heard = read_recordings(options.data, RECORDING + 1)[RECORDING].aligned
    renderer = PortraitRenderer.from_pretrained()
    with FaceLandmarker() as reader:
        # Some are refused, so a few more are tried.
        chosen = free[:: max(1, len(free) // (2 * options.portraits))]
        portraits = fitted_portraits(renderer, reader, chosen, options.portraits)
        for emotion in options.emotion:
            index = list(ACTED).index(emotion)
            bounds = settings["bounds"][emotion]
            studio = Studio(renderer, reader, options.frames)
            response = _measured(studio, portraits, heard, emotion, tuple(bounds), settings["step"])
            levels = fitted_levels(response, index, score, tuple(bounds.values()), settings["penalty"])
            line = {
                "emotion": emotion,
                "portraits": len(portraits),
                "read_right": _read_right(response.base, index, profiles),
                "levels": {unit: [round(a, 2), round(b, 2)] for unit, a, b in zip(bounds, response.levels, levels, strict=True)},
                "expected": _read_right(response.at(levels), index, profiles),
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def _read_right(offsets: FloatArray, emotion: int, profiles: FloatArray) -> dict[str, float]:
    """Share of portraits that each reader takes for what is meant."""
    by_profile = [read_profile(offset, profiles) == emotion for offset in offsets]
    by_rules = [read_rules(offset) == emotion for offset in offsets]
    return {"profile": round(float(np.mean(by_profile)), 3), "rules": round(float(np.mean(by_rules)), 3)}


if __name__ == "__main__":
    main()
