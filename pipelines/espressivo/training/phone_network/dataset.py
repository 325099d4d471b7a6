"""What the network learns from, prepared once: packs of frames and a file that says what they are for.

A prepared folder holds all that training needs, so that training runs where torch, numpy and scipy are and nothing else:
``task.json`` (classes, model, settings, shares) and ``<name>.safetensors`` for each share.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.speech.features import HOP_S, SAMPLE_RATE_HZ, extract_features
from espressivo.speech.phone_classes import class_names, frame_classes, frame_voicing, phone_labels
from espressivo.speech.phone_layers import level_of
from espressivo.training.phone_network.corpus import CorpusItem, read_corpus
from espressivo.training.phone_network.packing import pack_bytes, pack_mel

__all__ = ["UNKNOWN_BYTE", "is_held_out", "prepare_background", "prepare_spoken", "write_task"]

UNKNOWN_BYTE = 255
FloatArray = NDArray[np.float32]


def is_held_out(item: CorpusItem, held_out: Sequence[str]) -> bool:
    """Whether a voice is kept for measuring."""
    return any(item.voice.startswith(voice) for voice in held_out)


def write_task(config: dict[str, Any], folder: Path) -> None:
    """Write ``task.json`` from ``configs/train/phone_network.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    task = {
        "classes": class_names(),
        "labels": phone_labels(),
        **{key: config[key] for key in ("model", "training", "shares", "step")},
    }
    (folder / "task.json").write_text(json.dumps(task, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _levelled(samples: FloatArray) -> FloatArray:
    """Log-mel frames of a sound at 16 kHz, its level taken off."""
    log_mel = extract_features(AudioClip(samples[None], SAMPLE_RATE_HZ)).log_mel
    return log_mel - level_of(log_mel)


def _write(path: Path, mels: Sequence[FloatArray], step: float, classes: NDArray[np.int64], voicing: FloatArray) -> None:
    """One pack; unknown classes are kept as 255, voicing as a bit."""
    frames = np.concatenate(mels)
    marks = np.where(classes < 0, UNKNOWN_BYTE, classes).astype(np.uint8)
    tensors: dict[str, NDArray[Any]] = {
        "mel": pack_mel(frames, step),
        "num_frames": np.array([len(frames)], np.int64),
        "classes": pack_bytes(marks),
        "voicing": pack_bytes((voicing > 0.5).astype(np.uint8)),
    }
    save_file(tensors, path)


def prepare_spoken(corpus: Path, held_out: Sequence[str], most_minutes: float, step: float, output: Path) -> None:
    """Pack the utterances of a corpus whose voices are not held out.

    Args:
        corpus: Folder of ``synthesise``.
        held_out: Voices that are kept for measuring.
        most_minutes: The first so many are taken.
        step: Coarseness, see :func:`pack_mel`.
        output: The pack.
    """
    mels, classes, voicing = [], [], []
    length_s = 0.0
    for item in read_corpus(corpus):
        if is_held_out(item, held_out) or length_s > 60.0 * most_minutes:
            continue
        mel = _levelled(item.samples())
        mels.append(mel)
        classes.append(frame_classes(item.phones, len(mel)))
        voicing.append(frame_voicing(item.phones, len(mel)))
        length_s += len(mel) * HOP_S
    _write(output, mels, step, np.concatenate(classes), np.concatenate(voicing))


def prepare_background(sounds: Sequence[Path], step: float, output: Path) -> None:
    """Pack sounds in which nobody speaks: mixed below speech, and heard alone as silence."""
    mels = [_levelled(load_audio(path).mono(SAMPLE_RATE_HZ)) for path in sounds]
    count = sum(len(mel) for mel in mels)
    _write(output, mels, step, np.zeros(count, np.int64), np.zeros(count, np.float32))
