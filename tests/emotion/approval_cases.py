"""What the approved files hold: plans, readings and edits of many kinds, each as plain data.

``python tests/emotion/approval_cases.py`` writes them anew. Look at the difference before you commit it: it is what changed
for users.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from espressivo.emotion import EmotionCurve, EmotionPlan, EmotionRequest, explain, parse_emotion, plan_emotion, read_text
from espressivo.emotion.editing import describe_changes, diff_plans, replan_segment, set_action_level
from espressivo.emotion.figure import ontology_svg
from espressivo.emotion.parse import parse_dialogue, parse_personality
from espressivo.emotion.request import IntensityFactors

APPROVED = Path(__file__).parent / "approved"
DECIMALS = 4

LETTER = (
    "I had not heard from her for years. Then the letter came. I was so afraid to open it that my hands shook! "
    "But she had forgiven me, and I cried with relief."
)
QUARREL = (
    "ANNA: You never listen to me!\nBEN: I'm sorry, I really am.\nANNA: That's what you said last time.\nBEN: Please don't go."
)
TEXTS = (
    "I can't believe we won!!!",
    "I'm not happy at all.",
    "He was very, very slightly annoyed",
    "SOOO PROUD of you :)",
    "Das ist ja wunderbar, ich freue mich so!",
    "the quarterly figures are attached",
    "I miss him terribly, and yet I am glad that he is free.",
    "What is that smell? Disgusting.",
    "We buried my grandmother this morning.",
    "It was fine, I guess. Whatever.",
    "Haha, gotcha! You should have seen your face.",
    LETTER,
)


def approved_cases() -> dict[str, Callable[[], Any]]:
    """Name of each file and what makes its data."""
    plans = {
        "label": lambda: _planned(label="joy", duration_s=6.0),
        "faint-label": lambda: _planned(label="irritated", intensity=0.15, duration_s=3.0, seed=2),
        "mixture": lambda: _planned(mixture={"joy": 0.5, "sadness": 0.4, "fear": 0.1}, duration_s=5.0, seed=3),
        "far-apart": lambda: _planned(mixture={"anger": 0.5, "joy": 0.5}, duration_s=4.0, seed=4),
        "point": lambda: _planned(vad={"valence": -0.5, "arousal": 0.6, "dominance": -0.3}, duration_s=5.0),
        "quiet-point": lambda: _planned(vad={"valence": 0.3, "arousal": -0.5, "dominance": 0.1}, intensity=0.4, duration_s=5.0),
        "keyframes": lambda: _planned(
            keyframes=[
                {"time_s": 0.0, "mixture": {"calm": 1.0}},
                {"time_s": 2.5, "mixture": {"fear": 1.0}, "intensity": 0.9},
                {"time_s": 6.0, "mixture": {"relief": 0.8, "joy": 0.2}},
            ],
            duration_s=9.0,
            pauses=[(2.2, 2.4), (5.5, 6.3)],
        ),
        "arc": lambda: _plan_data(plan_emotion(parse_emotion("surprise, then anger turning to shame", duration_s=12.0), seed=5)),
        "scene": lambda: _planned(text=LETTER, duration_s=14.0, pauses=[(2.6, 3.0), (6.9, 7.3)], seed=6),
        "dialogue": lambda: _planned(dialogue=parse_dialogue(QUARREL), personality=parse_personality("anxious"), duration_s=5.0),
        "mask": lambda: _planned(label="sadness", mask="joy", discordance=0.7, duration_s=6.0, seed=7),
        "leaking-mask": lambda: _planned(
            label="contempt", mask="calm", personality=parse_personality("reserved"), duration_s=6.0
        ),
        "held-back": lambda: _planned(
            label="anger",
            factors=IntensityFactors(depth=0.8, frequency=0.9, threshold=0.1, effort=0.9, willingness=0.2),
            personality=parse_personality("stoic"),
            duration_s=10.0,
        ),
        "let-out": lambda: _planned(
            mixture={"excitement": 0.7, "nervousness": 0.3},
            personality=parse_personality("E=0.9,N=0.6,A=-0.4"),
            factors=IntensityFactors(depth=0.9, frequency=0.2, threshold=0.9, effort=0.1, willingness=1.0),
            duration_s=7.0,
        ),
        "long": lambda: _planned(label="disgust", duration_s=45.0, pauses=[(4.0, 4.6), (11.0, 11.4), (19.5, 20.1)], seed=8),
    }
    return plans | {"readings": _readings, "edits": _edits, "curve": _curve, "picture": lambda: ontology_svg().splitlines()}


def rounded(data: Any) -> Any:
    """The same data with numbers short enough to be the same on all machines."""
    if isinstance(data, float):
        return round(data, DECIMALS)
    if isinstance(data, dict):
        return {key: rounded(value) for key, value in data.items()}
    return [rounded(value) for value in data] if isinstance(data, list | tuple) else data


def _planned(*, seed: int = 0, pauses: list[tuple[float, float]] | None = None, **request: Any) -> Any:
    return _plan_data(plan_emotion(EmotionRequest.model_validate(request), seed=seed, speech_pauses=pauses or ()))


def _plan_data(plan: EmotionPlan) -> Any:
    return {"explained": explain(plan).splitlines(), "plan": plan.model_dump(mode="json")}


def _readings() -> Any:
    readings = {text: read_text(text) for text in TEXTS}
    return {text: dataclasses.asdict(reading) | {"vad": reading.vad.model_dump()} for text, reading in readings.items()}


def _edits() -> Any:
    before = plan_emotion(parse_emotion("fear turning to relief", duration_s=8.0), seed=1)
    lifted = set_action_level(before, 0, 4, 0.9)
    lopsided = set_action_level(lifted, 1, 12, 0.35, side="L")
    without = set_action_level(lopsided, 0, 5, 0.0)
    other = replan_segment(without, 1, {"pride": 0.6, "joy": 0.4}, intensity=0.8, seed=2)
    return {"changes": describe_changes(diff_plans(before, other)).splitlines()} | _plan_data(other)


def _curve() -> Any:
    curve = EmotionCurve(plan_emotion(parse_emotion("calm, then terror turning to relief", duration_s=9.0), seed=1))
    sample = curve.at(np.linspace(-0.5, 9.5, 41))
    fields = {field.name: getattr(sample, field.name) for field in dataclasses.fields(sample)}
    arrays = {name: value.tolist() for name, value in fields.items() if isinstance(value, np.ndarray)}
    return arrays | {
        "nodes": list(sample.nodes),
        "boundaries": curve.boundaries_s.tolist(),
        "widths": curve.transitions_s.tolist(),
    }


if __name__ == "__main__":
    for old in APPROVED.glob("*.json"):
        old.unlink()
    for name, make in approved_cases().items():
        text = json.dumps(rounded(make()), indent=1, ensure_ascii=False)
        (APPROVED / f"{name}.json").write_text(text + "\n", encoding="utf-8")
