"""First layer of the chain: which emotion holds when. Every form of request becomes spans with a state each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.ambivalence import SPLIT_FROM, ambivalent_parts
from espressivo.emotion.dialogue import carry_over
from espressivo.emotion.mixture import normalise, strongest
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.personality import baseline_vad, least_share, mood_octant
from espressivo.emotion.plan import Provenance
from espressivo.emotion.request import EmotionRequest, Keyframe, Personality
from espressivo.emotion.scenes import TextScene, text_scenes
from espressivo.emotion.steps import StepRecorder
from espressivo.emotion.vad import TYPICAL_INTENSITY, distribution_at, mixture_vad, node_vad, vad_source
from espressivo.resources import load_config

__all__ = ["EmotionState", "Mask", "StateSpan", "make_state", "note_appraisal", "split_long", "track_request"]

Vector = NDArray[np.float64]
MIN_SPLIT_S = 20.0
MAX_SPLITS = 90
CARRY_FADE = 0.5


@dataclass(frozen=True, slots=True)
class Mask:
    """A feeling with another one over it.

    Attributes:
        felt: Soft label of what is felt; brows, eyes and music follow it.
        shown: Soft label of what is put on; the mouth follows it.
        discordance: How much of the felt one leaks, 0-1.
        vad: ``(3,)`` of what is felt.
        why: How it is known.
    """

    felt: Mapping[str, float]
    shown: Mapping[str, float]
    discordance: float
    vad: Vector
    why: str


@dataclass(frozen=True, slots=True)
class EmotionState:
    """The global state of a stretch of time, before any muscle is chosen.

    Attributes:
        distribution: Soft label over ontology nodes, at most three.
        vad: ``(3,)`` with intensity and personality applied.
        intensity: 0-1 as asked or read.
        at_point: The state was given as a VAD point: music follows the point alone.
        clue: Words or numbers that it rests on.
        mask: Set where one feeling covers another.
    """

    distribution: Mapping[str, float]
    vad: Vector
    intensity: float
    at_point: bool
    clue: str
    mask: Mask | None = None

    @property
    def strength(self) -> float:
        """Intensity times the strength of the words ("fury" is more than "anger")."""
        nodes = Ontology.load().nodes
        return self.intensity * math.fsum(weight * nodes[name].strength for name, weight in self.distribution.items())

    @property
    def label(self) -> str:
        """The strongest node."""
        return max(self.distribution, key=lambda name: (self.distribution[name], name))

    def describe(self) -> str:
        """E.g. ``joy .70, surprise .30``."""
        return ", ".join(f"{name} {weight:.2f}" for name, weight in self.distribution.items())


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A state and when it holds; ``number`` counts distinct states, so that a long hold shares its reasoning."""

    start_s: float
    end_s: float
    state: EmotionState
    number: int


def track_request(
    request: EmotionRequest, steps: StepRecorder, word_times: Sequence[tuple[float, float]] = ()
) -> list[StateSpan]:
    """Turn a request into spans that tile its duration, recording the tracking and cause steps.

    Args:
        request: Any form.
        steps: Where the thoughts go.
        word_times: ``(start, end)`` of the spoken words of a text or last turn, if known.
    """
    if request.keyframes is not None:
        spans = _keyframe_spans(request, request.keyframes, steps)
    elif request.text is not None:
        spans = _text_spans(request, request.text, {}, steps, word_times)
    elif request.dialogue is not None:
        carried = carry_over(request.dialogue, request.personality, steps)
        spans = _text_spans(request, request.dialogue[-1].text, carried, steps, word_times)
    else:
        spans = [(0.0, request.duration_s, _single_state(request, steps))]
    if request.mask is not None:
        spans = [(start, end, _put_on(state, request.mask, request)) for start, end, state in spans]
    return split_long(spans, request.duration_s)


def _single_state(request: EmotionRequest, steps: StepRecorder) -> EmotionState:
    intensity = _default_intensity() if request.intensity is None else request.intensity
    if request.vad is not None:
        return _point_state(request, steps)
    if request.label is not None:
        resolution = Ontology.load().resolve(request.label)
        distribution, clue = {resolution.node: 1.0}, resolution.describe()
        observation = f"the emotion is named: {request.label!r}"
    else:
        distribution, clue = _resolved_mixture(request.mixture or {})
        observation = "a mixture is asked for"
    state = make_state(distribution, intensity, request.personality, clue)
    _note_tracking(steps, observation, state)
    _note_cause(steps, "no cause is told", "the emotion is taken as stated by the user", clue)
    return state


