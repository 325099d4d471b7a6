"""Phone times from the durations of symbols."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from espressivo.training.example_speech import LEAD_FRAMES, PASSAGES, SAMPLES_PER_FRAME, phones_of


@pytest.mark.parametrize("passage", PASSAGES)
def test_phones_cover_the_passage_without_gaps(passage):
    num_symbols = len(" ".join(phonemes for _, phonemes in passage.words))
    frames = np.random.default_rng(3).integers(1, 9, num_symbols + 2)
    frames[0] += LEAD_FRAMES
    phones = phones_of(passage, frames, start_sample=SAMPLES_PER_FRAME * 4)
    assert phones[0].start_s == pytest.approx(0.1)
    assert phones[-1].end_s == pytest.approx(0.1 + 0.025 * frames.sum())
    assert all(one.end_s == following.start_s for one, following in itertools.pairwise(phones))


def test_every_word_is_heard_in_order():
    words = [word for passage in PASSAGES for word, _ in passage.words]
    heard = []
    for passage in PASSAGES:
        num_symbols = len(" ".join(phonemes for _, phonemes in passage.words))
        phones = phones_of(passage, np.full(num_symbols + 2, 5), 0)
        heard += [word for word, _ in itertools.groupby(p.word for p in phones) if word]
    assert heard == [word.strip(",.!").lower() for word in words]
