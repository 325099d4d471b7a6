"""How well faces move: lips with speech, curves beside captured ones, guidance, intensity, liveliness, speed.

Both motion backends are measured in the same run on the same input. The figure is the default backend's, the other one is a
baseline; guidance and speed are the learnt backend's own.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.emotion import EmotionPlan, EmotionRequest, plan_emotion
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.evaluation.motion_capture import CHANNELS, Take, affine, baseline_curves, channels_of, load_takes
from espressivo.evaluation.motion_measures import (
    aperture_cm,
    articulatory_target_cm,
    blink_times_s,
    closures_hit,
    correlation,
    lag_s,
    power_below,
    r_squared,
    speed_percentile,
)
from espressivo.face.track import FacialActionTrack, num_frames
from espressivo.media.audio import load_audio
from espressivo.motion.diffusion import DiffusionMotion
from espressivo.motion.guidance import GuidanceSchedule
from espressivo.motion.procedural import ProceduralMotion
from espressivo.motion.state import MODEL_FPS, REGIONS, action_condition, region_masks
from espressivo.resources import example_path
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech
from espressivo.speech.features import extract_features
from espressivo.speech.phone_network import recognise_phones

__all__ = ["evaluate"]

FPS = Fraction(25)
SEED = 11
EMOTIONS = ("anger", "contempt", "disgust", "fear", "joy", "sadness", "surprise")
FACEGOOD = Path("face") / "motion-facegood"
CLOSURES_FLOOR, LAG_FLOOR_MS, R_FLOOR, DROP_FLOOR = 0.9, 40.0, 0.8, 0.05
SPEECH = Path("face") / "speech-neutral"
# Measured on the FACEGOOD takes (mouth), 60 Hz captures and an 83 s head track; see configs/motion for the sources.
CAPTURED = {"jaw_speed_p95": 4.4, "blinks_per_min": 19.0, "head_power_below_1_hz": 0.95, "smile_asymmetry": 0.12}
Backend = Callable[..., FacialActionTrack]


@dataclass(frozen=True, slots=True)
class _Subject:
    """A backend and what it is called."""

    name: str
    generate: Backend


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """All figures of the topic ``motion``.

    Args:
        data: Evaluation data; without it only what the bundled example allows is measured.
        quick: Fewer and shorter items, the same names.
    """
    learnt = DiffusionMotion.from_pretrained()
    subjects = (_Subject("procedural", ProceduralMotion().generate), _Subject("diffusion", learnt.generate))
    spoken = _spoken(data, 1 if quick else 9)
    figures = [*_lips(subjects, spoken), *_guidance(learnt, spoken[0], 2 if quick else len(EMOTIONS))]
    figures += _intensity(subjects, spoken[0], 2 if quick else len(EMOTIONS))
    figures += _liveliness(subjects, 30.0 if quick else 120.0)
    figures += _speed(learnt, spoken[0], (6, 20) if quick else (4, 6, 10, 20, 50))
    if data is None or not (data / FACEGOOD).is_dir():
        names = [f"captured.{channel}_{measure}" for channel in CHANNELS for measure in ("r2", "correlation")]
        return figures + [Figure(name, None, "", "higher", source=f"skipped: no {FACEGOOD} in the data") for name in names]
    return figures + _captured(subjects, data / FACEGOOD, 15.0 if quick else None)


def _figure(
    name: str,
    unit: str,
    better: Literal["higher", "lower"],
    values: Mapping[str, Sequence[float]],
    source: str,
    floor: float | None = None,
) -> Figure:
    """The first of several alternatives with its interval, the others as baselines."""
    (_, own), *others = values.items()
    baselines = {other: float(np.mean(numbers)) for other, numbers in others}
    return Figure(name, float(np.mean(own)), unit, better, floor, bootstrap_interval(own), baselines, source)


def _plan(emotion: str, intensity: float, duration_s: float) -> EmotionPlan:
    return plan_emotion(EmotionRequest(label=emotion, intensity=intensity, duration_s=duration_s), seed=SEED)


def _act(subject: _Subject, emotion: str, intensity: float, heard: SpeechAnalysis, **options: Any) -> FacialActionTrack:  # noqa: ANN401
    plan = _plan(emotion, intensity, heard.duration_s)
    return subject.generate(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=SEED, **options)


def _spoken(data: Path | None, most: int) -> list[SpeechAnalysis]:
    """The bundled speech and, with data, read sentences of another voice, all aligned with their transcripts."""
    text = example_path("speech.txt").read_text(encoding="utf-8")
    spoken = [analyse_speech(load_audio(example_path("speech.wav")), transcript=text)]
    if data is None or not (data / SPEECH).is_dir():
        return spoken[:most]
    with (data / SPEECH / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["text"] and row["file"].startswith("LJ")]
    for row in rows[: most - 1]:
        heard = analyse_speech(load_audio(data / SPEECH / "files" / row["file"]), transcript=row["text"])
        spoken += [heard] if heard.method == "alignment" else []
    return spoken


def _lip_scores(track: FacialActionTrack, heard: SpeechAnalysis) -> tuple[list[float], float, float]:
    """Closures, lag in seconds, and correlation with the articulatory target."""
    aperture, target = aperture_cm(track.weights), articulatory_target_cm(heard.phones, track)
    return closures_hit(track, heard.phones), lag_s(aperture, target, float(track.fps)), correlation(aperture, target)


def _lips(subjects: Sequence[_Subject], spoken: Sequence[SpeechAnalysis]) -> list[Figure]:
    hits: dict[str, list[float]] = {}
    lags_ms: dict[str, list[float]] = {}
    agreement: dict[str, list[float]] = {}
    lost: dict[str, list[float]] = {}
    for subject in subjects:
        calm = [_lip_scores(_act(subject, "neutral", 0.5, heard), heard) for heard in spoken]
        full = [_lip_scores(_act(subject, "joy", 1.0, heard), heard) for heard in spoken]
        hits[subject.name] = [hit for scores in calm for hit in scores[0]]
        lags_ms[subject.name] = [abs(1000.0 * scores[1]) for scores in calm]
        agreement[subject.name] = [scores[2] for scores in calm]
        lost[subject.name] = [1.0 - after[2] / max(1e-6, before[2]) for before, after in zip(calm, full, strict=True)]
    said = f"{len(spoken)} recordings, phones by alignment with the transcript; "
    return [
        _figure(
            "lips.closures_hit",
            "",
            "higher",
            hits,
            said + "p, b, m with the aperture under 10 % within the phone",
            CLOSURES_FLOOR,
        ),
        _figure("lips.lag", "ms", "lower", lags_ms, said + "aperture against the articulatory target, size only", LAG_FLOOR_MS),
        _figure(
            "lips.correlation",
            "r",
            "higher",
            agreement,
            said + "aperture and the coarticulated target of an ordinary style",
            R_FLOOR,
        ),
        _figure("lips.drop_at_full_emotion", "", "lower", lost, said + "loss of that correlation at full joy", DROP_FLOOR),
    ]


def _muscle_error(track: FacialActionTrack, plan: EmotionPlan) -> float:
    """Mean absolute difference between brows, eyes, nose and cheeks and what the plan's action units ask of them."""
    times_s = (np.arange(len(track), dtype=np.float64) + 0.5) / float(MODEL_FPS)
    asked = action_condition(plan, times_s, SEED)[:, :52]
    owners = dict(zip(REGIONS, region_masks()[:, :52], strict=True))
    moved = (owners["brows"] | owners["eyes"] | owners["nose_cheeks"]) & (asked.max(axis=0) > 0.05)
    return float(np.abs(track.weights[:, moved] - asked[:, moved]).mean()) if moved.any() else 0.0


