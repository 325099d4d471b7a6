"""Which mouth shape is heard, every 10 ms: a small convolutional network over log-mel frames, and a decoder with durations.

Classes are the viseme targets of ``configs/motion/visemes.yaml``, so that the network is not tied to one language's phones.
Beside the classes it tells whether the vocal folds vibrate, which separates P from B. It sees at most
:attr:`PhoneNetwork.look_ahead_frames` frames of the future and can therefore follow a stream.

Legend: B batch, T frames of 10 ms, M mel bands (80), C channels, P classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from espressivo.pretrained import load_network
from espressivo.resources import checkpoint_folder
from espressivo.speech.features import HOP_S, NUM_MELS, SpeechFeatures
from espressivo.speech.phones import SILENCE, Phone

__all__ = ["PhoneNetwork", "PhoneRecognition", "decode_phones", "load_phone_network", "recognise_phones"]

BLOCK_FRAMES = 6_000
# Natural-log mel power of speech recorded at ordinary level; only centres the input, the network learns the rest.
LOG_MEL_MEAN, LOG_MEL_SCALE = -7.0, 4.0
FRONT_KERNEL, FRONT_RIGHT = 5, 2

FloatArray = NDArray[np.float32]


class _Block(nn.Module):
    """Gated pointwise expansion, depthwise convolution over time, projection; residual."""

    def __init__(self, channels: int, kernel: int, dilation: int, right: int) -> None:
        super().__init__()
        self.padding = ((kernel - 1 - right) * dilation, right * dilation)
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 2 * channels)
        self.over_time = nn.Conv1d(channels, channels, kernel, dilation=dilation, groups=channels)
        self.project = nn.Linear(channels, channels)

    def forward(self, hidden: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        gated = functional.glu(self.expand(self.norm(hidden)), dim=-1)
        moved = self.over_time(functional.pad(gated.transpose(1, 2), self.padding)).transpose(1, 2)
        projected: Tensor = self.project(functional.silu(moved))
        return hidden + projected


class PhoneNetwork(ModelMixin, ConfigMixin):  # type: ignore[misc, unused-ignore]
    """Log-mel frames to viseme posteriors and voicing.

    Args:
        classes: Names of the P classes; the first is silence.
        labels: For each class the phone labels ``(voiceless, voiced)`` that the decoder writes.
        channels: Width of the network.
        kernel: Taps of each convolution.
        dilations: Spacing of the taps, one for each block.
        rights: Taps that look into the future, one for each block.
    """

    @register_to_config
    def __init__(
        self,
        classes: Sequence[str],
        labels: Sequence[Sequence[str]],
        channels: int = 192,
        kernel: int = 7,
        dilations: Sequence[int] = (1, 1, 2, 2, 4, 4, 8, 8, 1, 1),
        rights: Sequence[int] = (3, 3, 2, 2, 1, 1, 0, 0, 1, 1),
    ) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.labels = tuple((voiceless, voiced) for voiceless, voiced in labels)
        self.look_ahead_frames = FRONT_RIGHT + sum(r * d for r, d in zip(rights, dilations, strict=True))
        self.look_back_frames = (FRONT_KERNEL - 1 - FRONT_RIGHT) + sum(
            (kernel - 1 - r) * d for r, d in zip(rights, dilations, strict=True)
        )
        self.front = nn.Conv1d(NUM_MELS, channels, FRONT_KERNEL)
        self.blocks = nn.ModuleList(_Block(channels, kernel, d, r) for d, r in zip(dilations, rights, strict=True))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, len(classes) + 1)
        # Statistics of the training corpus for the decoder: class shares, which class follows which, mean durations in frames.
        self.register_buffer("log_prior", torch.zeros(len(classes)))
        self.register_buffer("log_bigram", torch.zeros(len(classes), len(classes)))
        self.register_buffer("mean_frames", torch.full((len(classes),), 8.0))

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits ``(B, T, P)`` and voicing logits ``(B, T)`` of log-mel frames ``(B, T, M)``."""
        centred = ((log_mel - LOG_MEL_MEAN) / LOG_MEL_SCALE).transpose(1, 2)  # (B, M, T)
        padded = functional.pad(centred, (FRONT_KERNEL - 1 - FRONT_RIGHT, FRONT_RIGHT), mode="replicate")
        hidden = self.front(padded).transpose(1, 2)  # (B, T, C)
        for block in self.blocks:
            hidden = block(hidden)
        logits = self.head(self.norm(hidden))
        return logits[..., :-1], logits[..., -1]


@dataclass(frozen=True, slots=True)
class PhoneRecognition:
    """What the network heard.

    Attributes:
        posteriors: ``(T, P)`` float32, each row sums to 1.
        voicing: ``(T,)`` float32, probability that the frame is voiced.
        phones: In order of time, without silences.
    """

    posteriors: FloatArray
    voicing: FloatArray
    phones: tuple[Phone, ...]


