"""Emotion read off rendered pixels by readers that no training of ours has seen.

*Profile reader*: mean MediaPipe blendshapes of a clip minus those of the same portrait's neutral clip with the same words,
nearest by cosine to the same offsets of two real actors (MEAD). *Rule reader*: the action units that these offsets show,
against published sets (EMFACS). Shapes of the line of sight are left out: where a speaker looks is no expression.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.emotion import EmotionRequest, plan_emotion
from espressivo.errors import ImageInputError
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.face.landmarks import FaceLandmarker
from espressivo.face.track import FacialActionTrack
from espressivo.media.image import load_image
from espressivo.render.renderer import FittedPortrait, PortraitRenderer, prepare_portrait
from espressivo.speech.analysis import SpeechAnalysis

__all__ = [
    "ACTED",
    "FPS",
    "PORTRAITS",
    "RULES",
    "SEEN",
    "Studio",
    "actor_profiles",
    "expressive_shapes",
    "fitted_portraits",
    "measure_pixels",
    "read_profile",
    "read_rules",
    "sign_strength",
]

FloatArray = NDArray[np.float64]
Backend = Callable[..., FacialActionTrack]

# Our name of each emotion, and the actors'.
ACTED: Final = {
    "anger": "angry", "contempt": "contempt", "disgust": "disgusted", "fear": "fear", "joy": "happy", "sadness": "sad",
    "surprise": "surprised",
}  # fmt: skip
TABLE: Final = Path("face") / "tables" / "mead_emotion_blendshape_delta.json"
ACTORS: Final = Path("face") / "clips-mead-dreamtalk" / "blendshapes-measured"
PORTRAITS: Final = Path("face") / "portraits-synthetic-sfhq" / "files"
FPS: Final = Fraction(25)
SIZE: Final = 256
SEED: Final = 5
# The face arrives at its expression in the first second and leaves it in the last.
FIRST_S, LAST_S = 1.2, 0.8
LEVELS: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
FLOOR, RANK_FLOOR = 0.85, 0.95
# What of an action unit the reader shows, as mean offset at which it counts as seen; noseSneer and cheekSquint are never read.
SEEN: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    "brow_raised": (("browInnerUp", 0.10),),
    "outer_brow_raised": (("browOuterUp", 0.12),),
    "brow_lowered": (("browInnerUp", -0.08), ("browOuterUp", -0.08)),
    "squint": (("eyeSquint", 0.05),),
    "smile": (("mouthSmile", 0.15),),
    "one_sided": (("asymmetry", 0.15),),
    "upper_lip": (("mouthUpperUp", 0.10),),
    "lids_lowered": (("eyeBlink", 0.08),),
    "stretched": (("mouthStretch", 0.04),),
    "open": (("jawOpen", 0.05),),
}
# EMFACS in these terms: what speaks for an emotion, and what speaks against it.
RULES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "anger": (("brow_lowered", "squint", "open"), ("lids_lowered", "brow_raised", "stretched")),
    "contempt": (("one_sided", "upper_lip", "brow_raised"), ("brow_lowered", "smile", "open")),
    "disgust": (("upper_lip", "brow_lowered", "stretched"), ("smile", "outer_brow_raised", "open")),
    "fear": (("brow_raised", "stretched", "open", "smile"), ("squint", "brow_lowered", "upper_lip")),
    "joy": (("smile", "upper_lip", "squint"), ("open", "stretched")),
    "sadness": (("lids_lowered", "squint", "brow_lowered"), ("smile", "outer_brow_raised", "upper_lip")),
    "surprise": (("brow_raised", "outer_brow_raised", "open"), ("squint", "smile", "stretched")),
}


@dataclass(frozen=True, slots=True)
class Studio:
    """What turns a performance into readings."""

    renderer: PortraitRenderer
    reader: FaceLandmarker
    num_frames: int

    def read(self, portrait: FittedPortrait, track: FacialActionTrack) -> FloatArray:
        """``(52,)`` mean blendshapes of some frames."""
        first, last = int(FIRST_S * float(FPS)), len(track) - int(LAST_S * float(FPS))
        readings = []
        for index in np.linspace(first, last, self.num_frames).astype(int):
            image = self.renderer.frame(portrait, track.weights[index], track.head_rotation[index], track.head_translation[index])
            readings += [face.blendshapes for face in self.reader.detect(image)[:1]]
        return np.asarray(np.mean(readings, axis=0), np.float64)


def expressive_shapes() -> NDArray[np.bool_]:
    """``(52,)`` shapes that count as expression."""
    return np.array([not name.startswith("eyeLook") for name in ARKIT_NAMES])


def read_profile(offset: FloatArray, profiles: FloatArray) -> int:
    """Row of ``profiles`` ``(K, 52)`` that an offset ``(52,)`` points to most."""
    used = expressive_shapes()
    rows, asked = profiles[:, used], offset[used]
    return int(np.argmax(rows @ asked / np.maximum(1e-9, np.linalg.norm(rows, axis=1))))


def sign_strength(offset: FloatArray, name: str) -> FloatArray:
    """``(...)`` of offsets ``(..., 52)``: a shape's, of both sides the mean, or how far the two halves of the mouth differ."""
    if name == "asymmetry":
        left, right = (
            [ARKIT_INDEX[f"{p}{side}"] for p in ("mouthUpperUp", "mouthSmile", "mouthDimple")] for side in ("Left", "Right")
        )
        return np.asarray(np.abs(offset[..., left] - offset[..., right]).sum(axis=-1))
    columns = [ARKIT_INDEX[side] for side in expand_sides(name)]
    return np.asarray(offset[..., columns].mean(axis=-1))


