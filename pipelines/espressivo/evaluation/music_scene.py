"""Music in a scene: it turns with the plan, gives way to the voice as deep as asked, and is as loud as asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from espressivo.emotion.intake import receive, think
from espressivo.emotion.plan import EmotionPlan
from espressivo.evaluation.figures import Figure
from espressivo.evaluation.music_pieces import Piece, Writers
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.music.loudness import integrated_loudness_lufs, normalise_loudness, true_peak_db
from espressivo.music.mix import SPEECH_LUFS, mix_under_speech
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.synthesis import synthesise
from espressivo.resources import example_path
from espressivo.speech.analysis import analyse_speech

__all__ = ["measure_scene"]

ARCS = ("joy turning to awe", "fear turning to relief", "anger turning to calm", "calm turning to fear turning to joy")
RATE = 48_000
TEST_S = 14.0
VOICE_S = (4.0, 8.0)
DUCKS_DB = (6.0, 9.0, 15.0)
TARGETS_LUFS = (-23.0, -16.0, -14.0)
Floats = NDArray[np.float64]


def measure_scene(writers: Writers, num: int) -> list[Figure]:
    """Turns of ``num`` plans over the bundled speech, of four arcs in turn; ducking of a test signal; loudness."""
    speech = load_audio(example_path("speech.wav"))
    pauses = [(pause.start_s, pause.end_s) for pause in analyse_speech(speech).pauses]
    pieces: list[Piece] = []
    for seed in range(num):
        request = receive(ARCS[seed % len(ARCS)], None, duration_s=speech.duration_s)
        pieces.append((think(request, pauses=pauses, seed=seed), seed))
    scores = {writer: writers.write(pieces, writer, MusicSettings()) for writer in ("rules", "model")}
    away = {name: _worst_turn_ms(own, [plan for plan, _ in pieces]) for name, own in scores.items()}
    turns = [turn for plan, _ in pieces for turn in _turns(plan)]
    in_pause_s = [min(max(begin - turn, turn - end, 0.0) for begin, end in pauses) for turn in turns]
    note = f"{len(turns)} turns of {len(pieces)} scenes over the bundled speech; the worst; by construction, no interval"
    music = synthesise(scores["rules"][0])
    loud = [normalise_loudness(music, target) for target in TARGETS_LUFS]
    off = [abs(integrated_loudness_lufs(clip) - target) for clip, target in zip(loud, TARGETS_LUFS, strict=True)]
    mixed = mix_under_speech(music, speech)
    mix_off = abs(integrated_loudness_lufs(mixed) - SPEECH_LUFS)
    peak = max(true_peak_db(clip) for clip in (*loud, mixed))
    levels = f"music at {', '.join(f'{target:g}' for target in TARGETS_LUFS)} LUFS"
    return [
        Figure("scene.turn_to_section", away["model"], "ms", "lower", 1.0, None, {"rules": away["rules"]}, note),
        Figure("scene.turn_to_pause", 1000.0 * max(in_pause_s), "ms", "lower", 30.0, None, {}, note),
        Figure("scene.ducking_error", _ducking_error_db(), "dB", "lower", 0.5, None, {}, "6, 9 and 15 dB asked; the worst"),
        Figure("scene.loudness_error", max(off), "LU", "lower", 0.5, None, {}, f"{levels}; the worst"),
        Figure("scene.mix_loudness_error", mix_off, "LU", "lower", 1.0, None, {}, f"speech at {SPEECH_LUFS:g} LUFS with music"),
        Figure("scene.true_peak", peak, "dBTP", "lower", -0.9, None, {}, f"{levels} and the mix; the highest"),
    ]


def _turns(plan: EmotionPlan) -> list[float]:
    return [segment.start_s for segment in plan.segments[1:]]


def _worst_turn_ms(scores: list[Score], plans: list[EmotionPlan]) -> float:
    """Farthest that a section, or the note that opens it, lies from the plan's turn."""
    worst = 0.0
    for score, plan in zip(scores, plans, strict=True):
        starts = np.array([score.seconds(section.start_tick) for section in score.sections])
        onsets = np.array([score.seconds(note.start_tick) for note in score.notes])
        worst = max([worst, *(float(np.abs(times - turn).min()) for turn in _turns(plan) for times in (starts, onsets))])
    return 1000.0 * worst


def _ducking_error_db() -> float:
    """A tone of 6 kHz gives way to noise below 1 kHz: how far the fall of the tone is from what was asked, at worst."""
    time = np.arange(round(TEST_S * RATE)) / RATE
    tone = AudioClip((0.2 * np.sin(2.0 * np.pi * 6000.0 * time)).astype(np.float32)[None], RATE)
    noise = sosfiltfilt(butter(8, 900.0, fs=RATE, output="sos"), np.random.default_rng(1).standard_normal(time.size))
    noise = np.where((time >= VOICE_S[0]) & (time < VOICE_S[1]), noise, 0.0)
    voice = AudioClip((0.2 * noise / np.abs(noise).max()).astype(np.float32)[None], RATE)
    errors = []
    for duck_db in DUCKS_DB:
        level_db = _level_above_4_khz(mix_under_speech(tone, voice, duck_db=duck_db))
        open_db, ducked_db = float(np.median(level_db[100:300])), float(np.median(level_db[500:750]))
        errors.append(abs(open_db - ducked_db - duck_db))
    return max(errors)


def _level_above_4_khz(clip: AudioClip) -> Floats:
    """In dB, every 10 ms."""
    high = sosfiltfilt(butter(8, 4000.0, "highpass", fs=RATE, output="sos"), clip.samples.mean(axis=0).astype(float))
    size = RATE // 100
    frames = high[: high.size // size * size].reshape(-1, size)
    level: Floats = 10.0 * np.log10((frames**2).mean(axis=1) + 1e-12)
    return level