def _point_state(request: EmotionRequest, steps: StepRecorder) -> EmotionState:
    point = request.vad
    assert point is not None  # noqa: S101 - the caller has looked
    vector = np.array([point.valence, point.arousal, point.dominance])
    distribution = distribution_at(vector)
    implied = TYPICAL_INTENSITY * float(np.linalg.norm(vector)) / max(1e-9, float(np.linalg.norm(mixture_vad(distribution))))
    intensity = request.intensity if request.intensity is not None else round(min(1.0, implied), 4)
    clue = f"V {point.valence:+.2f}, A {point.arousal:+.2f}, D {point.dominance:+.2f}"
    moved = np.clip(vector * _point_scale(vector, request.intensity, implied) + _temperament(request.personality), -1.0, 1.0)
    state = EmotionState(distribution, moved, intensity, at_point=True, clue=clue)
    _note_tracking(steps, "a point in valence, arousal and dominance is given", state, clue=clue)
    _note_cause(steps, "no cause is told", "the point is taken as stated by the user", clue)
    return state


def _point_scale(vector: Vector, intensity: float | None, implied: float) -> float:
    """Factor that moves a point to the intensity asked for, without leaving the space."""
    if intensity is None:
        return 1.0
    farthest = 1.0 / max(1e-9, float(np.abs(vector).max()))
    return min(intensity / max(1e-9, min(1.0, implied)), farthest)


def _keyframe_spans(
    request: EmotionRequest, frames: tuple[Keyframe, ...], steps: StepRecorder
) -> list[tuple[float, float, EmotionState]]:
    states: list[tuple[float, EmotionState]] = []
    if frames[0].time_s > 0:
        states.append((0.0, make_state({"neutral": 1.0}, 0.0, request.personality, "before the first keyframe")))
    for frame in frames:
        distribution, clue = _resolved_mixture(frame.mixture)
        given = frame.intensity if frame.intensity is not None else request.intensity
        intensity = _default_intensity() if given is None else given
        states.append((frame.time_s, make_state(distribution, intensity, request.personality, clue)))
    ends = [start for start, _ in states[1:]] + [request.duration_s]
    arc = " -> ".join(state.label for _, state in states)
    steps.add(
        "tracking",
        f"{len(frames)} moments are given",
        f"the feeling moves {_short(arc)} over {request.duration_s:g} s",
        clue=_short("; ".join(f"{start:g} s: {state.clue}" for start, state in states)),
        source="Parrott 2001 (word tree)",
        provenance="verified",
        sets=[f"segments[{index}].distribution" for index in range(len(states))],
    )
    turns = ", ".join(f"{start:g} s" for start, _ in states[1:])
    _note_cause(steps, "no cause is told", f"the turns are taken as stated by the user{': ' + turns if turns else ''}", arc)
    return [(start, end, state) for (start, state), end in zip(states, ends, strict=True)]


def _text_spans(
    request: EmotionRequest,
    text: str,
    carried: Mapping[str, float],
    steps: StepRecorder,
    word_times: Sequence[tuple[float, float]],
) -> list[tuple[float, float, EmotionState]]:
    spans = []
    for index, scene in enumerate(text_scenes(text, request.duration_s, word_times)):
        state = _scene_state(request, scene, {name: weight * CARRY_FADE**index for name, weight in carried.items()})
        spans.append((scene.start_s, scene.end_s, state))
        _note_tracking(steps, f"the text says: {_short(scene.text, 300)!r}", state, index=index, notes=scene.reading.notes)
        _note_cause(steps, f"words that carry the feeling: {state.clue}", f"they speak for {state.describe()}", state.clue)
    return spans


def _scene_state(request: EmotionRequest, scene: TextScene, carried: Mapping[str, float]) -> EmotionState:
    """State of a scene: what it says, and what was felt before, which fades as the speaker goes on."""
    reading = scene.reading
    plans = load_config("emotion/reading.yaml")["combination"]
    mixed = dict(reading.distribution)
    # A text is seldom without neutral words; a face that follows them too closely shows nothing.
    mixed["neutral"] = mixed.get("neutral", 0.0) * float(plans["neutral_in_plans"])
    for name, weight in carried.items():
        mixed[name] = mixed.get(name, 0.0) + weight
    max_emotions = int(load_config("emotion/pairs.yaml")["max_emotions"])
    distribution = strongest(normalise(mixed), max_emotions, least_share(request.factors))
    intensity = reading.intensity if request.intensity is None else request.intensity
    clue = ", ".join(f"{clue.text!r} ({clue.node})" for clue in reading.clues[:6]) or "no emotion word"
    state = make_state(distribution, intensity, request.personality, clue)
    share = float(plans["regression_in_plans"])
    regressed = np.array([reading.vad.valence, reading.vad.arousal, reading.vad.dominance])
    state = replace(state, vad=(1.0 - share) * state.vad + share * regressed)
    discordance = reading.discordance if request.discordance is None else request.discordance
    parts = ambivalent_parts(distribution)
    if request.mask is not None or parts is None or discordance < SPLIT_FROM:
        return state
    felt, shown = parts
    vad = make_state(felt, intensity, request.personality, clue).vad
    return replace(state, mask=Mask(felt, shown, discordance, vad, "the text is of two minds"))