def _seen(offset: FloatArray) -> set[str]:
    """What can be seen in an offset ``(52,)``, in the terms of :data:`SEEN`."""

    def passed(name: str, least: float) -> bool:
        strength = float(sign_strength(offset, name))
        return strength <= least if least < 0.0 else strength >= least

    return {sign for sign, tests in SEEN.items() if all(passed(name, least) for name, least in tests)}


def read_rules(offset: FloatArray) -> int:
    """Index in :data:`ACTED` of the emotion whose signs are seen best: share of its own signs less half of those against it."""
    seen = _seen(offset)
    scores = [
        len(seen & set(own)) / len(own) - 0.5 * len(seen & set(other)) / len(other)
        for own, other in (RULES[emotion] for emotion in ACTED)
    ]
    return int(np.argmax(scores))


def actor_profiles(data: Path) -> FloatArray:
    """``(7, 52)`` mean offsets of the actors."""
    table = json.loads((data / TABLE).read_text(encoding="utf-8"))["delta"]
    profiles = np.zeros((len(ACTED), len(ARKIT_NAMES)))
    for row, name in enumerate(ACTED.values()):
        for shape, value in table[name].items():
            if shape in ARKIT_INDEX:
                profiles[row, ARKIT_INDEX[shape]] = value
    return profiles


def _actors(data: Path) -> dict[str, FloatArray]:
    """``(7, 52)`` offsets of each actor."""
    offsets = {}
    for actor in ("M030", "W009"):

        def mean(emotion: str, level: int, actor: str = actor) -> FloatArray:
            with np.load(data / ACTORS / f"mead_{actor}_front_{emotion}_level{level}_001.npz") as file:
                order = [list(file["names"]).index(name) if name in file["names"] else -1 for name in ARKIT_NAMES]
                means = np.append(file["v"].mean(axis=0), 0.0)
            return np.asarray(means[order], np.float64)

        neutral = mean("neutral", 1)
        offsets[actor] = np.stack([mean(name, 3) - neutral for name in ACTED.values()])
    return offsets


def fitted_portraits(
    renderer: PortraitRenderer, reader: FaceLandmarker, paths: Sequence[Path], count: int
) -> list[FittedPortrait]:
    """The first ``count`` portraits that the renderer takes and the reader finds."""
    found: list[FittedPortrait] = []
    for path in paths:
        if len(found) == count:
            break
        try:
            portrait = renderer.fit(prepare_portrait(load_image(path), SIZE))
        except ImageInputError:
            continue  # the renderer says itself which faces it does not take
        if reader.detect(renderer.frame(portrait, np.zeros(len(ARKIT_NAMES)))):
            found.append(portrait)
    return found


def _act(backend: Backend, emotion: str, intensity: float, heard: SpeechAnalysis, seed: int) -> FacialActionTrack:
    plan = plan_emotion(EmotionRequest(label=emotion, intensity=intensity, duration_s=heard.duration_s), seed=seed)
    return backend(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=seed)


def _offsets(studio: Studio, portraits: Sequence[FittedPortrait], backend: Backend, heard: SpeechAnalysis) -> FloatArray:
    """``(N, 7, 52)`` readings beside the neutral ones; every portrait has a seed, so a performance, of its own."""
    result = np.zeros((len(portraits), len(ACTED), len(ARKIT_NAMES)))
    for number, portrait in enumerate(portraits):
        neutral = studio.read(portrait, _act(backend, "neutral", 0.5, heard, SEED + number))
        for row, emotion in enumerate(ACTED):
            result[number, row] = studio.read(portrait, _act(backend, emotion, 1.0, heard, SEED + number)) - neutral
    return result


