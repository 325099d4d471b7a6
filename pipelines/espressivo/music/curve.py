"""What the music should be like at any moment: the segments' attributes, blended across their borders."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import astuple, dataclass, replace
from itertools import pairwise

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.plan import EmotionPlan, EmotionSegment
from espressivo.music.settings import MusicSettings, asked_attributes
from espressivo.music.theory import MODE_BRIGHTNESS

__all__ = ["AttributeCurve", "MusicMoment"]

MAX_BLEND_S = 1.5
MAX_BLEND_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class MusicMoment:
    """Attributes at a moment; units as in :class:`espressivo.emotion.plan.MusicAttributes`, VAD -1 to 1."""

    tempo_bpm: float
    brightness: float
    density_nps: float
    register_low: float
    register_high: float
    velocity: float
    velocity_spread: float
    articulation: float
    dissonance: float
    irregularity: float
    valence: float
    arousal: float
    dominance: float

    @classmethod
    def of_segment(cls, segment: EmotionSegment, settings: MusicSettings) -> MusicMoment:
        """The segment's own attributes, with the settings' choices in their place."""
        music = asked_attributes(segment.music, settings)
        return cls(
            tempo_bpm=music.tempo_bpm,
            brightness=MODE_BRIGHTNESS[music.mode],
            density_nps=music.density_nps,
            register_low=music.register_low,
            register_high=music.register_high,
            velocity=music.velocity,
            velocity_spread=music.velocity_spread,
            articulation=music.articulation,
            dissonance=music.dissonance,
            irregularity=music.irregularity,
            valence=segment.vad.valence,
            arousal=segment.vad.arousal,
            dominance=segment.vad.dominance,
        )

    def mixed(self, other: MusicMoment, weight: float) -> MusicMoment:
        """Linear mixture; ``weight`` 0 is this moment, 1 the other."""
        return MusicMoment(*(a + weight * (b - a) for a, b in zip(astuple(self), astuple(other), strict=True)))


class AttributeCurve:
    """Attributes over time: constant inside a segment, crossing over smoothly around its borders.

    The crossing takes 1.5 s, or a fifth of the shorter neighbour, on either side of the border; music needs bars where a face
    needs frames. Valence, arousal and dominance are those of the one emotion curve that the face follows too.
    """

    def __init__(self, plan: EmotionPlan, settings: MusicSettings) -> None:
        self._emotion = EmotionCurve(plan)
        self._moments = [MusicMoment.of_segment(segment, settings) for segment in plan.segments]
        self._borders = [segment.start_s for segment in plan.segments[1:]]
        self._widths = [
            min(MAX_BLEND_S, MAX_BLEND_SHARE * min(before.duration_s, after.duration_s))
            for before, after in pairwise(plan.segments)
        ]

    def at(self, time_s: float) -> MusicMoment:
        """Attributes at a time of the plan's clock."""
        index = bisect_right(self._borders, time_s)
        moment = self._moments[index]
        for border in (index - 1, index):
            if 0 <= border < len(self._borders):
                moment = self._crossed(moment, border, time_s)
        valence, arousal, dominance = self._emotion.at(time_s).vad[0]
        return replace(moment, valence=float(valence), arousal=float(arousal), dominance=float(dominance))

    def _crossed(self, moment: MusicMoment, border: int, time_s: float) -> MusicMoment:
        width = self._widths[border]
        offset = (time_s - self._borders[border]) / width
        if abs(offset) >= 1.0:
            return moment
        position = 0.5 * (offset + 1.0)
        weight = position * position * (3.0 - 2.0 * position)
        if offset < 0:
            return moment.mixed(self._moments[border + 1], weight)
        return moment.mixed(self._moments[border], 1.0 - weight)