@cache
def load_phone_network() -> PhoneNetwork:
    """The bundled checkpoint.

    Raises:
        CheckpointError: Files are missing or do not match their digests.
    """
    return load_network(PhoneNetwork, checkpoint_folder("phone_network"))


@torch.inference_mode()
def _posteriors(network: PhoneNetwork, log_mel: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Class and voicing probabilities, computed in blocks with enough context that the seams do not show."""
    classes, voicing = [], []
    for first in range(0, len(log_mel), BLOCK_FRAMES):
        last = min(len(log_mel), first + BLOCK_FRAMES)
        start, end = max(0, first - network.look_back_frames), min(len(log_mel), last + network.look_ahead_frames)
        logits, voiced = network(torch.from_numpy(np.ascontiguousarray(log_mel[start:end]))[None])
        classes.append(torch.softmax(logits[0, first - start : last - start], dim=-1).numpy())
        voicing.append(torch.sigmoid(voiced[0, first - start : last - start]).numpy())
    return np.concatenate(classes), np.concatenate(voicing)


def recognise_phones(features: SpeechFeatures, network: PhoneNetwork | None = None) -> PhoneRecognition:
    """Phones of a recording by the acoustic network.

    Args:
        features: Of the recording; only ``log_mel`` is used.
        network: Default: the bundled checkpoint.
    """
    network = network or load_phone_network()
    posteriors, voicing = _posteriors(network, features.log_mel)
    return PhoneRecognition(posteriors, voicing, decode_phones(network, posteriors, voicing))


def decode_phones(
    network: PhoneNetwork,
    posteriors: FloatArray,
    voicing: FloatArray,
    *,
    prior_weight: float = 0.3,
    bigram_weight: float = 0.5,
    least_frames: int = 3,
) -> tuple[Phone, ...]:
    """The likeliest sequence of phones: Viterbi over classes that last at least ``least_frames`` and then die out geometrically.

    Each class is a chain of ``least_frames`` states whose last one repeats with the class's mean duration.

    Args:
        network: Gives classes, labels and the statistics of its training corpus.
        posteriors: ``(T, P)``.
        voicing: ``(T,)``.
        prior_weight: Share of the class frequencies that is divided out of the posteriors.
        bigram_weight: Weight of which class follows which.
        least_frames: Shortest phone.
    """
    score = np.log(np.maximum(posteriors, 1e-6)) - prior_weight * network.log_prior.numpy()
    stay = np.log1p(-1.0 / np.maximum(2.0, network.mean_frames.numpy() - least_frames + 1.0))
    leave = np.log(1.0 / np.maximum(2.0, network.mean_frames.numpy() - least_frames + 1.0))
    follow = bigram_weight * network.log_bigram.numpy() + leave[:, None]  # (from, to)
    path = _best_path(score, stay, follow, least_frames)
    phones: list[Phone] = []
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    for first, last in zip(starts, [*starts[1:], len(path)], strict=True):
        voiceless, voiced = network.labels[path[first]]
        label = voiced if voicing[first:last].mean() > 0.5 else voiceless
        if label != SILENCE:
            phones.append(Phone(label, float(first * HOP_S), float(last * HOP_S)))
    return tuple(phones)


def _best_path(score: FloatArray, stay: FloatArray, follow: FloatArray, depth: int) -> NDArray[np.int64]:
    """``(T,)`` class of each frame. State ``(j, p)`` is the ``j``-th frame of class ``p``; only the last one repeats."""
    num_frames, num_classes = score.shape
    best = np.full((depth, num_classes), -np.inf, np.float32)
    best[0] = score[0]
    entered_from = np.zeros((num_frames, num_classes), np.int16)
    repeated = np.zeros((num_frames, num_classes), np.bool_)
    for frame in range(1, num_frames):
        arriving = best[-1][:, None] + follow  # (from, to)
        source = arriving.argmax(axis=0)
        entered_from[frame] = source
        staying = best[-1] + stay
        repeated[frame] = staying >= best[-2]
        moved = np.empty_like(best)
        moved[0] = arriving[source, np.arange(num_classes)]
        moved[1:-1] = best[:-2]
        moved[-1] = np.maximum(staying, best[-2])
        best = moved + score[frame]
    path = np.empty(num_frames, np.int64)
    position, current = divmod(int(best.argmax()), num_classes)
    for frame in range(num_frames - 1, -1, -1):
        path[frame] = current
        if position == 0:
            position, current = depth - 1, int(entered_from[frame, current])
        elif position < depth - 1 or not repeated[frame, current]:
            position -= 1
    return path