def _recognition(name: str, read: Callable[[FloatArray], int], offsets: Mapping[str, FloatArray], note: str) -> list[Figure]:
    """Share that is read as meant, over all and for each emotion with what else it was read as. The first backend counts."""
    readings = {
        backend: np.array([[read(offset) for offset in of_portrait] for of_portrait in values])
        for backend, values in offsets.items()
    }
    truth = np.arange(len(ACTED))
    (first, own), *others = readings.items()
    hits = (own == truth).ravel().astype(float)
    baselines = {backend: float((values == truth).mean()) for backend, values in others} | {"chance": 1.0 / len(ACTED)}
    figures = [
        Figure(f"pixels.{name}", float(hits.mean()), "", "higher", FLOOR, bootstrap_interval(hits.tolist()), baselines, note)
    ]
    names = list(ACTED)
    for row, emotion in enumerate(names):
        counts = np.bincount(own[:, row], minlength=len(names))
        told = ", ".join(f"{names[k]} {counts[k]}" for k in np.argsort(-counts) if counts[k])
        recall = {backend: float((values[:, row] == row).mean()) for backend, values in others}
        value = float(counts[row] / len(own))
        figures.append(
            Figure(
                f"pixels.{name}.{emotion}", value, "", "higher", None, None, recall, f"{first}, read as: {told}; see the whole"
            )
        )
    return figures


def _intensity(
    studio: Studio,
    portraits: Sequence[FittedPortrait],
    backends: Mapping[str, Backend],
    heard: SpeechAnalysis,
    emotions: Sequence[str],
) -> Figure:
    """Asked intensity against what is read along the direction of the full expression; the least rank of all emotions."""
    ranks: dict[str, float] = {}
    for name, backend in backends.items():
        shown = np.zeros((len(emotions), len(portraits), len(LEVELS)))
        for number, portrait in enumerate(portraits):
            neutral = studio.read(portrait, _act(backend, "neutral", 0.5, heard, SEED + number))
            for row, emotion in enumerate(emotions):
                tracks = (_act(backend, emotion, level, heard, SEED + number) for level in LEVELS)
                read = np.array([studio.read(portrait, track) - neutral for track in tracks])
                shown[row, number] = read @ (read[-1] / np.linalg.norm(read[-1]))
        ranks[name] = min(float(spearmanr(LEVELS, levels).statistic) for levels in shown.mean(axis=1))
    (first, value), *others = ranks.items()
    note = (
        f"{first}; least of {len(emotions)} emotions, five levels, mean of {len(portraits)} portraits: "
        "five points give no useful interval"
    )
    return Figure("pixels.intensity_spearman", value, "rho", "higher", RANK_FLOOR, None, dict(others), note)


def measure_pixels(backends: Mapping[str, Backend], heard: SpeechAnalysis, data: Path | None, *, quick: bool) -> list[Figure]:
    """All figures read off pixels.

    Args:
        backends: By name; the first is the one that counts, the others are baselines.
        heard: What the portraits say.
        data: Evaluation data with portraits and the actors' offsets.
        quick: Fewer portraits and frames.
    """
    if data is None or not (data / TABLE).is_file() or not (data / PORTRAITS).is_dir():
        names = ("profile_reader", "rule_reader", "intensity_spearman")
        return [Figure(f"pixels.{name}", None, "", "higher", source=f"skipped: no {TABLE} or portraits") for name in names]
    profiles = actor_profiles(data)
    renderer = PortraitRenderer.from_pretrained()
    with FaceLandmarker() as reader:
        studio = Studio(renderer, reader, 3 if quick else 12)
        portraits = fitted_portraits(renderer, reader, sorted((data / PORTRAITS).glob("*.jpg")), 1 if quick else 12)
        offsets = {name: _offsets(studio, portraits, backend, heard) for name, backend in backends.items()}
        graded = _intensity(studio, portraits[: 1 if quick else 2], backends, heard, list(ACTED)[: 1 if quick else len(ACTED)])
    said = f"{len(portraits)} synthetic portraits speaking, {studio.num_frames} frames of {SIZE} px each; "
    return [
        *_recognition(
            "profile_reader", lambda offset: read_profile(offset, profiles), offsets, said + "nearest offset of two actors"
        ),
        *_recognition("rule_reader", read_rules, offsets, said + "EMFACS over the offsets; its own limit is the actors' row"),
        *_read_actors(data),
        graded,
    ]


def _read_actors(data: Path) -> list[Figure]:
    """How far the readers themselves go: one actor read by the other's profiles, and both by the rules."""
    actors = _actors(data)
    (one, other) = actors.values()
    crossed = [
        float(read_profile(row, profiles) == k) for own, profiles in ((one, other), (other, one)) for k, row in enumerate(own)
    ]
    ruled = [float(read_rules(row) == k) for own in (one, other) for k, row in enumerate(own)]
    chance = {"chance": 1.0 / len(ACTED)}
    note = "what the reader makes of real actors (two, seven emotions each); a limit, not a result"
    return [
        Figure(f"pixels.{name}.actors", float(np.mean(hits)), "", "higher", None, bootstrap_interval(hits), chance, note)
        for name, hits in (("profile_reader", crossed), ("rule_reader", ruled))
    ]
