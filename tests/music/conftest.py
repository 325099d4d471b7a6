"""Plans of known emotions for the music tests."""

from collections.abc import Callable

import pytest

from espressivo.emotion.plan import VAD, EmotionPlan, EmotionSegment, MusicAttributes, PlanStep

# (valence, arousal, dominance), tempo, mode, velocity, density, articulation, register, dissonance, irregularity, spread
EMOTIONS = {
    "joy": ((0.8, 0.5, 0.4), 130, "major", 92, 5.5, 0.57, (64, 84), 0.1, 0.1, 10),
    "sadness": ((-0.6, -0.45, -0.35), 60, "minor", 48, 2, 0.97, (45, 67), 0.2, 0.15, 7),
    "anger": ((-0.6, 0.7, 0.45), 145, "minor", 112, 8, 0.42, (36, 67), 0.6, 0.25, 8),
    "fear": ((-0.6, 0.55, -0.55), 128, "phrygian", 70, 6, 0.5, (36, 91), 0.65, 0.6, 20),
    "contentment": ((0.6, -0.5, 0.2), 82, "major", 60, 3, 0.92, (55, 76), 0.05, 0.05, 7),
    "awe": ((0.4, 0.15, -0.5), 63, "lydian", 72, 2.5, 1.0, (40, 91), 0.15, 0.1, 16),
}

PlanMaker = Callable[..., EmotionPlan]


def attributes(name: str, **changes: object) -> MusicAttributes:
    _, tempo, mode, velocity, density, articulation, register, dissonance, irregularity, spread = EMOTIONS[name]
    values = {
        "tempo_bpm": tempo,
        "mode": mode,
        "velocity": velocity,
        "density_nps": density,
        "articulation": articulation,
        "register_low": register[0],
        "register_high": register[1],
        "dissonance": dissonance,
        "irregularity": irregularity,
        "velocity_spread": spread,
    }
    return MusicAttributes.model_validate(values | changes)


@pytest.fixture(scope="session")
def make_plan() -> PlanMaker:
    """``make_plan(("joy", 5.0), ("awe", 3.0), tempo_bpm=90)``: segments one after another, attributes changed in all."""

    def build(*items: tuple[str, float], **changes: object) -> EmotionPlan:
        segments, clock = [], 0.0
        for name, duration_s in items:
            valence, arousal, dominance = EMOTIONS[name][0]
            segments.append(
                EmotionSegment(
                    start_s=clock,
                    end_s=clock + duration_s,
                    distribution={name: 1.0},
                    vad=VAD(valence=valence, arousal=arousal, dominance=dominance),
                    intensity=0.8,
                    music=attributes(name, **changes),
                )
            )
            clock += duration_s
        step = PlanStep(id="music", kind="music", observation="a test", inference="music for a test")
        return EmotionPlan(steps=(step,), segments=tuple(segments))

    return build
