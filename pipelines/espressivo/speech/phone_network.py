"""Which mouth shape is heard, every 10 ms: a small convolutional network over log-mel frames, and a decoder with durations.

Classes are the viseme targets of ``configs/motion/visemes.yaml``, so that the network is not tied to one language's phones.
Beside the classes it tells whether the vocal folds vibrate, which separates P from B, and how far jaw and lips of a captured
speaker would open, spread and round at this sound: loudness and colour of a voice move the mouth beyond what its phones say.
It sees at most :attr:`PhoneLayers.look_ahead_frames` frames of the future and can therefore follow a stream.

Legend: T frames of 10 ms, M mel bands (80), P classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from espressivo.diffusers_core import ConfigMixin, ModelMixin, register_to_config
from espressivo.pretrained import load_network
from espressivo.resources import checkpoint_folder
from espressivo.speech.features import HOP_S, SpeechFeatures
from espressivo.speech.phone_classes import frame_classes
from espressivo.speech.phone_layers import Heard, PhoneLayers, level_of
from espressivo.speech.phones import SILENCE, Phone

__all__ = ["PhoneNetwork", "PhoneRecognition", "decode_phones", "load_phone_network", "recognise_phones"]

BLOCK_FRAMES = 6_000

FloatArray = NDArray[np.float32]


class PhoneNetwork(ModelMixin, ConfigMixin):  # type: ignore[misc, unused-ignore]
    """The layers with the names of their classes.

    Args:
        classes: Names of the P classes; the first is silence.
        labels: For each class the phone labels ``(voiceless, voiced)`` that the decoder writes.
        channels: Width of the network.
        kernel: Taps of each convolution.
        dilations: Spacing of the taps, one for each block.
        rights: Taps that look into the future, one for each block.
        dropout: Of training.
    """

    @register_to_config
    def __init__(
        self,
        classes: Sequence[str],
        labels: Sequence[Sequence[str]],
        channels: int = 256,
        kernel: int = 7,
        dilations: Sequence[int] = (1, 1, 2, 2, 4, 4, 8, 8, 1, 1),
        rights: Sequence[int] = (3, 3, 2, 2, 1, 1, 0, 0, 1, 1),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.labels = tuple((voiceless, voiced) for voiceless, voiced in labels)
        self.layers = PhoneLayers(len(self.classes), channels, kernel, dilations, rights, dropout)

    def forward(self, levelled: Tensor) -> Heard:
        """See :meth:`espressivo.speech.phone_layers.PhoneLayers.forward`."""
        heard: Heard = self.layers(levelled)
        return heard


@dataclass(frozen=True, slots=True)
class PhoneRecognition:
    """What the network heard.

    Attributes:
        posteriors: ``(T, P)`` float32, each row sums to 1.
        voicing: ``(T,)`` float32, probability that the frame is voiced.
        lips: ``(T, 3)`` float32, :data:`espressivo.speech.phones.LIP_CURVES` in units of ARKit weights, 0-1.
        phones: In order of time, without silences.
    """

    posteriors: FloatArray
    voicing: FloatArray
    lips: FloatArray
    phones: tuple[Phone, ...]

    def support(self, phones: Sequence[Phone]) -> float:
        """How far it hears the phones that somebody else found: their posterior as a share of the best class's, 0-1."""
        classes = frame_classes(phones, len(self.posteriors))
        spoken = classes > 0
        best = float(self.posteriors[spoken].max(axis=1).sum())
        return float(self.posteriors[spoken, classes[spoken]].sum()) / best if best else 0.0


@cache
def load_phone_network() -> PhoneNetwork:
    """The bundled checkpoint.

    Raises:
        CheckpointError: Files are missing or do not match their digests.
    """
    return load_network(PhoneNetwork, checkpoint_folder("phone_network"))


@torch.inference_mode()
def _heard(network: PhoneNetwork, levelled: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Class and voicing probabilities and lip curves, computed in blocks with enough context that the seams do not show."""
    layers = network.layers
    classes, voicing, lips = [], [], []
    for first in range(0, len(levelled), BLOCK_FRAMES):
        last = min(len(levelled), first + BLOCK_FRAMES)
        start, end = max(0, first - layers.look_back_frames), min(len(levelled), last + layers.look_ahead_frames)
        heard = network(torch.from_numpy(np.ascontiguousarray(levelled[start:end]))[None])
        inner = slice(first - start, last - start)
        classes.append(torch.softmax(heard.classes[0, inner], dim=-1).numpy())
        voicing.append(torch.sigmoid(heard.voicing[0, inner]).numpy())
        lips.append(heard.lips[0, inner].clamp(0.0, 1.0).numpy())
    return np.concatenate(classes), np.concatenate(voicing), np.concatenate(lips)


def recognise_phones(features: SpeechFeatures, network: PhoneNetwork | None = None) -> PhoneRecognition:
    """Phones and lip curves of a recording by the acoustic network.

    Args:
        features: Of the recording; ``log_mel``, and ``speaking`` for its level.
        network: Default: the bundled checkpoint.
    """
    network = network or load_phone_network()
    spoken = features.log_mel[features.speaking] if features.speaking.any() else features.log_mel
    posteriors, voicing, lips = _heard(network, features.log_mel - level_of(spoken))
    return PhoneRecognition(posteriors, voicing, lips, decode_phones(network, posteriors, voicing))


def decode_phones(
    network: PhoneNetwork,
    posteriors: FloatArray,
    voicing: FloatArray,
    *,
    prior_weight: float = 0.3,
    bigram_weight: float = 0.25,
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
    layers = network.layers
    log_prior: FloatArray = layers.log_prior.numpy()
    log_bigram: FloatArray = layers.log_bigram.numpy()
    longer: FloatArray = np.maximum(2.0, layers.mean_frames.numpy() - least_frames + 1.0)
    score = np.log(np.maximum(posteriors, 1e-6)) - np.float32(prior_weight) * log_prior
    leave, stay = -np.log(longer), np.log1p(-1.0 / longer)
    follow = np.float32(bigram_weight) * log_bigram + leave[:, None]  # (from, to)
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
