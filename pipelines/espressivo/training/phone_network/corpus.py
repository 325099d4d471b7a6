"""A corpus of synthesised speech: 16 kHz sound files and one line of JSON for each, made until there are enough minutes.

The same seed gives the same texts in the same order.
"""

from __future__ import annotations

import csv
import json
import re
import wave
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espressivo.media.clip import AudioClip
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator
from espressivo.speech.phones import Phone
from espressivo.training.phone_network.voices import EspeakVoice, FliteVoice, KokoroVoice, PiperVoice, Utterance, phonemes_of

__all__ = ["CorpusItem", "read_corpus", "speak_espeak", "speak_flite", "speak_kokoro", "speak_piper", "write_corpus"]

SAMPLE_RATE_HZ = 16_000
INDEX = "index.jsonl"
# Kokoro's voices are named by language and sex: "af_heart" is American and female.
KOKORO_LANGUAGES = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr", "i": "it", "p": "pt-br", "h": "hi", "z": "cmn-latn-pinyin"}
FOREIGN_SHARE = 0.35
SHORTEST_TEXT, LONGEST_TEXT = 25, 130


@dataclass(frozen=True, slots=True)
class CorpusItem:
    """One utterance on disk.

    Attributes:
        path: 16 kHz mono 16-bit sound.
        voice: Engine and voice.
        language: Of the phonemes.
        phones: With their times.
    """

    path: Path
    voice: str
    language: str
    phones: tuple[Phone, ...]

    def samples(self) -> NDArray[np.float32]:
        """``(N,)`` sound at 16 kHz."""
        with wave.open(str(self.path), "rb") as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768.0


def english_texts(path: Path) -> list[str]:
    """Sentences of plain English letters from the first column of a TSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row[0].strip() for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row]
    return [row for row in rows if SHORTEST_TEXT <= len(row) <= LONGEST_TEXT and re.fullmatch(r"[A-Za-z ,.!?'’;-]+", row)]


def _foreign_text(rng: np.random.Generator, language: str) -> str:
    """A sentence, or in one of three cases words drawn from all sentences of the language."""
    sentences = load_config("train/sentences.yaml")["sentences"][language]
    if rng.random() < 2 / 3:
        return str(rng.choice(sentences))
    words = " ".join(sentences).translate(str.maketrans("", "", ",.?!;¿¡")).split()
    return " ".join(rng.choice(words, size=int(rng.integers(4, 10)))) + "."


def speak_kokoro(parts: Path, voices: Path, vocabulary: Path, english: Path, seed: int) -> Iterator[Utterance]:
    """Every voice in turn; voices of other languages speak their own and English, English ones sometimes another."""
    kokoro = KokoroVoice(parts, voices, vocabulary)
    texts = english_texts(english)
    rng = numpy_generator(seed, "corpus", "kokoro")
    foreign = [*sorted(set(KOKORO_LANGUAGES.values()) - {"en-us", "en-gb"}), "de", "sv"]
    while True:
        for voice in rng.permutation(kokoro.names):
            language = KOKORO_LANGUAGES.get(voice[0], "en-us")
            if voice[0] in "ab" and rng.random() < FOREIGN_SHARE / 3:
                language = str(rng.choice(foreign))
            elif voice[0] not in "ab" and rng.random() > FOREIGN_SHARE:
                language = "en-us"
            text = str(rng.choice(texts)) if language.startswith("en") else _foreign_text(rng, language)
            speed = float(rng.uniform(0.8, 1.35))
            yield kokoro.speak(phonemes_of(text, language), str(voice), language, speed=speed)


def speak_piper(folder: Path, english: Path, seed: int) -> Iterator[Utterance]:
    """English by one natural voice at several speeds."""
    piper = PiperVoice(folder)
    texts = english_texts(english)
    rng = numpy_generator(seed, "corpus", "piper")
    while True:
        yield piper.speak(phonemes_of(str(rng.choice(texts)), "en-us"), stretch=float(rng.uniform(0.8, 1.3)))


def speak_flite(english: Path, seed: int) -> Iterator[Utterance]:
    """English by flite's voices, at several speeds and pitches."""
    flite = FliteVoice()
    texts = english_texts(english)
    rng = numpy_generator(seed, "corpus", "flite")
    while True:
        for voice in ("awb", "rms", "slt", "kal16", "slt", "awb", "rms"):
            pitch_hz = float(rng.uniform(85.0, 240.0)) if rng.random() < 0.6 else None
            yield flite.speak(str(rng.choice(texts)), voice, stretch=float(rng.uniform(0.75, 1.3)), pitch_hz=pitch_hz)


def speak_espeak(english: Path, seed: int) -> Iterator[Utterance]:
    """Many languages by espeak-ng's formant voices."""
    espeak = EspeakVoice()
    texts = english_texts(english)
    rng = numpy_generator(seed, "corpus", "espeak")
    languages = sorted(load_config("train/sentences.yaml")["sentences"])
    variants = [f"{sex}{number}" for sex, count in (("m", 8), ("f", 5)) for number in range(1, count + 1)]
    while True:
        for language in (*languages, "en-us", "en-gb-x-rp"):
            text = str(rng.choice(texts)) if language.startswith("en") else _foreign_text(rng, language)
            rate, pitch = int(rng.integers(120, 260)), int(rng.integers(20, 80))
            yield espeak.speak(text, language, variant=str(rng.choice(variants)), words_per_minute=rate, pitch=pitch)


def write_corpus(folder: Path, name: str, utterances: Iterator[Utterance], minutes: float) -> None:
    """Write utterances until they last ``minutes``."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / INDEX
    length_s, count = 0.0, 0
    while length_s < 60.0 * minutes:
        utterance = next(utterances)
        samples = AudioClip(utterance.samples[None], utterance.sample_rate_hz).mono(SAMPLE_RATE_HZ)
        length_s += len(samples) / SAMPLE_RATE_HZ
        file_name = f"{name}-{count:05d}.wav"
        count += 1
        with wave.open(str(folder / file_name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes((np.clip(samples, -1.0, 1.0) * 32767).round().astype("<i2").tobytes())
        row = {
            "file": file_name,
            "voice": utterance.voice,
            "language": utterance.language,
            "phones": [asdict(phone) for phone in utterance.phones],
        }
        with index.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_corpus(folder: Path) -> list[CorpusItem]:
    """Every utterance of a corpus, in the order it was made."""
    rows = [json.loads(line) for line in (folder / INDEX).read_text(encoding="utf-8").splitlines()]
    return [
        CorpusItem(folder / row["file"], row["voice"], row["language"], tuple(Phone(**phone) for phone in row["phones"]))
        for row in rows
    ]
