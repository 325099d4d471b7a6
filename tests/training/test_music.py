"""The music transformer learns from a tiny corpus, stops, goes on, and is exported."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from espressivo.music.conditions import BARS_TO_END, BARS_TO_JOIN, CONDITION_NAMES, MODE_CONDITION
from espressivo.music.model import load_music_transformer
from espressivo.music.tokens import (
    ACCOMPANIMENT,
    AFTER,
    BAR,
    HERE,
    MELODY,
    VOCABULARY_SIZE,
    GridBar,
    GridChord,
    GridNote,
    decode,
    encode,
)
from espressivo.resources import verify_checksums
from espressivo.training import music, music_measures
from espressivo.training.music_batches import UNKNOWN, Corpus

NUM_SONGS, NUM_BARS = 3, 30


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(0)
    words: list[int] = []
    for _ in range(NUM_SONGS * NUM_BARS):
        melody = [GridNote(place, False, 60 + int(random.integers(0, 12)), 4) for place in (0, 4, 8, 12)]
        words += encode(GridBar((GridChord(0, 0, "maj"),), tuple(sorted([*melody, GridNote(0, True, 48, 16)]))))
    columns = {
        "words": np.array(words, np.uint16),
        "is_major": np.ones(NUM_SONGS * NUM_BARS, np.uint8),
        "song_of": np.repeat(np.arange(NUM_SONGS, dtype=np.uint16), NUM_BARS),
    }
    for split in ("train", "held_out"):
        save_file(columns, folder / f"{split}.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["measures", "--work", str(folder), "--workers", "1"])
        music_measures.main()
    return folder


def test_bars_are_measured(work: Path) -> None:
    columns = load_file(work / "train.safetensors")
    assert columns["levels"].shape == (NUM_SONGS * NUM_BARS, len(CONDITION_NAMES))
    assert (columns["levels"] < UNKNOWN).all()
    assert columns["levels"].std() > 10
    facts = json.loads((work / "corpus.json").read_text())
    assert np.array(facts["borders"]).shape == (len(CONDITION_NAMES), 4)


def test_excerpts_are_music_with_gaps(work: Path) -> None:
    corpus = Corpus(work, "train", 200)
    batch = corpus.batch(60, np.random.default_rng(0), augment=False)
    join, end, mode = (corpus.attributes.index(name) for name in (BARS_TO_JOIN, BARS_TO_END, MODE_CONDITION))
    num_gaps = 0
    for words, buckets, bar_of, weight in zip(batch.words, batch.buckets, batch.bar_of, batch.weight, strict=True):
        assert words.shape == (201,)
        assert ((words[:-1] == BAR).long().cumsum(0) - 1).clamp(min=0).tolist()[5:] == bar_of.tolist()[5:] or AFTER in words
        if AFTER in words:
            num_gaps += 1
            assert words[0] == AFTER
            here = words.tolist().index(HERE)
            assert weight[here - 1] == 0
            assert decode(words[1:here].tolist())
            assert (buckets[:, join] > 0).any() or HERE not in words
        else:
            assert (buckets[:, join] == 0).all()
            assert words[0] == BAR
        assert set(buckets[:, mode].tolist()) <= {0, 2}
        assert buckets[:, end].max() <= 5
    assert 8 < num_gaps < 30


def test_augmentation_moves_octaves_and_hides(work: Path) -> None:
    corpus = Corpus(work, "train", 100)
    batch = corpus.batch(200, np.random.default_rng(1), augment=True)
    lowest = [int(row[(row >= MELODY) & (row < ACCOMPANIMENT)].min()) for row in batch.words]
    assert min(lowest) < MELODY + 60 - 36 - 6
    assert max(lowest) >= MELODY + 72 - 36
    shown = (batch.buckets[..., : len(CONDITION_NAMES)] > 0).float().mean(dim=(1, 2))
    assert shown.min() == 0.0
    assert shown.max() > 0.5


def test_training_learns_resumes_and_exports(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "music_tiny"
    sizes = ["--width", "32", "--layers", "1", "--context", "64", "--batch-size", "8", "--save-every", "10"]
    for steps in ("6", "120"):
        monkeypatch.setattr("sys.argv", ["music", "train", "--work", str(work), *sizes, "--steps", steps])
        music.main()
    monkeypatch.setattr("sys.argv", ["music", "export", "--work", str(work), "-o", str(output)])
    music.main()
    verify_checksums(output)
    model = load_music_transformer(output)
    batch = Corpus(work, "train", 64).batch(4, np.random.default_rng(0), augment=False)
    with torch.inference_mode():
        loss = music._loss(model, batch)
    assert float(loss) < 0.9 * np.log(VOCABULARY_SIZE)
    log = [json.loads(line) for line in (work / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 120
    assert log[-1]["held_out"] < log[0]["held_out"]
