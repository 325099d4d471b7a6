"""How well faces move: lips with speech, curves beside captured ones, guidance, intensity, liveliness, speed.

Both motion backends are measured in the same run on the same input. The figure is the default backend's, the other one is a
baseline; guidance and speed are the learnt backend's own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.composition import MusicPipeline
from espressivo.emotion import EmotionPlan
from espressivo.evaluation.figures import Figure
from espressivo.evaluation.motion_capture import captured_figures
from espressivo.evaluation.motion_compounds import compound_figures, transition_figures
from espressivo.evaluation.motion_identity import identity_figures
from espressivo.evaluation.motion_life import life_figures
from espressivo.evaluation.motion_lips import lip_figures, robustness_figures
from espressivo.evaluation.motion_long import long_figures
from espressivo.evaluation.motion_pixels import measure_pixels
from espressivo.evaluation.motion_subjects import FPS, SEED, Subject, act, compared, lip_scores, plan_for, read_recordings
from espressivo.face.track import FacialActionTrack
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.motion.diffusion import DiffusionMotion
from espressivo.motion.guidance import GuidanceSchedule
from espressivo.motion.procedural import ProceduralMotion
from espressivo.motion.state import MODEL_FPS, REGIONS, action_condition, region_masks
from espressivo.music.synthesis import synthesise
from espressivo.resources import example_path
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.features import extract_features
from espressivo.speech.phone_network import recognise_phones

__all__ = ["evaluate"]

EMOTIONS = ("anger", "contempt", "disgust", "fear", "joy", "sadness", "surprise")
CHANGES = (
    ("joy", "sadness"),
    ("sadness", "surprise"),
    ("surprise", "anger"),
    ("anger", "fear"),
    ("fear", "joy"),
    ("disgust", "joy"),
)


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """All figures of the topic ``motion``.

    Args:
        data: Evaluation data; without it only what the bundled example allows is measured.
        quick: Fewer and shorter items, the same names.
    """
    learnt = DiffusionMotion.from_pretrained()
    subjects = (Subject("diffusion", learnt.generate), Subject("procedural", ProceduralMotion().generate))
    recordings = read_recordings(data, 2 if quick else 9)
    spoken = recordings[0].aligned
    figures = lip_figures(subjects, recordings, EMOTIONS[4:5] if quick else EMOTIONS)
    figures += robustness_figures(subjects, recordings[: 1 if quick else 4], _music(12.0 if quick else 30.0))
    figures += _guidance(learnt, spoken, 1 if quick else len(EMOTIONS))
    figures += _intensity(subjects, spoken, 2 if quick else len(EMOTIONS))
    figures += compound_figures(subjects, 2 if quick else 15)
    figures += transition_figures(subjects, CHANGES[: 2 if quick else len(CHANGES)])
    figures += identity_figures(learnt, data)
    figures += life_figures(subjects, spoken, data, quick=quick)
    figures += long_figures(learnt, recordings, 12.0 if quick else 600.0)
    figures += _speed(learnt, spoken, (6, 20) if quick else (4, 6, 10, 20, 50))
    figures += measure_pixels({subject.name: subject.generate for subject in subjects}, spoken, data, quick=quick)
    return figures + captured_figures(subjects, data, 12.0 if quick else None)


def _music(duration_s: float) -> AudioClip:
    """Music without a voice; not one of the pieces that the phone network learnt to leave aside."""
    score, _ = MusicPipeline()("excitement", duration_s=duration_s, seed=SEED, output_type="score", return_dict=False)
    return synthesise(score)


def _muscle_error(track: FacialActionTrack, plan: EmotionPlan) -> float:
    """Mean absolute difference between brows, eyes, nose and cheeks and what the plan's action units ask of them."""
    times_s = (np.arange(len(track), dtype=np.float64) + 0.5) / float(MODEL_FPS)
    asked = action_condition(plan, times_s, SEED)[:, :52]
    owners = dict(zip(REGIONS, region_masks()[:, :52], strict=True))
    moved = (owners["brows"] | owners["eyes"] | owners["nose_cheeks"]) & (asked.max(axis=0) > 0.05)
    return float(np.abs(track.weights[:, moved] - asked[:, moved]).mean()) if moved.any() else 0.0


