"""Statistics of a living face beside captured ones: jaw, blinks, head, unevenness of the sides, variety over seeds.

Near the captured value is good; more is not. So these figures have no floor, and their intervals are over seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.evaluation.motion_measures import blink_times_s, jerk_rms, power_below, sides_apart, speed_percentile
from espressivo.evaluation.motion_subjects import FPS, SEED, Subject, plan_for
from espressivo.face.track import FacialActionTrack
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.training.motion.capture import TEST_TAKES, lip_curves

__all__ = ["life_figures"]

FACEGOOD = Path("face") / "motion-facegood"
LIVE_LINK = Path("face") / "motion-arkit-livelink"
LIVE_LINK_FPS = Fraction(60)
LIVE_LINK_TAKES = ("default-idle", "angry-164", "angry-165", "sad-167", "sad-168")
# Share of the power of a head's yaw under 1 Hz in an 83 s head-pose track; the track itself is not in the data.
HEAD_POWER_BELOW_1_HZ = 0.95
UNITS = {
    "jaw_speed_p95": "1/s",
    "jaw_jerk_rms": "1/s3",
    "blinks_per_min": "1/min",
    "blink_interval_log_sd": "log s",
    "head_power_below_1_hz": "share",
    "smile_asymmetry": "share",
    "diversity_head": "rad",
    "diversity_face": "weight",
}
Values = dict[str, list[float]]


def life_figures(subjects: Sequence[Subject], spoken: SpeechAnalysis, data: Path | None, *, quick: bool) -> list[Figure]:
    """All statistics of both backends, and of captured faces where there is data.

    Args:
        subjects: Backends; the first is the figure, the others are baselines.
        spoken: What is said where the mouth is looked at.
        data: Evaluation data.
        quick: Two seeds and a quarter of a minute of silence instead of four seeds and two minutes.
    """
    seeds = [SEED + k for k in range(2 if quick else 4)]
    silence_s = 15.0 if quick else 120.0
    values = {subject.name: _statistics(subject, spoken, seeds, silence_s) for subject in subjects}
    captured = _captured(data)
    figures = []
    own, *others = subjects
    for name, unit in UNITS.items():
        known = {other.name: values[other.name][name] for other in others} | {"captured": captured.get(name, [])}
        figures.append(
            Figure(
                name=f"life.{name}",
                value=float(np.mean(values[own.name][name])),
                unit=unit,
                better="higher",
                floor=None,
                interval=bootstrap_interval(values[own.name][name]),
                baselines={key: float(np.mean(found)) for key, found in known.items() if found},
                source=f"{len(seeds)} seeds; " + _PROTOCOL[name.partition("_")[0]].format(silence_s=silence_s),
            )
        )
    return figures


_PROTOCOL: Mapping[str, str] = {
    "jaw": "the bundled speech, calm; captured: two FACEGOOD takes",
    "blinks": "{silence_s:.0f} s of a silent, mildly happy face; captured: ARKit takes of half a minute, idle, angry and sad",
    "blink": "sd of the logarithm of intervals, {silence_s:.0f} s of silence; captured: the same ARKit takes together",
    "head": "yaw, {silence_s:.0f} s of silence; captured: a track of 83 s",
    "smile": "mean of left less right beside their sum, {silence_s:.0f} s, mildly happy; captured: the same ARKit takes",
    "diversity": "mean difference between two seeds with the same plan and speech; nobody is captured twice alike",
}


def _statistics(subject: Subject, spoken: SpeechAnalysis, seeds: Sequence[int], silence_s: float) -> Values:
    calm, happy = plan_for("neutral", 0.5, spoken.duration_s), plan_for("joy", 0.4, silence_s)
    values: Values = {name: [] for name in UNITS}
    before: FacialActionTrack | None = None
    for seed in seeds:
        said = subject.generate(calm, spoken, duration_s=spoken.duration_s, fps=FPS, seed=seed)
        still = subject.generate(happy, None, duration_s=silence_s, fps=FPS, seed=seed)
        values["jaw_speed_p95"].append(speed_percentile(said.shape("jawOpen"), FPS, 95.0))
        values["jaw_jerk_rms"].append(jerk_rms(said.shape("jawOpen"), FPS))
        blinks_s = blink_times_s(still)
        values["blinks_per_min"].append(len(blinks_s) / silence_s * 60.0)
        if len(blinks_s) > 3:
            values["blink_interval_log_sd"].append(float(np.log(np.diff(blinks_s)).std()))
        values["head_power_below_1_hz"].append(power_below(still.head_rotation[:, 1].astype(np.float64), float(FPS), 1.0))
        values["smile_asymmetry"].append(sides_apart(still.weights, "mouthSmile"))
        if before is not None:
            values["diversity_head"].append(float(np.abs(said.head_rotation - before.head_rotation).mean()))
            values["diversity_face"].append(float(np.abs(said.weights - before.weights).mean()))
        before = said
    return values


def _captured(data: Path | None) -> Values:
    """What the same measures give for captured faces."""
    values: Values = {"head_power_below_1_hz": [HEAD_POWER_BELOW_1_HZ]}
    if data is not None and (data / FACEGOOD).is_dir():
        for take in TEST_TAKES:
            _, times_s, curves = lip_curves(data / FACEGOOD, take)
            # At the frame rate of the tracks that it is compared with.
            at_s = np.arange(times_s[0], times_s[-1], 1.0 / float(FPS))
            jaw = np.interp(at_s, times_s, curves[:, 0])
            values.setdefault("jaw_speed_p95", []).append(speed_percentile(jaw, FPS, 95.0))
            values.setdefault("jaw_jerk_rms", []).append(jerk_rms(jaw, FPS))
    if data is not None and (data / LIVE_LINK).is_dir():
        intervals: list[float] = []
        for take in LIVE_LINK_TAKES:
            track = FacialActionTrack.load_csv(data / LIVE_LINK / f"neurosync-{take}.csv", LIVE_LINK_FPS)
            blinks_s = blink_times_s(track)
            values.setdefault("blinks_per_min", []).append(len(blinks_s) / track.duration_s * 60.0)
            intervals += np.log(np.diff(blinks_s)).tolist()
            values.setdefault("smile_asymmetry", []).append(sides_apart(track.weights, "mouthSmile"))
        values["blink_interval_log_sd"] = [float(np.std(intervals))]
    return values
