"""From the global state to what the music should be like: a linear map of cues plus what is peculiar to an emotion.

Cues add without interactions (Eerola, Friberg & Bresin 2013), hence ``value = linear(VAD) + sum of peculiarities``. A state
that was given as a point has no peculiarities, so raising its arousal always raises tempo, density and velocity.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import Mode, MusicAttributes
from espressivo.emotion.tracking import EmotionState
from espressivo.emotion.vad import node_vad
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator

__all__ = ["MusicThought", "choose_tonics", "compose_music", "linear_attributes"]

Values = dict[str, float]
SHARP_NAMES = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
BRIGHT = ("mixolydian", "major", "lydian")
MAX_PECULIARITY = 1.3
FIELDS = {
    "tempo_bpm": "bpm",
    "velocity": "velocity",
    "density_nps": "density_nps",
    "articulation": "articulation",
    "dissonance": "dissonance",
    "irregularity": "irregularity",
    "velocity_spread": "spread",
}


class MusicThought:
    """Attributes of a state without a key, and the words for the step that set them."""

    def __init__(self, attributes: MusicAttributes, brightness: float, because: str) -> None:
        self.attributes = attributes
        self.brightness = brightness
        self.because = because

    @property
    def bright(self) -> bool:
        """Major-like mode."""
        return self.attributes.mode in BRIGHT


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load_config("emotion/music.yaml")
    return table


def linear_attributes(vad: NDArray[np.float64]) -> Values:
    """The linear cue model at a point, unclipped."""
    valence, arousal, dominance = (float(value) for value in vad)
    values = {}
    for name, row in _table()["linear"].items():
        if name in {"source", "provenance"}:
            continue
        values[name] = (
            row["bias"]
            + row.get("V", 0.0) * valence
            + row.get("A", 0.0) * arousal
            + row.get("D", 0.0) * dominance
            + row.get("VA", 0.0) * valence * arousal
        )
    return values


@cache
def _peculiarity(node: str) -> tuple[str | None, tuple[tuple[str, float], ...]]:
    """Anchor of a node and how far it lies from the linear model at the node's own place."""
    table = _table()
    anchors, aliases = table["anchors"]["rows"], table["aliases"]["of"]
    path = Ontology.load().path(node)
    owner = next((aliases.get(step, step) for step in path if step in aliases or step in anchors), None)
    if owner is None:
        return None, ()
    row = anchors[owner]
    expected = linear_attributes(node_vad(owner))
    centres = {name: _centre(row[key]) for name, key in FIELDS.items()}
    low, high = row["register"]
    centres |= {
        "register_centre": 0.5 * (low + high),
        "register_half_width": 0.5 * (high - low),
        "brightness": float(table["modes"]["brightness"][row["mode"]]),
    }
    return owner, tuple((name, value - expected[name]) for name, value in centres.items())


def _centre(value: float | list[float]) -> float:
    return float(np.mean(value))


def compose_music(state: EmotionState) -> MusicThought:
    """Attributes of a state; the key is chosen later, in the order of the segments."""
    # Behind a mask the music stays with what is felt.
    distribution, vad = (state.distribution, state.vad) if state.mask is None else (state.mask.felt, state.mask.vad)
    values = linear_attributes(vad)
    owners = []
    if not state.at_point:
        drive = min(MAX_PECULIARITY, state.strength / float(load_config("emotion/intensity.yaml")["default"]))
        for name, weight in distribution.items():
            owner, differences = _peculiarity(name)
            owners += [owner] if owner else []
            for field, difference in differences:
                values[field] += drive * weight * difference
    rows = _table()["linear"]
    clipped = {name: float(np.clip(value, *rows[name]["range"])) for name, value in values.items()}
    centre, half = clipped["register_centre"], clipped["register_half_width"]
    attributes = MusicAttributes(
        tempo_bpm=round(clipped["tempo_bpm"], 2),
        mode=_mode(clipped["brightness"]),
        density_nps=round(clipped["density_nps"], 3),
        register_low=int(np.clip(round(centre - half), 21, 96)),
        register_high=int(np.clip(round(centre + half), 33, 108)),
        velocity=round(clipped["velocity"], 2),
        velocity_spread=round(clipped["velocity_spread"], 2),
        articulation=round(clipped["articulation"], 3),
        dissonance=round(clipped["dissonance"], 3) + 0.0,
        irregularity=round(clipped["irregularity"], 3) + 0.0,
    )
    told = f"anchors of {', '.join(dict.fromkeys(owners))}" if owners else "no anchor: the linear cue model alone"
    return MusicThought(attributes, clipped["brightness"], told)


def _mode(brightness: float) -> Mode:
    positions: dict[Mode, float] = _table()["modes"]["brightness"]
    return min(positions, key=lambda mode: (abs(positions[mode] - brightness), mode))


def choose_tonics(thoughts: list[MusicThought], seed: int) -> list[tuple[int, str]]:
    """Tonic (pitch class) of each section and how it relates to the one before.

    Args:
        thoughts: One per segment, in order.
        seed: Draws the first tonic.
    """
    keys = _table()["keys"]
    rng = numpy_generator(seed, "emotion", "tonic")
    first = thoughts[0]
    tonic = int(rng.choice(keys["start_tonics"]["major" if first.bright else "minor"]))
    found = [(tonic, f"begins in {SHARP_NAMES[tonic]} {first.attributes.mode}")]
    for before, now in pairwise(thoughts):
        shift, relation = _shift(before, now)
        tonic = (tonic + shift) % 12
        found.append((tonic, f"{relation}: {SHARP_NAMES[tonic]} {now.attributes.mode}"))
    return found


def _shift(before: MusicThought, now: MusicThought) -> tuple[int, str]:
    keys = _table()["keys"]
    if now.bright and not before.bright:
        return int(keys["minor_to_major_relative"]), "relative major"
    if before.bright and not now.bright:
        return int(keys["major_to_minor_relative"]), "relative minor"
    rise = now.brightness - before.brightness
    if abs(rise) < float(keys["threshold"]):
        return int(keys["same"]), "same key"
    return (int(keys["brighter"]), "up a fifth, brighter") if rise > 0 else (int(keys["darker"]), "down a fifth, darker")
