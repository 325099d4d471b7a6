"""The emotion of a plan as a function of time: the one curve that face and music both sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from espressivo.emotion.plan import EmotionPlan
from espressivo.resources import load_config

__all__ = ["CurveSample", "EmotionCurve"]

FARTHEST_VAD = 2.0 * np.sqrt(3.0)
MAX_SHARE_OF_SEGMENT = 0.8


@dataclass(frozen=True, slots=True)
class CurveSample:
    """The state at T moments.

    Attributes:
        vad: ``(T, 3)`` float64, valence, arousal, dominance, each -1 to 1.
        intensity: ``(T,)`` float64, 0-1.
        distribution: ``(T, K)`` float64 over :attr:`nodes`; rows sum to 1.
        nodes: K names of ontology nodes.
    """

    vad: NDArray[np.float64]
    intensity: NDArray[np.float64]
    distribution: NDArray[np.float64]
    nodes: tuple[str, ...]


class EmotionCurve:
    """Segments joined by raised-cosine transitions of 300-700 ms, longer the farther apart the two states are.

    Args:
        plan: Segments that tile ``[0, duration]``.
    """

    def __init__(self, plan: EmotionPlan) -> None:
        segments = plan.segments
        self.duration_s = plan.duration_s
        self.nodes = tuple(dict.fromkeys(name for segment in segments for name in segment.distribution))
        self._vad = np.array([[s.vad.valence, s.vad.arousal, s.vad.dominance] for s in segments])
        self._intensity = np.array([segment.intensity for segment in segments])
        self._distribution = np.array([[s.distribution.get(name, 0.0) for name in self.nodes] for s in segments])
        self._distribution /= self._distribution.sum(axis=1, keepdims=True)
        self.boundaries_s = np.array([segment.end_s for segment in segments[:-1]])
        self.transitions_s = self._widths(np.array([segment.duration_s for segment in segments]))

    def _widths(self, durations_s: NDArray[np.float64]) -> NDArray[np.float64]:
        shortest, longest = load_config("emotion/dynamics.yaml")["transition"]["seconds"]
        distance = np.linalg.norm(np.diff(self._vad, axis=0), axis=1) / FARTHEST_VAD
        wanted = shortest + (longest - shortest) * np.minimum(1.0, 2.0 * distance)
        room = MAX_SHARE_OF_SEGMENT * np.minimum(durations_s[:-1], durations_s[1:])
        widths: NDArray[np.float64] = np.minimum(wanted, room)
        return widths

    def at(self, times_s: ArrayLike) -> CurveSample:
        """Sample the curve.

        Args:
            times_s: ``(T,)`` moments in seconds; before 0 and after the end the outer states hold.
        """
        times = np.atleast_1d(np.asarray(times_s, dtype=np.float64))
        if self.boundaries_s.size == 0:
            ones = np.ones((times.size, 1))
            return CurveSample(ones * self._vad, ones[:, 0] * self._intensity[0], ones * self._distribution, self.nodes)
        # Transitions never overlap, so each moment lies in the window of at most one boundary: the nearest.
        right = np.searchsorted(self.boundaries_s, times)
        left = np.clip(right - 1, 0, None)
        right = np.clip(right, None, self.boundaries_s.size - 1)
        nearer_left = np.abs(times - self.boundaries_s[left]) < np.abs(self.boundaries_s[right] - times)
        boundary = np.where(nearer_left, left, right)
        phase = (times - self.boundaries_s[boundary]) / self.transitions_s[boundary] + 0.5
        blend = (0.5 - 0.5 * np.cos(np.pi * np.clip(phase, 0.0, 1.0)))[:, None]

        def mix(values: NDArray[np.float64]) -> NDArray[np.float64]:
            mixed: NDArray[np.float64] = (1.0 - blend) * values[boundary] + blend * values[boundary + 1]
            return mixed

        return CurveSample(mix(self._vad), mix(self._intensity[:, None])[:, 0], mix(self._distribution), self.nodes)
