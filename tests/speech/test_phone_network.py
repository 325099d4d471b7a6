"""The phone network at tiny size, and its decoder."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from espressivo.speech import phone_network
from espressivo.speech.features import NUM_MELS, extract_features
from espressivo.speech.phone_network import PhoneNetwork, decode_phones, recognise_phones
from espressivo.speech.phones import LIP_CURVES

CLASSES = ("sil", "PP", "aa", "SS")
LABELS = (("SIL", "SIL"), ("P", "B"), ("AA", "AA"), ("S", "Z"))


@pytest.fixture(scope="module")
def network() -> PhoneNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return PhoneNetwork(CLASSES, LABELS, channels=12, kernel=5, dilations=(1, 2, 4), rights=(2, 1, 0)).eval()


def log_mel(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(-7, 3, (frames, NUM_MELS)).astype(np.float32)


def test_one_prediction_a_frame(network) -> None:
    heard = network(torch.from_numpy(log_mel(37))[None])
    assert heard.classes.shape == (1, 37, len(CLASSES))
    assert heard.voicing.shape == (1, 37)
    assert heard.lips.shape == (1, 37, len(LIP_CURVES))


def test_the_future_beyond_the_look_ahead_is_not_seen(network) -> None:
    first = log_mel(120)
    second = first.copy()
    second[60 + network.layers.look_ahead_frames + 1 :] += 5.0
    with torch.inference_mode():
        before, after = (network(torch.from_numpy(frames)[None])[0][0] for frames in (first, second))
    torch.testing.assert_close(before[:61], after[:61])
    assert not torch.allclose(before[70:], after[70:])


def test_blocks_leave_no_seam(network, monkeypatch) -> None:
    frames = log_mel(200)
    whole = phone_network._heard(network, frames)
    monkeypatch.setattr(phone_network, "BLOCK_FRAMES", 64)
    for cut, uncut in zip(phone_network._heard(network, frames), whole, strict=True):
        np.testing.assert_allclose(cut, uncut, atol=1e-5)


def posteriors_of(runs: list[tuple[int, int]], confidence: float = 0.9) -> np.ndarray:
    classes = np.concatenate([np.full(length, index) for index, length in runs])
    result = np.full((len(classes), len(CLASSES)), (1 - confidence) / (len(CLASSES) - 1), np.float32)
    result[np.arange(len(classes)), classes] = confidence
    return result


def test_the_decoder_finds_clear_phones_and_names_them_by_voicing(network) -> None:
    posteriors = posteriors_of([(0, 20), (1, 8), (2, 12), (3, 9), (0, 15)])
    voicing = np.zeros(len(posteriors), np.float32)
    voicing[20:40] = 1.0
    phones = decode_phones(network, posteriors, voicing)
    assert [phone.label for phone in phones] == ["B", "AA", "S"]
    assert [(round(p.start_s, 3), round(p.end_s, 3)) for p in phones] == [(0.2, 0.28), (0.28, 0.4), (0.4, 0.49)]


def test_a_flicker_is_no_phone(network) -> None:
    posteriors = posteriors_of([(0, 20), (2, 10), (1, 1), (2, 10), (0, 20)])
    phones = decode_phones(network, posteriors, np.ones(len(posteriors), np.float32))
    assert [phone.label for phone in phones] == ["AA"]


def test_phones_are_in_order_and_within_the_recording(network, short_speech) -> None:
    features = extract_features(short_speech)
    heard = recognise_phones(features, network)
    assert heard.posteriors.shape == (len(features), len(CLASSES))
    np.testing.assert_allclose(heard.posteriors.sum(axis=1), 1.0, atol=1e-5)
    assert heard.lips.shape == (len(features), len(LIP_CURVES))
    assert 0.0 <= heard.lips.min() <= heard.lips.max() <= 1.0
    edges = [edge for phone in heard.phones for edge in (phone.start_s, phone.end_s)]
    assert edges == sorted(edges)
    assert all(0.0 <= edge <= len(features) * features.hop_s + 1e-6 for edge in edges)


def test_the_level_of_a_recording_makes_no_difference(network, short_speech) -> None:
    features = extract_features(short_speech)
    quieter = replace(features, log_mel=features.log_mel - 2.0)
    np.testing.assert_allclose(
        recognise_phones(quieter, network).posteriors, recognise_phones(features, network).posteriors, atol=1e-4
    )


def test_one_frame_is_enough(network, short_speech) -> None:
    features = extract_features(short_speech)
    shortest = replace(features, log_mel=features.log_mel[:1], speaking=features.speaking[:1])
    assert recognise_phones(shortest, network).posteriors.shape == (1, len(CLASSES))


def test_the_shipped_checkpoint_hears_speech(short_speech) -> None:
    features = extract_features(short_speech)
    heard = recognise_phones(features)
    assert heard.phones
    assert np.corrcoef(heard.lips[:, 0], features.energy_db)[0, 1] > 0.4
    assert abs(heard.voicing[features.speaking].mean() - features.voiced[features.speaking].mean()) < 0.3