def _guidance(learnt: DiffusionMotion, heard: SpeechAnalysis, count: int) -> list[Figure]:
    """The ablations: how far the face is from the muscles that were asked for, and what it costs the lips."""
    progressive = GuidanceSchedule()
    variants: dict[str, tuple[GuidanceSchedule, dict[str, Any]]] = {
        "progressive": (progressive, {}),
        "constant": (replace(progressive, order="constant"), {}),
        "reversed": (replace(progressive, order="reversed"), {}),
        "no_chain_of_thought": (progressive, {"muscle_scale": 0.0}),
        "no_emotion": (progressive, {"emotion_scale": 0.0}),
        "one_shared_scale": (
            progressive,
            {"speech_scale": 2.0, "emotion_scale": 2.0, "muscle_scale": 2.0},
        ),
    }
    errors: dict[str, list[float]] = {name: [] for name in (*variants, "shuffled_muscles")}
    lips: dict[str, list[float]] = {name: [] for name in errors}
    for index, emotion in enumerate(EMOTIONS[:count]):
        plan = _plan(emotion, 0.8, heard.duration_s)
        other = _plan(EMOTIONS[(index + 3) % len(EMOTIONS)], 0.8, heard.duration_s)
        swapped = [s.model_copy(update={"actions": o.actions}) for s, o in zip(plan.segments, other.segments, strict=False)]
        shuffled = plan.model_copy(update={"segments": tuple(swapped)})
        runs = {name: (plan, schedule, scales) for name, (schedule, scales) in variants.items()}
        runs["shuffled_muscles"] = (shuffled, progressive, {})
        for name, (acted, schedule, scales) in runs.items():
            track = learnt.generate(acted, heard, duration_s=heard.duration_s, fps=FPS, seed=SEED, schedule=schedule, **scales)
            errors[name].append(_muscle_error(track, plan))
            lips[name].append(_lip_scores(track, heard)[2])
    said = f"{count} emotions at intensity .8 on the bundled speech; "
    return [
        _figure("guidance.muscle_error", "weight", "lower", errors, said + "upper face against the plan's action units"),
        _figure("guidance.lips_correlation", "r", "higher", lips, said + "aperture against the articulatory target"),
    ]


