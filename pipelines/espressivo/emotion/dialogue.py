"""What a speaker brings into a turn: the own last feeling (inertia) and the other's last feeling (contagion).

After EmotionIC's skip-chain over speakers, with fixed coefficients taken from transition statistics of real dialogue:
negative emotions persist and spread, surprise does neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from espressivo.emotion.mixture import normalise
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.personality import contagion, half_life_s
from espressivo.emotion.reading import read_text
from espressivo.emotion.request import DialogueTurn, Personality
from espressivo.emotion.steps import StepRecorder
from espressivo.resources import load_config

__all__ = ["carry_over", "persistence", "spread"]

OWN_SHARE = 0.4
SECONDS_PER_CHARACTER = 0.065  # about 15 characters a second of speech


def _excess(node: str, kind: str) -> float:
    """How far a transition is above chance: 0 at a lift of 1, towards 1 for high lifts."""
    table = load_config("emotion/dialogue.yaml")["lift"][kind]
    ontology = Ontology.load()
    primary = ontology.primary(node)
    name = primary if primary in table else ontology.near(node)
    lift = float(table.get(name, table["joy"]))
    return 1.0 - 1.0 / lift


def persistence(node: str) -> float:
    """Share of an emotion that stays with its speaker until the next own turn."""
    return OWN_SHARE * _excess(node, "inertia")


def spread(node: str, personality: Personality) -> float:
    """Share of the other speaker's emotion that is caught."""
    return contagion(personality) * _excess(node, "contagion")


def carry_over(turns: Sequence[DialogueTurn], personality: Personality, steps: StepRecorder) -> dict[str, float]:
    """Weights that the turns before the last leave in its speaker; to be added to what the last turn says.

    Args:
        turns: At least one; the last one's speaker is the one who is shown.
        personality: Of that speaker; others are average.
        steps: Where the thought is recorded.
    """
    shown = turns[-1].speaker
    felt: dict[str, dict[str, float]] = {}
    last_speaker: str | None = None
    for turn in turns[:-1]:
        traits = personality if turn.speaker == shown else Personality()
        prior = _prior(turn.speaker, last_speaker, felt, traits)
        elapsed = len(turn.text) * SECONDS_PER_CHARACTER
        fade = math.exp(math.log(0.5) * elapsed / half_life_s(traits))
        mixed = dict(read_text(turn.text).distribution)
        for name, weight in prior.items():
            mixed[name] = mixed.get(name, 0.0) + weight * fade
        felt[turn.speaker] = normalise(mixed)
        last_speaker = turn.speaker
    carried = {name: weight for name, weight in _prior(shown, last_speaker, felt, personality).items() if name != "neutral"}
    if len(turns) > 1:
        told = ", ".join(f"{name} {weight:.2f}" for name, weight in sorted(carried.items(), key=lambda item: -item[1])[:4])
        steps.add(
            "tracking",
            f"{len(turns) - 1} turns come before the one of {shown}",
            f"what they leave behind: {told or 'nothing'}",
            clue=f"own last turn and {last_speaker}'s last turn" if last_speaker != shown else "own last turn",
            source="transition statistics of MELD (inertia and contagion), after EmotionIC",
            provenance="verified",
        )
    return carried


def _prior(speaker: str, other: str | None, felt: Mapping[str, Mapping[str, float]], traits: Personality) -> dict[str, float]:
    prior: dict[str, float] = {}
    for name, weight in felt.get(speaker, {}).items():
        prior[name] = prior.get(name, 0.0) + persistence(name) * weight
    if other is not None and other != speaker:
        for name, weight in felt[other].items():
            prior[name] = prior.get(name, 0.0) + spread(name, traits) * weight
    return prior
