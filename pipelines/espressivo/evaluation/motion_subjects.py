"""Who is measured when motion is measured: both backends, on plans and speech that all figures share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from espressivo.emotion import EmotionPlan, EmotionRequest, plan_emotion
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.evaluation.motion_measures import aperture_cm, articulatory_target_cm, closures_hit, correlation, lag_s
from espressivo.face.track import FacialActionTrack
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.resources import example_path
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech

__all__ = ["FPS", "SEED", "Recording", "Subject", "act", "compared", "lip_scores", "plan_for", "read_recordings"]

FPS = Fraction(25)
SEED = 11
SPEECH = Path("face") / "speech-neutral"
Backend = Callable[..., FacialActionTrack]


@dataclass(frozen=True, slots=True)
class Subject:
    """A backend and what it is called."""

    name: str
    generate: Backend


@dataclass(frozen=True, slots=True)
class Recording:
    """Speech with its transcript: the sound, and what is heard in it when the text is known."""

    sound: AudioClip
    aligned: SpeechAnalysis


def compared(
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


def plan_for(emotion: str, intensity: float, duration_s: float) -> EmotionPlan:
    """The plan of one emotion at one intensity."""
    return plan_emotion(EmotionRequest(label=emotion, intensity=intensity, duration_s=duration_s), seed=SEED)


def act(subject: Subject, emotion: str, intensity: float, heard: SpeechAnalysis, **options: Any) -> FacialActionTrack:  # noqa: ANN401
    """What a backend makes of an emotion and speech."""
    plan = plan_for(emotion, intensity, heard.duration_s)
    return subject.generate(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=SEED, **options)


def read_recordings(data: Path | None, most: int) -> list[Recording]:
    """The bundled speech and, with data, read sentences of another voice; those that align with their transcripts."""
    texts = [(example_path("speech.wav"), example_path("speech.txt").read_text(encoding="utf-8"))]
    if data is not None and (data / SPEECH).is_dir():
        with (data / SPEECH / "manifest.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["text"] and row["file"].startswith("LJ")]
        texts += [(data / SPEECH / "files" / row["file"], row["text"]) for row in rows]
    sounds = [(load_audio(path), text) for path, text in texts[:most]]
    recordings = [Recording(sound, analyse_speech(sound, transcript=text)) for sound, text in sounds]
    return [recording for recording in recordings if recording.aligned.method == "alignment"]


def lip_scores(track: FacialActionTrack, said: SpeechAnalysis) -> tuple[list[float], float, float]:
    """Closures, lag in seconds, and correlation with the articulatory target of what was said."""
    aperture, target = aperture_cm(track.weights), articulatory_target_cm(said.phones, track)
    return closures_hit(track, said.phones), lag_s(aperture, target, float(track.fps)), correlation(aperture, target)
