"""Damaged files by the thousand for every reader: only the package's own errors may come out."""

from __future__ import annotations

import io
import json
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.batch.manifest import read_manifest
from espressivo.emotion.intake import receive, think
from espressivo.emotion.plan import load_plan, save_plan
from espressivo.errors import EspressivoError
from espressivo.face.track import FacialActionTrack
from espressivo.media.audio import load_audio, save_wav
from espressivo.media.clip import AudioClip
from espressivo.media.image import load_image
from espressivo.media.midi import load_midi, save_midi
from espressivo.media.video import encode_video
from espressivo.media.video_reader import read_frames
from espressivo.provenance import verify_file
from espressivo.seeds import numpy_generator

__all__ = ["READERS", "FuzzResult", "damaged", "fuzz_readers", "whole_files"]

# Who reads which kind of file.
READERS: Final[dict[str, Callable[[Path], object]]] = {
    "png": load_image, "jpg": load_image, "webp": load_image, "wav": load_audio, "flac": load_audio, "mid": load_midi,
    "mp4": lambda path: sum(1 for _ in read_frames(path, max_frames=50)), "json": load_plan,
    "safetensors": FacialActionTrack.load, "csv": lambda path: FacialActionTrack.load_csv(path, Fraction(25)),
    "jsonl": read_manifest,
}  # fmt: skip

KIBIBYTE: Final = 1024
# Values at which lengths and counts go wrong.
EDGES: Final = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(slots=True)
class FuzzResult:
    """What came of it.

    Attributes:
        per_kind: Inputs tried, by kind.
        untyped: Foreign exceptions that came out, as ``kind: type``.
        slowest_s: Longest time of one input.
        growth_bytes: How much the peak memory of the process grew.
    """

    per_kind: Counter[str] = field(default_factory=Counter)
    untyped: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    growth_bytes: int = 0

    @property
    def num_inputs(self) -> int:
        """All inputs tried."""
        return self.per_kind.total()

    @property
    def num_untyped(self) -> int:
        """Foreign exceptions that came out."""
        return len(self.untyped)


def fuzz_readers(folder: Path, *, seconds: float, seed: int = 0) -> FuzzResult:
    """Feed damaged files to the readers for some time.

    Args:
        folder: For the files.
        seconds: How long.
        seed: Of the damage.
    """
    random = numpy_generator(seed, "evaluation", "fuzzing")
    whole = whole_files(folder)
    result = FuzzResult()
    before = _peak_bytes()
    end = time.perf_counter() + seconds
    kinds = list(READERS)
    while time.perf_counter() < end:
        kind = kinds[int(random.integers(len(kinds)))]
        path = folder / f"damaged.{kind}"
        path.write_bytes(damaged(whole[kind], random))
        reader = verify_file if kind != "jsonl" and random.random() < 0.1 else READERS[kind]
        started = time.perf_counter()
        try:
            reader(path)
        except EspressivoError:
            pass
        except Exception as error:  # noqa: BLE001 - what this is looking for
            result.untyped.append(f"{kind}: {type(error).__name__}")
        result.slowest_s = max(result.slowest_s, time.perf_counter() - started)
        result.per_kind[kind] += 1
    result.growth_bytes = _peak_bytes() - before
    return result


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """A copy with some bytes changed, inserted, removed or cut off."""
    content = bytearray(data)
    for _ in range(int(random.choice([1, 1, 2, 4, 16]))):
        if not content:
            break
        at = int(random.integers(len(content)))
        match int(random.integers(5)):
            case 0:
                content[at] = int(random.integers(256))
            case 1:
                width = int(random.choice([1, 2, 4]))
                value = EDGES[int(random.integers(len(EDGES)))] & (1 << 8 * width) - 1
                content[at : at + width] = value.to_bytes(width, "big" if random.random() < 0.5 else "little")
            case 2:
                source = int(random.integers(len(content)))
                content[at:at] = content[source : source + int(random.integers(1, 40))]
            case 3:
                del content[at : at + int(random.integers(1, 20))]
            case _:
                content[at : at + 8] = random.bytes(8)
    if random.random() < 0.2:
        del content[int(random.integers(len(content) + 1)) :]
    return bytes(content)


def whole_files(folder: Path) -> dict[str, bytes]:
    """A small good file of every kind."""
    noise = numpy_generator(0, "evaluation", "seed files").integers(0, 256, (24, 24, 3), dtype=np.uint8)
    found = {kind: _encoded(noise, name) for kind, name in (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"))}
    clip = AudioClip(np.sin(np.arange(4800, dtype=np.float32) * 0.1)[None], 48_000)
    save_wav(clip, folder / "seed.wav", {"comment": "seed"})
    _save_flac(clip, folder / "seed.flac")
    encode_video(folder / "seed.mp4", [noise] * 4, fps=Fraction(25), metadata={"comment": "seed"})
    FacialActionTrack.still(4, Fraction(25)).save(folder / "seed.safetensors")
    FacialActionTrack.still(4, Fraction(25)).save_csv(folder / "seed.csv")
    save_plan(think(receive("joy", None, duration_s=2.0)), folder / "seed.json")
    _save_music(folder / "seed.mid")
    rows = [{"kind": "plan", "emotion": "joy"}, {"kind": "compose", "vad": [0.1, 0.2, 0.3], "matrix": {"seed": [1, 2]}}]
    (folder / "seed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for kind in ("wav", "flac", "mp4", "safetensors", "csv", "json", "mid", "jsonl"):
        found[kind] = (folder / f"seed.{kind}").read_bytes()
    return found


def _encoded(picture: NDArray[np.uint8], kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, progressive=True, lossless=True)
    return buffer.getvalue()


def _save_flac(clip: AudioClip, path: Path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=clip.sample_rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray((clip.samples * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = clip.sample_rate_hz, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _save_music(path: Path) -> None:
    import pretty_midi

    music = pretty_midi.PrettyMIDI(initial_tempo=90.0)
    piano = pretty_midi.Instrument(0)
    piano.notes = [pretty_midi.Note(80, 60 + step, step * 0.5, step * 0.5 + 0.4) for step in range(6)]
    music.instruments.append(piano)
    save_midi(music, path, {"comment": "seed"})
