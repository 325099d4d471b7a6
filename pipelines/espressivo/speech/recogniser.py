"""The acoustic model that comes with PocketSphinx (US English), behind three questions.

Which phones are heard (phone loop), which words are heard (language model), and when is each phone of a known sequence
spoken (alignment). Alignment treats phones as if they were words of a tiny dictionary: the recogniser's own second pass for
phones aborts on some recordings and can then crash the process (PocketSphinx 5.1.1), the first pass does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from espressivo.seeds import numpy_generator
from espressivo.speech.phones import SILENCE
from espressivo.speech.pitch import SAMPLE_RATE_HZ
from espressivo.speech.recognition import RecognisedUnit

__all__ = ["Recogniser"]

FRAME_S = 0.01
# An utterance is scaled to this peak: the model's front end expects 16-bit sound of ordinary loudness.
PEAK = 0.7
# Without silence after it the last sound of an utterance is often lost; faint noise suits the front end better than zeros.
PADDING_S = 0.2
PADDING_NOISE = 2e-4
PHONE_MODEL_WEIGHT = 2.0
MOST_ACTIVE_STATES = 4_000


@cache
def _silence() -> NDArray[np.float32]:
    noise = numpy_generator(0, "recogniser-padding").standard_normal(int(PADDING_S * SAMPLE_RATE_HZ))
    return (PADDING_NOISE * noise).astype(np.float32)


def _pcm(samples: NDArray[np.float32]) -> bytes:
    gain = PEAK / max(1e-4, float(np.abs(samples).max()))
    padded = np.concatenate([_silence(), samples * gain, _silence()])
    return (padded * 32767.0).astype("<i2").tobytes()


class Recogniser:
    """One set of decoders; not to be shared between threads."""

    def __init__(self) -> None:
        self._model = Path(pocketsphinx.get_model_path()) / "en-us"

    def _decoder(self, **options: object) -> pocketsphinx.Decoder:
        settings = {"hmm": str(self._model / "en-us"), "lm": None, "dict": None, "loglevel": "FATAL"}
        return pocketsphinx.Decoder(**{**settings, **options})

    @cached_property
    def _phone_loop(self) -> pocketsphinx.Decoder:
        return self._decoder(allphone=str(self._model / "en-us-phone.lm.bin"), lw=PHONE_MODEL_WEIGHT)

    @cached_property
    def _phone_aligner(self) -> pocketsphinx.Decoder:
        return self._decoder()

    @cached_property
    def _word_aligner(self) -> pocketsphinx.Decoder:
        return self._decoder(dict=str(self._model / "cmudict-en-us.dict"))

    @cached_property
    def _dictation(self) -> pocketsphinx.Decoder:
        return self._decoder(
            dict=str(self._model / "cmudict-en-us.dict"),
            lm=str(self._model / "en-us.lm.bin"),
            fwdflat=False,
            maxhmmpf=MOST_ACTIVE_STATES,
        )

    def phones(self, samples: NDArray[np.float32]) -> list[RecognisedUnit]:
        """The most likely phones of an utterance at 16 kHz, silences included."""
        return [_as_phone(unit) for unit in _decode(self._phone_loop, samples)]

    def words(self, samples: NDArray[np.float32]) -> list[RecognisedUnit]:
        """The most likely words of an utterance, in the dictionary's spelling (``"read(2)"`` is a second pronunciation)."""
        return [unit for unit in _decode(self._dictation, samples) if unit.label[0] not in "<[+"]

    def aligned_words(self, samples: NDArray[np.float32], words: Sequence[str]) -> list[RecognisedUnit]:
        """When each of the words is spoken; empty when they do not fit the sound."""
        self._word_aligner.set_align_text(" ".join(words))
        return [unit for unit in _decode(self._word_aligner, samples) if unit.label[0] not in "<[+"]

    def aligned_phones(self, samples: NDArray[np.float32], labels: Sequence[str]) -> list[RecognisedUnit]:
        """When each of the phones is spoken, with the pauses between them; empty when they do not fit the sound."""
        for label in sorted(set(labels)):
            if self._phone_aligner.lookup_word(label.lower()) is None:
                self._phone_aligner.add_word(label.lower(), label, update=False)
        self._phone_aligner.set_align_text(" ".join(labels).lower())
        units = [_as_phone(unit) for unit in _decode(self._phone_aligner, samples)]
        spoken = [unit.label for unit in units if unit.label != SILENCE]
        return units if spoken == list(labels) else []

    def pronunciation(self, word: str) -> tuple[str, ...] | None:
        """Phones of a word in the dictionary's spelling, ``None`` when it is not listed."""
        found = self._word_aligner.lookup_word(word)
        return None if found is None else tuple(found.split())

    def teach(self, word: str, phones: Sequence[str]) -> None:
        """Add a word to the dictionary of the word alignment."""
        self._word_aligner.add_word(word, " ".join(phones), update=False)


def _as_phone(unit: RecognisedUnit) -> RecognisedUnit:
    silent = unit.label[0] in "<[+" or unit.label == SILENCE
    return RecognisedUnit(SILENCE if silent else unit.label.upper(), unit.start_s, unit.end_s)


def _decode(decoder: pocketsphinx.Decoder, samples: NDArray[np.float32]) -> list[RecognisedUnit]:
    """Run one utterance; an utterance that no path through the model fits gives nothing."""
    decoder.start_utt()
    decoder.process_raw(_pcm(samples), full_utt=True)
    try:
        decoder.end_utt()
    except RuntimeError:
        return []
    length_s = len(samples) / SAMPLE_RATE_HZ
    units = []
    for segment in decoder.seg() or ():
        start_s = max(0.0, segment.start_frame * FRAME_S - PADDING_S)
        end_s = min(length_s, (segment.end_frame + 1) * FRAME_S - PADDING_S)
        if end_s - start_s > 0.5 * FRAME_S and segment.end_frame > segment.start_frame:
            units.append(RecognisedUnit(segment.word, start_s, end_s, min(1.0, segment.prob)))
    return units
