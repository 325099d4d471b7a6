"""The learned composer at tiny size: words and back, cache against full pass, grammar that cannot be broken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import CheckpointError, RenderError
from espressivo.music.composer_model import compose_model, emotion_ranks
from espressivo.music.conditions import CONDITION_NAMES, MODE_CONDITION, NUM_BUCKETS, Quantiles
from espressivo.music.decoding import BarRequest, Sampler, SamplingSettings
from espressivo.music.model import MusicTransformer, MusicTransformerConfig, RollingCache, load_music_transformer
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.tokens import (
    BAR,
    DURATIONS,
    QUALITIES,
    VOCABULARY_SIZE,
    BarGrammar,
    GridBar,
    GridChord,
    GridNote,
    decode,
    encode,
)
from espressivo.resources import verify_checksums
from espressivo.training.music import Corpus
from espressivo.training.music import main as train_main

ATTRIBUTES = (*CONDITION_NAMES, MODE_CONDITION)


@pytest.fixture(scope="module")
def tiny() -> MusicTransformer:
    torch.manual_seed(0)
    return MusicTransformer(MusicTransformerConfig(width=32, num_layers=2, num_heads=2, context=48, attributes=ATTRIBUTES)).eval()


@st.composite
def grid_bars(draw: st.DrawFn) -> GridBar:
    positions = [0, *draw(st.lists(st.integers(1, 15), unique=True, max_size=2).map(sorted))]
    qualities = st.sampled_from([*QUALITIES, None])
    chords = []
    for position in positions:
        quality = draw(qualities)
        chords.append(GridChord(position, draw(st.integers(0, 11)) if quality else 0, quality))
    melody = draw(st.lists(st.integers(0, 15), unique=True, max_size=6))
    notes = {GridNote(p, False, draw(st.integers(36, 100)), draw(st.sampled_from(DURATIONS))) for p in melody}
    pairs = draw(st.lists(st.tuples(st.integers(0, 15), st.integers(21, 96)), unique=True, max_size=10))
    notes |= {GridNote(p, True, pitch, draw(st.sampled_from(DURATIONS))) for p, pitch in pairs}
    return GridBar(tuple(chords), tuple(sorted(notes)))


@settings(max_examples=80, deadline=None)
@given(st.lists(grid_bars(), min_size=1, max_size=4))
def test_bars_survive_their_words(bars: list[GridBar]) -> None:
    words = [word for bar in bars for word in encode(bar)]
    assert max(words) < VOCABULARY_SIZE
    assert decode(words) == bars


@settings(max_examples=60, deadline=None)
@given(grid_bars())
def test_the_grammar_allows_every_bar_there_is(bar: GridBar) -> None:
    everything = frozenset(range(12))
    grammar = BarGrammar(16, bar.chords, (everything,) * len(bar.chords), (36, 100), (21, 96))
    for word in [*encode(bar)[1:], BAR]:
        assert word in grammar.allowed()
        if word != BAR:
            grammar.accept(word)


def test_ungrammatical_words_are_refused() -> None:
    with pytest.raises(RenderError):
        decode([BAR, VOCABULARY_SIZE - 1])


def test_the_cache_changes_nothing(tiny: MusicTransformer) -> None:
    words = torch.randint(0, VOCABULARY_SIZE, (2, 30), generator=torch.Generator().manual_seed(1))
    buckets = torch.randint(0, NUM_BUCKETS + 1, (2, 30, len(ATTRIBUTES)), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        whole = tiny(words, buckets)
        cache = RollingCache(2, 48)
        pieces = [tiny(words[:, a:b], buckets[:, a:b], cache) for a, b in ((0, 7), (7, 8), (8, 9), (9, 30))]
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-4)


def test_memory_is_bounded_and_the_future_is_unseen(tiny: MusicTransformer) -> None:
    words = torch.ones(1, 1, dtype=torch.int64)
    buckets = torch.zeros(1, 1, len(ATTRIBUTES), dtype=torch.int64)
    cache = RollingCache(2, 48)
    with torch.inference_mode():
        for _ in range(120):
            assert torch.isfinite(tiny(words, buckets, cache)).all()
    held = cache.layers[0]
    assert held is not None
    assert held[0].shape[2] == 48
    longer = torch.randint(0, VOCABULARY_SIZE, (1, 20), generator=torch.Generator().manual_seed(3))
    changed = longer.clone()
    changed[0, 15] = 5
    zeros = torch.zeros(1, 20, len(ATTRIBUTES), dtype=torch.int64)
    with torch.inference_mode():
        assert torch.allclose(tiny(longer, zeros)[:, :15], tiny(changed, zeros)[:, :15], atol=1e-5)


def test_conditions_matter(tiny: MusicTransformer) -> None:
    words = torch.ones(1, 4, dtype=torch.int64)
    low = torch.ones(1, 4, len(ATTRIBUTES), dtype=torch.int64)
    with torch.inference_mode():
        assert not torch.allclose(tiny(words, low), tiny(words, low * 5))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), positions=st.integers(2, 24), wanted=st.one_of(st.none(), st.floats(1, 30)))
def test_whatever_is_drawn_obeys_the_constraints(tiny: MusicTransformer, seed: int, positions: int, wanted: float | None) -> None:
    random = np.random.default_rng(seed)
    chords = (GridChord(0, 0, "maj"), GridChord(positions // 2, 7, "7"))
    scales = (frozenset({0, 4, 7}), frozenset({7, 11, 2, 5}))
    grammar = BarGrammar(positions, chords, scales, (60, 80), (40, 59))
    bar = Sampler(tiny, SamplingSettings(), random).write(BarRequest(grammar, np.ones(len(ATTRIBUTES), np.int64), wanted))
    assert bar.chords == chords
    for note in bar.notes:
        scale = scales[0] if note.position < positions // 2 else scales[1]
        assert note.pitch % 12 in scale
        assert 0 <= note.position < positions
        low, high = (40, 59) if note.is_accompaniment else (60, 80)
        assert low <= note.pitch <= high
    assert len({(note.position, note.is_accompaniment, note.pitch) for note in bar.notes}) == len(bar.notes)


def test_pieces_by_untrained_weights_are_valid_music_of_exact_length(tiny: MusicTransformer, make_plan: Any) -> None:
    plan = make_plan(("joy", 6.3), ("sadness", 8.1))
    first = compose_model(plan, seed=4, settings=MusicSettings(), model=tiny)
    assert first == compose_model(plan, seed=4, settings=MusicSettings(), model=tiny)
    assert first.duration_s == pytest.approx(plan.duration_s, abs=1e-4)
    assert first.chords[-1].chord.root == first.keys[-1].key.tonic
    assert Score.from_midi_bytes(first.to_midi_bytes()) == first


def test_ranks_follow_the_quadrants() -> None:
    high, low = emotion_ranks(0.6, 0.9), emotion_ranks(0.6, -0.9)
    assert high["notes_per_s"] > 0.6 > 0.4 > low["notes_per_s"]
    assert emotion_ranks(0.9, 0.5)["major_minus_minor"] > emotion_ranks(-0.9, 0.5)["major_minus_minor"]
    assert all(0.0 <= rank <= 1.0 for rank in emotion_ranks(-1.0, 1.0).values())


def test_buckets_are_quantiles() -> None:
    values = np.random.default_rng(0).normal(size=(1000, 2))
    quantiles = Quantiles.of(values)
    buckets = np.array([quantiles.buckets(row) for row in values])
    assert set(buckets.ravel()) == set(range(1, NUM_BUCKETS + 1))
    assert np.bincount(buckets[:, 0])[1:].min() > 180


def write_corpus(folder: Path) -> None:
    from safetensors.numpy import save_file

    chord = (GridChord(0, 0, "maj"),)
    notes = tuple(GridNote(p, False, 60 + p, 4) for p in (0, 4, 8, 12))
    words = encode(GridBar(chord, notes))
    columns = {
        "words": np.array(words * 40, np.int32),
        "bar_of": np.repeat(np.arange(40, dtype=np.int32), len(words)),
        "buckets": np.full((40, len(ATTRIBUTES)), 1, np.uint8),
        "song_of": np.zeros(40, np.int32),
    }
    folder.mkdir()
    for split in ("train", "held_out"):
        save_file(columns, folder / f"{split}.safetensors")
    facts = '{"attributes": [%s], "borders": %s, "num_buckets": 5}'
    borders = [[0.1, 0.2, 0.3, 0.4]] * len(CONDITION_NAMES)
    (folder / "corpus.json").write_text(facts % (", ".join(f'"{name}"' for name in ATTRIBUTES), borders))


def test_training_learns_resumes_and_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, output = tmp_path / "work", tmp_path / "music_tiny"
    write_corpus(work)
    common = ["music", "train", "--work", str(work), "--width", "32", "--layers", "1", "--context", "24", "--steps"]
    for steps in ("6", "100"):
        monkeypatch.setattr("sys.argv", [*common, steps])
        train_main()
    monkeypatch.setattr("sys.argv", ["music", "export", "--work", str(work), "-o", str(output)])
    train_main()
    verify_checksums(output)
    model = load_music_transformer(output)
    words, buckets, following = Corpus(work / "train.safetensors", 24).batch(4, np.random.default_rng(0), hide=True)
    assert (buckets[..., -1] == 1).all()
    with torch.inference_mode():
        loss = torch.nn.functional.cross_entropy(model(words, buckets).flatten(0, 1), following.flatten())
    assert float(loss) < 0.9 * np.log(VOCABULARY_SIZE)
    (output / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError):
        load_music_transformer(output)
