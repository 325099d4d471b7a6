"""Music under a scene: it turns where the face turns, makes room for the voice, and is as loud as asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from espressivo.emotion.intake import receive, think
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.music.compose import compose
from espressivo.music.loudness import integrated_loudness_lufs, normalise_loudness, true_peak_db
from espressivo.music.mix import SPEECH_LUFS, mix_under_speech
from espressivo.music.settings import MusicSettings
from espressivo.speech.analysis import analyse_speech

SPEECH = Path(__file__).resolve().parents[2] / "demo" / "examples" / "speech.wav"
RATE = 48_000


@pytest.fixture(scope="module")
def pauses() -> list[tuple[float, float]]:
    return [(pause.start_s, pause.end_s) for pause in analyse_speech(load_audio(SPEECH)).pauses]


@pytest.mark.parametrize(
    "arc", ["joy turning to awe", "fear turning to relief", "anger turning to calm", "calm turning to fear turning to joy"]
)
def test_sections_and_their_first_notes_fall_on_the_turns_of_the_face(arc: str, pauses: list[tuple[float, float]]) -> None:
    """Over the bundled speech: turns lie in its pauses or within 30 ms, sections and notes within a millisecond of the turns."""
    duration_s = load_audio(SPEECH).duration_s
    for seed in range(3):
        plan = think(receive(arc, None, duration_s=duration_s), pauses=pauses, seed=seed)
        score = compose(plan, seed=seed, settings=MusicSettings())
        starts = np.array([score.seconds(section.start_tick) for section in score.sections])
        onsets = np.array([score.seconds(note.start_tick) for note in score.notes])
        loudness = {round(score.seconds(n.start_tick), 3): n.velocity for n in score.notes}
        for turn in (segment.start_s for segment in plan.segments[1:]):
            assert 1000 * np.abs(starts - turn).min() < 1.0
            assert 1000 * np.abs(onsets - turn).min() < 1.0
            assert min(max(begin - turn, turn - end, 0.0) for begin, end in pauses) < 0.03
            assert loudness[round(float(onsets[np.abs(onsets - turn).argmin()]), 3)] > 0


def noise_between(start_s: float, end_s: float, seconds: float) -> AudioClip:
    """A voice's place holder below 1 kHz."""
    samples = np.random.default_rng(1).standard_normal(round(seconds * RATE))
    samples = sosfiltfilt(butter(8, 900, fs=RATE, output="sos"), samples)
    samples[: round(start_s * RATE)] = 0
    samples[round(end_s * RATE) :] = 0
    return AudioClip((0.2 * samples / np.abs(samples).max()).astype(np.float32)[None], RATE)


def level_above_4_khz(clip: AudioClip) -> NDArray[np.float64]:
    """Of the music alone, in dB, every 10 ms."""
    high = sosfiltfilt(butter(8, 4000, "highpass", fs=RATE, output="sos"), clip.samples.mean(axis=0).astype(float))
    frames = high[: high.size // 480 * 480].reshape(-1, 480)
    return 10 * np.log10((frames**2).mean(axis=1) + 1e-12)


@pytest.mark.parametrize("duck_db", [6.0, 9.0, 15.0])
def test_the_music_yields_as_deep_and_as_fast_as_asked(duck_db: float) -> None:
    time = np.arange(14 * RATE) / RATE
    music = AudioClip((0.2 * np.sin(2 * np.pi * 6000 * time)).astype(np.float32)[None], RATE)
    mixed = mix_under_speech(music, noise_between(4.0, 8.0, 14.0), duck_db=duck_db, attack_s=0.15, release_s=0.6)
    level = level_above_4_khz(mixed)
    open_db, ducked_db = float(np.median(level[100:300])), float(np.median(level[500:750]))
    assert open_db - ducked_db == pytest.approx(duck_db, abs=0.3)
    fall = open_db - level
    reached = np.flatnonzero(fall > 0.9 * duck_db) / 100.0
    assert 3.8 < reached[0] < 4.1  # it has given way when the voice begins
    assert np.flatnonzero(fall > 0.1 * duck_db)[0] / 100.0 > 3.7  # and not much sooner
    back = np.flatnonzero(fall[800:] < 0.1 * duck_db)[0] / 100.0
    assert 0.3 < back < 1.0


@pytest.mark.parametrize("target_lufs", [-23.0, -16.0, -14.0])
def test_loudness_and_true_peak(target_lufs: float) -> None:
    speech = load_audio(SPEECH)
    loud = normalise_loudness(speech, target_lufs)
    assert integrated_loudness_lufs(loud) == pytest.approx(target_lufs, abs=0.3)  # the limiter takes a little from peaks
    assert true_peak_db(loud) <= -0.9


def test_speech_stays_at_its_level_in_a_scene(make_plan: Any) -> None:
    from espressivo.music.synthesis import synthesise

    speech = load_audio(SPEECH)
    score = compose(make_plan(("joy", 5.0), ("awe", speech.duration_s - 5.0)), seed=1, settings=MusicSettings())
    mixed = mix_under_speech(synthesise(score), speech)
    assert integrated_loudness_lufs(mixed) == pytest.approx(SPEECH_LUFS, abs=1.0)
    assert true_peak_db(mixed) <= -0.9