def _intensity(subjects: Sequence[_Subject], heard: SpeechAnalysis, count: int) -> list[Figure]:
    """Asked intensity against the distance of the mean face from the neutral one."""
    levels = (0.2, 0.4, 0.6, 0.8, 1.0)
    ranks: dict[str, list[float]] = {}
    for subject in subjects:
        neutral = _act(subject, "neutral", 0.5, heard).weights.mean(axis=0)
        for emotion in EMOTIONS[:count]:
            shown = [np.linalg.norm(_act(subject, emotion, level, heard).weights.mean(axis=0) - neutral) for level in levels]
            ranks.setdefault(subject.name, []).append(float(spearmanr(levels, shown).statistic))
    return [
        Figure(
            name="intensity.spearman",
            value=float(np.min(ranks["procedural"])),
            unit="rho",
            better="higher",
            floor=0.95,
            interval=None,
            baselines={"diffusion": float(np.min(ranks["diffusion"]))},
            source=f"least of {count} emotions, five levels, one seed: a rank over five points has no useful interval",
        )
    ]


def _liveliness(subjects: Sequence[_Subject], duration_s: float) -> list[Figure]:
    """Statistics of a face that listens to nothing and feels a little, beside captured ones."""
    values: dict[str, dict[str, float]] = {}
    plan = plan_emotion(EmotionRequest(label="joy", intensity=0.4, duration_s=duration_s), seed=SEED)
    for subject in subjects:
        tracks = [subject.generate(plan, None, duration_s=duration_s, fps=FPS, seed=SEED + k) for k in range(2)]
        left, right = tracks[0].shape("mouthSmileLeft"), tracks[0].shape("mouthSmileRight")
        values[subject.name] = {
            "blinks_per_min": len(blink_times_s(tracks[0])) / duration_s * 60.0,
            "head_power_below_1_hz": power_below(tracks[0].head_rotation[:, 1].astype(np.float64), float(FPS), 1.0),
            "smile_asymmetry": float(abs((left - right).mean()) / max(1e-6, (left + right).mean())),
            "jaw_speed_p95": speed_percentile(tracks[0], "jawOpen", 95.0),
            "diversity": float(np.abs(tracks[0].head_rotation - tracks[1].head_rotation).mean()),
        }
    return [
        Figure(
            name=f"liveliness.{name}",
            value=value,
            unit={"blinks_per_min": "1/min", "jaw_speed_p95": "1/s", "diversity": "rad"}.get(name, "share"),
            better="higher",
            floor=None,
            interval=None,
            baselines={
                "diffusion": values["diffusion"][name],
                **({"captured": CAPTURED[name]} if name in CAPTURED else {}),
            },
            source=f"{duration_s:.0f} s of a silent, mildly happy face; near the captured value is good, so there is no interval",
        )
        for name, value in values["procedural"].items()
    ]


def _speed(learnt: DiffusionMotion, heard: SpeechAnalysis, steps: Sequence[int]) -> list[Figure]:
    plan = _plan("joy", 0.8, heard.duration_s)
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


def _captured(subjects: Sequence[_Subject], folder: Path, longest_s: float | None) -> list[Figure]:
    """R2 and correlation on the takes that are kept for measuring."""
    training, test = load_takes(folder, longest_s)
    curves = baseline_curves(training, test)
    for subject in subjects:
        fitted = _performed(subject, training[-1:])
        for_test = _performed(subject, test)
        calibrated = {c: affine([x[c] for x in fitted], [training[-1].curves[c][: len(fitted[0][c])]]) for c in CHANNELS}
        curves[subject.name] = [{c: calibrated[c](take[c]) for c in CHANNELS} for take in for_test]
    figures = []
    for channel in CHANNELS:
        truth = np.concatenate([take.curves[channel] for take in test])
        scores = {
            name: (r_squared(truth, guess), correlation(truth, guess))
            for name, parts in curves.items()
            for guess in (np.concatenate([part[channel] for part in parts]),)
        }
        for which, (measure, unit) in enumerate((("r2", "R2"), ("correlation", "r"))):
            baselines = {name: score[which] for name, score in scores.items() if name != "procedural"}
            floor = baselines["log_mel_ridge"] if channel in ("jaw", "rounding") else None
            note = "takes 1114_2_05 and 1114_3_16, no transcript; scale and offset of each backend fitted on take 1114_3_15"
            value = scores["procedural"][which]
            figures.append(Figure(f"captured.{channel}_{measure}", value, unit, "higher", floor, None, baselines, note))
    return figures


def _performed(subject: _Subject, takes: Sequence[Take]) -> list[dict[str, NDArray[np.float64]]]:
    performed = []
    for take in takes:
        heard = take.heard()
        plan = _plan("neutral", 0.5, heard.duration_s)
        frames = len(take.curves["jaw"])
        fps = Fraction(30)
        duration_s = frames / float(fps)
        track = subject.generate(plan, heard, duration_s=duration_s, fps=fps, seed=SEED)
        performed.append({c: curve[: min(frames, num_frames(duration_s, fps))] for c, curve in channels_of(track).items()})
    return performed
