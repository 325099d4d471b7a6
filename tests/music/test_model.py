"""The learned composer at tiny size: words and back, cache against full pass, grammar that cannot be broken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import CheckpointError, RenderError
from espressivo.music.composer_model import ASKED_GUIDANCE, Composer, compose_model, compose_models, write_bars
from espressivo.music.conditions import (
    CONDITION_NAMES,
    MODE_CONDITION,
    NUM_BUCKETS,
    STEADY,
    Quantiles,
    condition_values,
    countdown,
    window_table,
)
from espressivo.music.decoding import BarRequest, SamplingSettings, write_streams
from espressivo.music.emotion_attributes import attribute_value, emotion_ranks
from espressivo.music.grammar import BarGrammar
from espressivo.music.grid import grid_bars
from espressivo.music.model import MusicTransformer, MusicTransformerConfig, RollingCache, load_music_transformer
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.tokens import (
    AFTER,
    BAR,
    BAR_LENGTHS,
    DURATIONS,
    HERE,
    NUM_LOUDNESS,
    NUM_TEMPOS,
    QUALITIES,
    VOCABULARY_SIZE,
    GridBar,
    GridChord,
    GridNote,
    decode,
    encode,
    nearest_tempo,
    prompt_words,
    tempo_bpm,
)

ATTRIBUTES = (*CONDITION_NAMES, *STEADY)


@pytest.fixture(scope="module")
def tiny() -> MusicTransformer:
    torch.manual_seed(0)
    return MusicTransformer(MusicTransformerConfig(width=32, num_layers=2, num_heads=2, context=48, attributes=ATTRIBUTES)).eval()


@pytest.fixture(scope="module")
def composer(tiny: MusicTransformer) -> Composer:
    borders = np.tile([0.1, 0.2, 0.3, 0.4], (len(CONDITION_NAMES), 1))
    return Composer(tiny, Quantiles(CONDITION_NAMES, borders))


@st.composite
def grid_bars_drawn(draw: st.DrawFn) -> GridBar:
    length = draw(st.sampled_from(BAR_LENGTHS))
    places = st.integers(0, length - 1)
    positions = [0, *draw(st.lists(st.integers(1, length - 1), unique=True, max_size=2).map(sorted))]
    qualities = st.sampled_from([*QUALITIES, None])
    chords = []
    for position in positions:
        quality = draw(qualities)
        chords.append(GridChord(position, draw(st.integers(0, 11)) if quality else 0, quality))
    melody = draw(st.lists(places, unique=True, max_size=6))
    notes = {GridNote(p, False, draw(st.integers(36, 100)), draw(st.sampled_from(DURATIONS))) for p in melody}
    pairs = draw(st.lists(st.tuples(places, st.integers(21, 96)), unique=True, max_size=10))
    notes |= {GridNote(p, True, pitch, draw(st.sampled_from(DURATIONS))) for p, pitch in pairs}
    levels = st.integers(0, NUM_LOUDNESS - 1)
    loudness = tuple((position, draw(levels)) for position in sorted({note.position for note in notes}))
    return GridBar(tuple(chords), tuple(sorted(notes)), length, draw(st.integers(0, NUM_TEMPOS - 1)), loudness)


@settings(max_examples=80, deadline=None)
@given(st.lists(grid_bars_drawn(), min_size=1, max_size=4))
def test_bars_survive_their_words(bars: list[GridBar]) -> None:
    words = [word for bar in bars for word in encode(bar)]
    assert max(words) < AFTER
    assert decode(words) == bars


@settings(max_examples=60, deadline=None)
@given(grid_bars_drawn(), st.booleans())
def test_the_grammar_allows_every_bar_there_is(bar: GridBar, melody_is_given: bool) -> None:
    everything = frozenset(range(12))
    melody = tuple(note for note in bar.notes if not note.is_accompaniment) if melody_is_given else None
    scales = (everything,) * len(bar.chords)
    grammar = BarGrammar(bar.num_positions, bar.chords, scales, (36, 100), (21, 96), bar.tempo, melody)
    for word in [*encode(bar)[1:], BAR]:
        assert word in grammar.allowed()
        if word != BAR:
            grammar.accept(word)


@pytest.mark.parametrize("words", [[BAR, VOCABULARY_SIZE - 1], [4], [BAR, 290], [BAR, 3, 290], [BAR, AFTER], [BAR, -1]])
def test_ungrammatical_words_are_refused(words: list[int]) -> None:
    with pytest.raises(RenderError):
        decode(words)


@given(st.floats(42.0, 210.0))
def test_tempi_are_near(bpm: float) -> None:
    assert abs(np.log2(tempo_bpm(nearest_tempo(bpm)) / bpm)) <= 1 / 24 + 1e-9


def test_prompts_put_the_far_side_first() -> None:
    near = GridBar((GridChord(0, 0, "maj"),), ())
    far = GridBar((GridChord(0, 7, "maj"),), ())
    words = prompt_words([near, near], [far])
    assert [word for word, _ in words] == [AFTER, *encode(far), HERE, *encode(near), *encode(near)]
    assert {index for _, index in words} == {None, 0, 1, 2}
    assert prompt_words([near], []) == [(word, 0) for word in encode(near)]


def conditioned(model: MusicTransformer, words: torch.Tensor, buckets: torch.Tensor, cache: RollingCache | None = None) -> Any:
    return model(words, model.embed_conditions(buckets), cache)


def test_the_cache_changes_nothing(tiny: MusicTransformer) -> None:
    words = torch.randint(0, VOCABULARY_SIZE, (2, 30), generator=torch.Generator().manual_seed(1))
    buckets = torch.randint(0, NUM_BUCKETS + 1, (2, 30, len(ATTRIBUTES)), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        whole = conditioned(tiny, words, buckets)
        cache = RollingCache(tiny.config, 2)
        pieces = [conditioned(tiny, words[:, a:b], buckets[:, a:b], cache) for a, b in ((0, 7), (7, 8), (8, 9), (9, 30))]
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-4)


def test_rows_can_be_forgotten(tiny: MusicTransformer) -> None:
    words = torch.randint(0, VOCABULARY_SIZE, (3, 12), generator=torch.Generator().manual_seed(1))
    buckets = torch.ones(3, 12, len(ATTRIBUTES), dtype=torch.int64)
    with torch.inference_mode():
        whole = conditioned(tiny, words, buckets)
        cache = RollingCache(tiny.config, 3)
        conditioned(tiny, words[:, :6], buckets[:, :6], cache)
        cache.keep([0, 2])
        rest = conditioned(tiny, words[[0, 2], 6:], buckets[:2, 6:], cache)
    assert torch.allclose(rest, whole[[0, 2], 6:], atol=1e-4)


def test_memory_is_bounded_and_the_future_is_unseen(tiny: MusicTransformer) -> None:
    words = torch.ones(1, 1, dtype=torch.int64)
    buckets = torch.zeros(1, 1, len(ATTRIBUTES), dtype=torch.int64)
    cache = RollingCache(tiny.config, 1)
    with torch.inference_mode():
        for _ in range(120):
            assert torch.isfinite(conditioned(tiny, words, buckets, cache)).all()
    assert cache.num_held <= 2 * 48
    longer = torch.randint(0, VOCABULARY_SIZE, (1, 20), generator=torch.Generator().manual_seed(3))
    changed = longer.clone()
    changed[0, 15] = 5
    zeros = torch.zeros(1, 20, len(ATTRIBUTES), dtype=torch.int64)
    with torch.inference_mode():
        assert torch.allclose(conditioned(tiny, longer, zeros)[:, :15], conditioned(tiny, changed, zeros)[:, :15], atol=1e-5)


def test_conditions_matter(tiny: MusicTransformer) -> None:
    words = torch.ones(1, 4, dtype=torch.int64)
    low = torch.ones(1, 4, len(ATTRIBUTES), dtype=torch.int64)
    with torch.inference_mode():
        assert not torch.allclose(conditioned(tiny, words, low), conditioned(tiny, words, low * 5))


CHORDS = (GridChord(0, 0, "maj"), GridChord(6, 7, "7"))
SCALES = (frozenset({0, 4, 7}), frozenset({7, 11, 2, 5}))


def request(composer: Composer, positions: int, wanted: float | None, melody: tuple[GridNote, ...] | None = None) -> BarRequest:
    grammar = BarGrammar(positions, CHORDS, SCALES, (60, 80), (40, 59), melody=melody)
    return composer.request(grammar, {MODE_CONDITION: 2, "roughness": 3}, wanted)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000), positions=st.integers(7, 24), wanted=st.one_of(st.none(), st.floats(1, 20)), given=st.booleans()
)
def test_whatever_is_drawn_obeys_the_constraints(
    composer: Composer, seed: int, positions: int, wanted: float | None, given: bool
) -> None:
    melody = (GridNote(1, False, 61, 2), GridNote(5, False, 90, 1)) if given else None
    (bar,) = write_bars(
        [], [], [request(composer, positions, wanted, melody)], random=np.random.default_rng(seed), composer=composer
    )
    assert bar.chords == CHORDS
    assert bar.num_positions == positions
    written = [note for note in bar.notes if melody is None or note not in melody]
    if melody is not None:
        assert set(melody) <= set(bar.notes)
        assert all(note.is_accompaniment for note in written)
    for note in written:
        scale = SCALES[0] if note.position < 6 else SCALES[1]
        assert note.pitch % 12 in scale
        assert 0 <= note.position < positions
        low, high = (40, 59) if note.is_accompaniment else (60, 80)
        assert low <= note.pitch <= high
    assert len({(note.position, note.is_accompaniment, note.pitch) for note in bar.notes}) == len(bar.notes)


def test_the_number_of_onsets_is_heeded(composer: Composer) -> None:
    counts = []
    for wanted in (3.0, 9.0, 14.0):
        bars = write_bars(
            [], [], [request(composer, 16, wanted) for _ in range(12)], random=np.random.default_rng(0), composer=composer
        )
        counts.append(np.mean([len({note.position for note in bar.notes}) for bar in bars]))
    assert counts[0] < counts[1] < counts[2]


def test_guidance_exaggerates_what_the_user_asks_for_alone(composer: Composer) -> None:
    grammar, buckets = BarGrammar(16, CHORDS, SCALES, (60, 80), (40, 59)), {MODE_CONDITION: 2, "roughness": 3, "pitch_sd": 4}
    plain = composer.request(grammar, buckets)
    asked = composer.request(grammar, buckets, asked={"roughness": 0.5, "not a condition": 0.1})
    assert (plain.guidance, asked.guidance) == (None, ASKED_GUIDANCE)
    assert (asked.buckets == plain.buckets).all()
    assert (plain.bare == composer.vector({MODE_CONDITION: 2})).all()
    assert (asked.bare == composer.vector({MODE_CONDITION: 2, "pitch_sd": 4})).all()
    assert composer.request(grammar, buckets, asked={"not a condition": 0.1}).guidance is None


@pytest.mark.parametrize("name", ["onsets_per_s", "notes_per_s"])
def test_density_that_is_asked_for_comes_before_the_plans(composer: Composer, make_plan: Any, name: str) -> None:
    plan = make_plan(("joy", 12.0))
    asked = [MusicSettings(attributes={name: rank}) for rank in (0.05, 0.95)]
    few, many = compose_models([(plan, 1)] * 2, settings=asked, composer=composer)
    assert len(many.notes) > 1.2 * len(few.notes)


def test_pieces_do_not_depend_on_their_neighbours(composer: Composer, make_plan: Any) -> None:
    plans = [make_plan((name, 5.0)) for name in ("joy", "sadness", "anger")]
    together = compose_models([(plan, index) for index, plan in enumerate(plans)], settings=MusicSettings(), composer=composer)
    alone = [compose_model(plan, seed=index, settings=MusicSettings(), composer=composer) for index, plan in enumerate(plans)]
    assert together == alone


def test_pieces_by_untrained_weights_are_valid_music_of_exact_length(composer: Composer, make_plan: Any) -> None:
    plan = make_plan(("joy", 6.3), ("sadness", 8.1))
    first = compose_model(plan, seed=4, settings=MusicSettings(), composer=composer)
    assert first == compose_model(plan, seed=4, settings=MusicSettings(), composer=composer)
    assert first.duration_s == pytest.approx(plan.duration_s, abs=1e-4)
    assert first.chords[-1].chord.root == first.keys[-1].key.tonic
    assert Score.from_midi_bytes(first.to_midi_bytes()) == first


def test_gaps_are_filled_and_pieces_continued(composer: Composer, make_plan: Any) -> None:
    bars = grid_bars(compose_model(make_plan(("joy", 12.0)), seed=1, settings=MusicSettings(), composer=composer))
    assert len(bars) > 4
    wanted = [request(composer, 16, 6.0), request(composer, 16, 6.0)]
    filled = write_bars(bars[:2], bars[4:], wanted, random=np.random.default_rng(0), composer=composer)
    assert [bar.num_positions for bar in filled] == [16, 16]
    longer = compose_model(make_plan(("joy", 8.0)), seed=2, settings=MusicSettings(), composer=composer, before=bars)
    assert longer.duration_s == pytest.approx(8.0, abs=1e-4)


def test_themes_return(composer: Composer, make_plan: Any) -> None:
    score = compose_model(make_plan(("joy", 20.0)), seed=3, settings=MusicSettings(metre="4/4", humanise=0.0), composer=composer)
    rhythms = [tuple(note.position for note in bar.notes if not note.is_accompaniment) for bar in grid_bars(score)]
    shared = [set(first) & set(again) for first, again in zip(rhythms[:3], rhythms[4:7], strict=True)]
    assert all(len(common) >= 0.6 * min(len(a), len(b)) for common, a, b in zip(shared, rhythms[:3], rhythms[4:7], strict=True))


@settings(max_examples=25, deadline=None)
@given(grid_bars_drawn())
def test_the_window_holds_every_note(bar: GridBar) -> None:
    table = window_table([bar, bar])
    assert len(table) == 2 * len(bar.notes)
    assert (table.duration_s > 0).all()
    values = condition_values([bar] * 3, 1)
    assert (values is None) == (3 * len(bar.notes) < 4)


def test_ranks_follow_the_quadrants() -> None:
    high, low = emotion_ranks(0.6, 0.9), emotion_ranks(0.6, -0.9)
    assert high["notes_per_s"] > 0.6 > 0.4 > low["notes_per_s"]
    assert emotion_ranks(0.9, 0.5)["major_minus_minor"] > emotion_ranks(-0.9, 0.5)["major_minus_minor"]
    assert all(0.0 <= rank <= 1.0 for rank in emotion_ranks(-1.0, 1.0).values())


def test_values_rise_with_their_ranks() -> None:
    for name in CONDITION_NAMES:
        values = [attribute_value(name, rank) for rank in np.linspace(0.0, 1.0, 11)]
        assert np.all(np.diff(values) >= 0), name


def test_buckets_are_quantiles() -> None:
    values = np.random.default_rng(0).normal(size=(1000, 2))
    quantiles = Quantiles.of(("a", "b"), values)
    buckets = quantiles.buckets(values)
    assert set(buckets.ravel()) == set(range(1, NUM_BUCKETS + 1))
    assert np.bincount(buckets[:, 0])[1:].min() > 180
    assert quantiles.asked({"b": 1e9, "c": 0.0}) == {"b": 5}
    assert [countdown(left) for left in (1, 2, 9)] == [1, 2, 5]


def test_broken_weights_are_refused(tiny: MusicTransformer, tmp_path: Path) -> None:
    import hashlib

    folder = tmp_path / "music_tiny"
    tiny.save(folder)
    sums = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in ("config.json", "model.safetensors")]
    (folder / "SHA256SUMS").write_text("".join(sums))
    assert load_music_transformer(folder).config == tiny.config
    (folder / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError):
        load_music_transformer(folder)


def test_streams_may_end_at_different_times(composer: Composer) -> None:
    written: list[list[GridBar]] = [[], []]

    def stream(index: int, count: int) -> Any:
        for _ in range(count):
            written[index].append((yield request(composer, 12, 4.0)))

    randoms = [np.random.default_rng(0), np.random.default_rng(1)]
    write_streams(composer.model, [stream(0, 1), stream(1, 3)], randoms, SamplingSettings(guidance=1.0))
    assert [len(bars) for bars in written] == [1, 3]
    assert all(0 <= level < NUM_LOUDNESS for bars in written for bar in bars for _, level in bar.loudness)