def _guidance(learnt: DiffusionMotion, heard: SpeechAnalysis, count: int) -> list[Figure]:
    """The ablations: how far the face is from the muscles that were asked for, and what it costs the lips."""
    shipped = GuidanceSchedule()
    progressive = replace(shipped, start=0.4, hold=0.0)
    variants: dict[str, tuple[GuidanceSchedule, dict[str, Any]]] = {
        "shipped": (shipped, {}),
        "muscles_not_held": (replace(shipped, hold=0.0), {}),
        "progressive": (progressive, {}),
        "constant": (replace(progressive, order="constant"), {}),
        "reversed": (replace(progressive, order="reversed"), {}),
        "no_chain_of_thought": (shipped, {"muscle_scale": 0.0}),
        "no_emotion": (shipped, {"emotion_scale": 0.0}),
        "one_shared_scale": (
            shipped,
            {"speech_scale": 2.0, "emotion_scale": 2.0, "muscle_scale": 2.0},
        ),
    }
    errors: dict[str, list[float]] = {name: [] for name in (*variants, "shuffled_muscles")}
    lips: dict[str, list[float]] = {name: [] for name in errors}
    for index, emotion in enumerate(EMOTIONS[:count]):
        plan = plan_for(emotion, 0.8, heard.duration_s)
        other = plan_for(EMOTIONS[(index + 3) % len(EMOTIONS)], 0.8, heard.duration_s)
        swapped = [s.model_copy(update={"actions": o.actions}) for s, o in zip(plan.segments, other.segments, strict=False)]
        shuffled = plan.model_copy(update={"segments": tuple(swapped)})
        runs = {name: (plan, schedule, scales) for name, (schedule, scales) in variants.items()}
        runs["shuffled_muscles"] = (shuffled, shipped, {})
        for name, (acted, schedule, scales) in runs.items():
            track = learnt.generate(acted, heard, duration_s=heard.duration_s, fps=FPS, seed=SEED, schedule=schedule, **scales)
            errors[name].append(_muscle_error(track, plan))
            lips[name].append(lip_scores(track, heard)[2])
    said = f"{count} emotions at intensity .8 on the bundled speech; "
    return [
        compared("guidance.muscle_error", "weight", "lower", errors, said + "upper face against the plan's action units"),
        compared("guidance.lips_correlation", "r", "higher", lips, said + "aperture against the articulatory target"),
    ]


def _intensity(subjects: Sequence[Subject], heard: SpeechAnalysis, count: int) -> list[Figure]:
    """Asked intensity against the distance of the mean face from the neutral one."""
    levels = (0.2, 0.4, 0.6, 0.8, 1.0)
    ranks: dict[str, list[float]] = {}
    for subject in subjects:
        neutral = act(subject, "neutral", 0.5, heard).weights.mean(axis=0)
        for emotion in EMOTIONS[:count]:
            shown = [np.linalg.norm(act(subject, emotion, level, heard).weights.mean(axis=0) - neutral) for level in levels]
            ranks.setdefault(subject.name, []).append(float(spearmanr(levels, shown).statistic))
    return [
        Figure(
            name="intensity.spearman",
            value=float(np.min(ranks[subjects[0].name])),
            unit="rho",
            better="higher",
            floor=0.95,
            interval=None,
            baselines={subject.name: float(np.min(ranks[subject.name])) for subject in subjects[1:]},
            source=f"least of {count} emotions, five levels, one seed: a rank over five points has no useful interval",
        )
    ]


def _speed(learnt: DiffusionMotion, heard: SpeechAnalysis, steps: Sequence[int]) -> list[Figure]:
    plan = plan_for("joy", 0.8, heard.duration_s)
    finest: NDArray[np.float32] | None = None
    factors, distances = {}, {}
    for count in sorted(steps, reverse=True):
        started = time.perf_counter()
        track = learnt.generate(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=SEED, num_inference_steps=count)
        factors[f"{count} steps"] = (time.perf_counter() - started) / heard.duration_s
        finest = track.weights if finest is None else finest
        distances[f"{count} steps"] = float(np.abs(track.weights - finest).mean())
    clip = load_audio(example_path("speech.wav"))
    features = extract_features(clip)
    started = time.perf_counter()
    recognise_phones(features)
    listening = (time.perf_counter() - started) / clip.duration_s
    alone = "one run on a machine that may be busy: no interval"
    return [
        Figure("speed.real_time_factor", factors["6 steps"], "s/s", "lower", 0.1, None, factors, alone),
        Figure("speed.distance_to_most_steps", distances["6 steps"], "weight", "lower", None, None, distances, alone),
        Figure("speed.phone_network", listening, "s/s", "lower", None, None, {}, alone),
    ]
