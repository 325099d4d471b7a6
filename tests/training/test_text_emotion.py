"""The reader of texts is trained, written and read back, on a corpus that a child could sort."""

import csv

import numpy as np
import pytest

from espressivo.emotion import text_model
from espressivo.errors import CheckpointError
from espressivo.resources import verify_checksums
from espressivo.training import text_emotion
from espressivo.training.text_emotion import calibrate, choose_thresholds, correlations, macro_f1, quantise

LABELS = [f"label{number}" for number in range(28)]
LETTERS = "abcdefghijklmnopqrstuvwxyzäö"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "goemotions").mkdir()
    (folder / "emobank").mkdir()
    (folder / "goemotions" / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    for split, copies in (("train", 20), ("dev", 5)):
        lines = [
            f"we say {letter * 4}ing on day {copy} again\t{number}\tid{number}-{copy}\n"
            for number, letter in enumerate(LETTERS)
            for copy in range(copies)
        ]
        (folder / "goemotions" / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    with (folder / "emobank" / "emobank.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "split", "V", "A", "D", "text"])
        for number in range(120):
            good = number % 2
            text = f"a {'wonderful' if good else 'horrible'} day{'!' * (number % 3)} number {number}"
            writer.writerow([number, "train" if number % 5 else "dev", 2 + 2 * good, 3 + number % 3 / 2, 3 + good / 2, text])
    (folder / "valence.txt").write_text("wonderful\t2.7\t0\t[]\nhorrible\t-2.5\t0\t[]\n:)\t2\t0\t[]\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "text_emotion"
    text_emotion.main(["--data", str(corpus), "--valence", str(corpus / "valence.txt"), "-o", str(folder)])
    return folder


def test_the_checkpoint_is_complete_and_learns(trained, corpus):
    verify_checksums(trained)
    model = text_model._load(trained)
    assert model.labels == tuple(LABELS)
    dev = text_emotion.read_goemotions(corpus / "goemotions", "dev")
    predicted = np.array([model.score(text).present for text in dev.texts])
    assert macro_f1(predicted, dev.targets) > 0.9
    bank = text_emotion.read_emobank(corpus / "emobank", "dev")
    assert correlations(np.array([model.score(text).vad for text in bank.texts]), bank.targets)[0] > 0.9
    assert set(model.valence) == {"wonderful", "horrible"}


def test_same_data_same_bytes(trained, corpus, tmp_path):
    text_emotion.main(["--data", str(corpus), "--valence", str(corpus / "valence.txt"), "-o", str(tmp_path / "again")])
    assert (tmp_path / "again" / "SHA256SUMS").read_text() == (trained / "SHA256SUMS").read_text()


@pytest.mark.parametrize("damage", ["no such tensor", "short vocabulary", "no labels"])
def test_a_malformed_checkpoint_is_refused(trained, tmp_path, damage):
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    if damage == "no such tensor":
        (folder / "model.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    elif damage == "short vocabulary":
        (folder / "vocabulary.txt").write_text("one\n")
    else:
        (folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="reinstall"):
        text_model._load(folder)


def test_int8_keeps_weights_within_half_a_step():
    weights = np.random.Generator(np.random.PCG64(0)).normal(size=(50, 4))
    small, scale = quantise(weights)
    assert np.abs(small * scale - weights).max() <= 0.5 * scale.max() + 1e-12


def test_calibration_and_thresholds():
    rng = np.random.Generator(np.random.PCG64(1))
    scores = rng.normal(size=(4000, 1)) * 3
    labels = rng.uniform(size=(4000, 1)) < 1 / (1 + np.exp(-(0.5 * scores - 1)))
    assert calibrate(scores, labels)[0] == pytest.approx([0.5, -1.0], abs=0.15)
    chosen = choose_thresholds(scores, labels)
    best = max(np.linspace(-4, 6, 101), key=lambda cut: macro_f1(scores > cut, labels))
    assert macro_f1(scores > chosen, labels) > macro_f1(scores > best, labels) - 0.02
