import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech
from espressivo.speech.phones import BILABIALS

EXAMPLES = Path(__file__).resolve().parents[2] / "demo" / "examples"


@pytest.fixture(scope="module")
def clip() -> AudioClip:
    return load_audio(EXAMPLES / "speech.wav")


@pytest.fixture(scope="module")
def with_transcript(clip) -> SpeechAnalysis:
    return analyse_speech(clip, transcript=(EXAMPLES / "speech.txt").read_text(encoding="utf-8"))


def check_order(analysis: SpeechAnalysis) -> None:
    assert all(phone.end_s > phone.start_s >= 0 for phone in analysis.phones)
    assert all(phone.end_s <= analysis.duration_s + 0.02 for phone in analysis.phones)
    assert all(first.end_s <= second.start_s + 1e-9 for first, second in pairwise(analysis.phones))
    assert all(0 <= accent.strength <= 1 for accent in analysis.accents)


def test_a_transcript_gives_its_words_and_phones(with_transcript):
    assert with_transcript.method == "alignment"
    check_order(with_transcript)
    said = (EXAMPLES / "speech.txt").read_text(encoding="utf-8").lower()
    assert len(with_transcript.words) >= 0.9 * len(said.split())
    assert all(word.text in said for word in with_transcript.words)
    assert with_transcript.accents
    assert with_transcript.phrases


def test_aligned_lip_closures_are_where_the_synthesiser_put_them(with_transcript):
    exact = json.loads((EXAMPLES / "speech.phones.json").read_text(encoding="utf-8"))
    true = [0.5 * (phone["start_s"] + phone["end_s"]) for phone in exact if phone["phone"] in BILABIALS]
    found = np.array([phone.centre_s for phone in with_transcript.phones if phone.label in BILABIALS])
    assert true
    errors = np.array([np.abs(found - time_s).min() for time_s in true])
    assert (errors < 0.08).mean() > 0.85


def test_without_a_transcript_phones_are_heard(clip):
    short = AudioClip(clip.samples[:, : int(3 * clip.sample_rate_hz)], clip.sample_rate_hz)
    analysis = analyse_speech(short)
    assert analysis.method == "dictation"
    assert analysis.lips.shape == (len(analysis.features), 3)
    check_order(analysis)
    assert 6 < len(analysis.phones) / 3.0 < 20


def test_a_transcript_of_something_else_is_left_aside(clip):
    short = AudioClip(clip.samples[:, : int(1.5 * clip.sample_rate_hz)], clip.sample_rate_hz)
    analysis = analyse_speech(short, transcript="unrelated words " * 40)
    assert analysis.method != "alignment"
    check_order(analysis)


def test_what_is_no_english_is_heard_by_ear(clip):
    backwards = AudioClip(np.ascontiguousarray(clip.samples[:, : int(4 * clip.sample_rate_hz)][:, ::-1]), clip.sample_rate_hz)
    analysis = analyse_speech(backwards)
    assert analysis.method == "network"
    assert analysis.words == ()
    check_order(analysis)
    assert 4 < len(analysis.phones) / 4.0 < 22


def test_noise_is_no_speech():
    noise = 0.05 * np.random.default_rng(0).standard_normal((1, 48_000)).astype(np.float32)
    assert len(analyse_speech(AudioClip(noise, 16_000)).phones) <= 3


def test_telephone_sound(clip):
    analysis = analyse_speech(clip.resampled(8_000), transcript=(EXAMPLES / "speech.txt").read_text(encoding="utf-8"))
    assert analysis.method == "alignment"
    check_order(analysis)


@pytest.mark.parametrize("transcript", [None, "Hello there.", "你好"])
def test_silence(transcript):
    analysis = analyse_speech(AudioClip(np.zeros((2, 24_000), np.float32), 48_000), transcript=transcript)
    assert analysis.method == "silence"
    assert analysis.phones == ()
    assert analysis.words == ()
    assert analysis.accents == ()
    assert analysis.phrases == ()
    assert [(pause.start_s, pause.end_s) for pause in analysis.pauses] == [(0.0, 0.5)]
