"""Lips against what was said: with the transcript, by ear alone, and when the sound is bad or nobody speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from espressivo.evaluation.figures import Figure
from espressivo.evaluation.motion_measures import aperture_cm
from espressivo.evaluation.motion_subjects import FPS, SEED, Recording, Subject, act, compared, lip_scores, plan_for
from espressivo.media.clip import AudioClip
from espressivo.seeds import numpy_generator
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech

__all__ = ["lip_figures", "robustness_figures"]

CLOSURES_FLOOR, LAG_FLOOR_MS, R_FLOOR, DROP_FLOOR = 0.9, 40.0, 0.8, 0.05
RATE_HZ = 16_000
FloatArray = NDArray[np.float32]


def lip_figures(subjects: Sequence[Subject], recordings: Sequence[Recording], emotions: Sequence[str]) -> list[Figure]:
    """Closures, lag and correlation with and without the transcript, and what each emotion at its fullest costs."""
    aligned = [recording.aligned for recording in recordings]
    by_ear = [analyse_speech(recording.sound) for recording in recordings]
    figures = _scored("lips", subjects, aligned, aligned, "phones by alignment with the transcript", LAG_FLOOR_MS)
    ways = sorted({heard.method for heard in by_ear})
    figures += _scored("lips.by_ear", subjects, by_ear, aligned, f"no transcript ({', '.join(ways)})", LAG_FLOOR_MS)
    return figures + _drops(subjects, aligned, emotions)


def _drops(subjects: Sequence[Subject], aligned: Sequence[SpeechAnalysis], emotions: Sequence[str]) -> list[Figure]:
    calm = {subject: [lip_scores(act(subject, "neutral", 0.5, heard), heard)[2] for heard in aligned] for subject in subjects}
    figures = []
    for emotion in emotions:
        lost: dict[str, list[float]] = {}
        for subject, before in calm.items():
            full = [lip_scores(act(subject, emotion, 1.0, heard), heard)[2] for heard in aligned]
            lost[subject.name] = [1.0 - after / max(1e-6, calmly) for calmly, after in zip(before, full, strict=True)]
        said = f"{len(aligned)} recordings; loss of the correlation at full {emotion}"
        figures.append(compared(f"lips.drop_at_full_{emotion}", "", "lower", lost, said, DROP_FLOOR))
    return figures


def _scored(
    name: str,
    subjects: Sequence[Subject],
    heard: Sequence[SpeechAnalysis],
    said: Sequence[SpeechAnalysis],
    how: str,
    lag_floor_ms: float,
) -> list[Figure]:
    """Three figures of tracks made from ``heard`` against what was ``said``."""
    hits: dict[str, list[float]] = {}
    lags_ms: dict[str, list[float]] = {}
    agreement: dict[str, list[float]] = {}
    for subject in subjects:
        scores = [lip_scores(act(subject, "neutral", 0.5, mine), true) for mine, true in zip(heard, said, strict=True)]
        hits[subject.name] = [hit for score in scores for hit in score[0]]
        lags_ms[subject.name] = [abs(1000.0 * score[1]) for score in scores]
        agreement[subject.name] = [score[2] for score in scores]
    where = f"{len(said)} recordings, {how}; "
    closed = where + "p, b, m with the aperture under 10 % within the phone"
    late = where + "aperture against the articulatory target, size only"
    alike = where + "aperture and the coarticulated target of an ordinary style"
    return [
        compared(f"{name}.closures_hit", "", "higher", hits, closed, CLOSURES_FLOOR),
        compared(f"{name}.lag", "ms", "lower", lags_ms, late, lag_floor_ms),
        compared(f"{name}.correlation", "r", "higher", agreement, alike, R_FLOOR),
    ]


def robustness_figures(subjects: Sequence[Subject], recordings: Sequence[Recording], music: AudioClip) -> list[Figure]:
    """How much of the lips is left in bad sound, without a transcript; and how far the mouth moves when nobody speaks.

    Args:
        subjects: Backends.
        recordings: Speech with known phones.
        music: Music without a voice, at least as long as the recordings.
    """
    return [_in_bad_sound(subjects, recordings, music), _without_speech(subjects, recordings, music)]


def _in_bad_sound(subjects: Sequence[Subject], recordings: Sequence[Recording], music: AudioClip) -> Figure:
    bed = music.mono(RATE_HZ)
    sounds: dict[str, Callable[[FloatArray], FloatArray]] = {
        "clean": lambda speech: speech,
        "telephone": _telephone,
        "noise, 10 dB": lambda speech: _mixed(speech, _noise(len(speech)), 10.0),
        "noise, 0 dB": lambda speech: _mixed(speech, _noise(len(speech)), 0.0),
        "music, 6 dB": lambda speech: _mixed(speech, bed, 6.0),
    }
    values: dict[str, list[float]] = {}
    for name, worse in sounds.items():
        for recording in recordings:
            clip = AudioClip(worse(recording.sound.mono(RATE_HZ))[None], RATE_HZ)
            track = act(subjects[0], "neutral", 0.5, analyse_speech(clip))
            values.setdefault(name, []).append(lip_scores(track, recording.aligned)[2])
    worst = min(values, key=lambda name: float(np.mean(values[name])))
    ordered = {worst: values.pop(worst), **values}
    said = f"{len(recordings)} recordings by ear, {subjects[0].name}; correlation in the worst sound, {worst}, others beside it"
    return compared("lips.by_ear.correlation_in_bad_sound", "r", "higher", ordered, said)


def _without_speech(subjects: Sequence[Subject], recordings: Sequence[Recording], music: AudioClip) -> Figure:
    """Movement of the aperture in music and noise as a share of its movement in speech."""
    duration_s = min(20.0, music.duration_s)
    count = int(duration_s * RATE_HZ)
    sounds = {"music": music.mono(RATE_HZ)[:count], "noise": 0.05 * _noise(count), "knocks": _knocks(count)}
    spoken = float(np.mean([_movement(subjects[0], recording.aligned) for recording in recordings]))
    shares = {
        name: [_movement(subjects[0], analyse_speech(AudioClip(sound[None].astype(np.float32), RATE_HZ))) / spoken]
        for name, sound in sounds.items()
    }
    worst = max(shares, key=lambda name: shares[name][0])
    others = {name: share[0] for name, share in shares.items() if name != worst}
    how = "mean speed of the aperture as a share of that in speech"
    said = f"{duration_s:.0f} s of {worst}, others beside it; {how}, {subjects[0].name}"
    return Figure("lips.movement_without_speech", shares[worst][0], "", "lower", None, None, others, said)


def _movement(subject: Subject, heard: SpeechAnalysis) -> float:
    plan = plan_for("neutral", 0.5, heard.duration_s)
    track = subject.generate(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=SEED)
    return float(np.abs(np.diff(aperture_cm(track.weights))).mean() * float(FPS))


def _noise(count: int) -> FloatArray:
    """Pink noise of unit power."""
    spectrum = np.fft.rfft(numpy_generator(SEED, "evaluation", "noise").standard_normal(count))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std(), np.float32)


def _knocks(count: int) -> FloatArray:
    """Short bursts of noise twice a second, like steps or coughs far away."""
    envelope = np.exp(-(np.arange(count) % (RATE_HZ // 2)) / (0.03 * RATE_HZ))
    return np.asarray(0.1 * envelope * _noise(count), np.float32)


def _mixed(speech: FloatArray, other: FloatArray, ratio_db: float) -> FloatArray:
    bed = np.resize(other, len(speech))
    gain = np.sqrt(np.mean(speech**2) / max(1e-12, float(np.mean(bed**2)))) * 10.0 ** (-ratio_db / 20.0)
    return np.asarray(speech + gain * bed, np.float32)


def _telephone(speech: FloatArray) -> FloatArray:
    sections = butter(4, (300.0, 3_400.0), "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(sosfilt(sections, speech), np.float32)