def _put_on(state: EmotionState, word: str, request: EmotionRequest) -> EmotionState:
    """The state with another emotion put on over it."""
    node = Ontology.load().resolve(word).node
    default = float(load_config("emotion/intensity.yaml")["mask"]["default_discordance"])
    discordance = default if request.discordance is None else request.discordance
    felt_share = 0.3 + 0.4 * discordance
    mixed = {name: weight * felt_share for name, weight in state.distribution.items()}
    mixed[node] = mixed.get(node, 0.0) + 1.0 - felt_share
    distribution = normalise(mixed)
    whole = make_state(distribution, state.intensity, request.personality, f"{state.clue}; behind {node}")
    return replace(whole, mask=Mask(state.distribution, {node: 1.0}, discordance, state.vad, "a mask is asked for"))


def make_state(distribution: Mapping[str, float], intensity: float, personality: Personality, clue: str) -> EmotionState:
    """State of a soft label, with temperament mixed in."""
    # Vectors of derived nodes already carry their word's strength; intensity alone is applied here.
    vad = np.clip(mixture_vad(distribution, intensity) + _temperament(personality), -1.0, 1.0)
    return EmotionState(distribution, vad, intensity, at_point=False, clue=clue)


def _temperament(personality: Personality) -> Vector:
    influence = float(load_config("emotion/personality.yaml")["expression"]["mood_influence"])
    return baseline_vad(personality) * influence


def _resolved_mixture(mixture: Mapping[str, float]) -> tuple[dict[str, float], str]:
    weights: dict[str, float] = {}
    clues = []
    for word, weight in mixture.items():
        resolution = Ontology.load().resolve(word)
        weights[resolution.node] = weights.get(resolution.node, 0.0) + weight
        clues.append(resolution.describe())
    return normalise(weights), "; ".join(clues)


def _default_intensity() -> float:
    return float(load_config("emotion/intensity.yaml")["default"])


def _short(text: str, limit: int = 600) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _note_tracking(
    steps: StepRecorder, observation: str, state: EmotionState, *, index: int = 0, clue: str = "", notes: tuple[str, ...] = ()
) -> None:
    where = "; ".join(f"{name}: {vad_source(name)}" for name in state.distribution)
    steps.add(
        "tracking",
        observation,
        f"felt: {state.describe()}, intensity {state.intensity:.2f}" + "".join(f"; {note}" for note in notes),
        clue=clue or state.clue,
        source=f"Parrott 2001 (word tree); {where}",
        provenance="verified",
        sets=[f"segments[{index}].distribution", f"segments[{index}].intensity"],
    )


def _note_cause(steps: StepRecorder, observation: str, inference: str, clue: str) -> None:
    provenance: Provenance = "engineering"
    steps.add("cause", observation, inference, clue=_short(clue), source="the user's own words", provenance=provenance)


def note_appraisal(steps: StepRecorder, state: EmotionState, personality: Personality, indices: list[int]) -> str:
    """Record the global state: how pleasant, how activated, how much in control."""
    valence, arousal, dominance = state.vad
    words = (
        _pole(valence, "pleasant", "unpleasant", "neither pleasant nor unpleasant"),
        _pole(arousal, "activated", "calm", "of middling activation"),
        _pole(dominance, "in control", "at the mercy of events", "neither in nor out of control"),
    )
    lean = np.linalg.norm(_temperament(personality))
    mask = state.mask
    covered = (
        ""
        if mask is None
        else (
            f"; {mask.why}: {'/'.join(mask.felt)} is felt, {'/'.join(mask.shown)} shown over it, {mask.discordance:.0%} leaks; "
            "brows, eyes and music stay with what is felt"
        )
    )
    trait = f"; temperament {mood_octant(baseline_vad(personality))} moves it by {lean:.2f}" if lean > 0 else ""
    return steps.add(
        "appraisal",
        f"{state.describe()} at intensity {state.intensity:.2f} (with the words' own strength {state.strength:.2f})",
        f"the whole face is {words[0]}, {words[1]}, {words[2]}{trait}{covered}",
        clue=f"V {valence:+.2f}, A {arousal:+.2f}, D {dominance:+.2f}",
        source="; ".join(dict.fromkeys(vad_source(name) for name in state.distribution))
        + ("; Mehrabian 1996" if lean > 0 else ""),
        provenance="verified" if all(np.any(node_vad(name)) for name in state.distribution) else "engineering",
        sets=[f"segments[{index}].{field}" for index in indices for field in ("vad", "head_gaze")],
    )


def _pole(value: float, high: str, low: str, middle: str) -> str:
    if abs(value) < 0.12:
        return middle
    degree = "very " if abs(value) > 0.7 else "" if abs(value) > 0.3 else "slightly "
    return degree + (high if value > 0 else low)


def split_long(spans: list[tuple[float, float, EmotionState]], duration_s: float) -> list[StateSpan]:
    """Long stretches become several segments of the same state, so that none holds too many movements."""
    longest = max(MIN_SPLIT_S, duration_s / MAX_SPLITS)
    result = []
    for number, (start, end, state) in enumerate(spans):
        pieces = max(1, math.ceil((end - start) / longest - 1e-9))
        edges = [round(start + (end - start) * piece / pieces, 6) for piece in range(pieces)] + [end]
        result += [StateSpan(left, right, state, number) for left, right in pairwise(edges)]
    return result
