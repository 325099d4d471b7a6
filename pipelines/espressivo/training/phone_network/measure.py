"""The phone network beside PocketSphinx's phone loop, on voices that none of its training heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.media.clip import AudioClip
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator
from espressivo.speech.alignment import transcribe_freely, utterances
from espressivo.speech.ear import Ear
from espressivo.speech.features import HOP_S, SAMPLE_RATE_HZ, SpeechFeatures, extract_features
from espressivo.speech.phone_classes import UNKNOWN, class_names, frame_classes
from espressivo.speech.phone_network import PhoneNetwork
from espressivo.speech.phones import SILENCE, Phone
from espressivo.speech.recogniser import Recogniser
from espressivo.training.phone_network.augment import augment
from espressivo.training.phone_network.corpus import CorpusItem

__all__ = ["compare", "score"]

TOLERANCE_S = 0.04
FloatArray = NDArray[np.float32]
Finder = Callable[[FloatArray, SpeechFeatures], Sequence[Phone]]


@cache
def _kinds() -> NDArray[np.int64]:
    """``(P,)`` number of the kind (closed, rounded, open, ...) of each class."""
    rows = load_config("motion/visemes.yaml")["visemes"]
    kinds = sorted({row["class"] for row in rows.values()})
    return np.array([kinds.index(row["class"]) for row in rows.values()])


def _closed(classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    names = class_names()
    return np.isin(classes, [names.index("PP"), names.index("MM")])


def score(truth: Sequence[Phone], found: Sequence[Phone], num_frames: int) -> dict[str, list[float]]:
    """Measures of one recording, to be averaged over many.

    Returns:
        ``viseme`` and ``kind``: whether each frame has the right class, the right kind; ``speech_viseme`` the same outside
        silence; ``boundary_s``: from each onset to the nearest found one; ``closure_recall`` and ``closure_precision``: whether
        each p, b or m has a found one within 40 ms, and the reverse.
    """
    right, heard = frame_classes(truth, num_frames), frame_classes(found, num_frames)
    known = right != UNKNOWN
    right, heard = right[known], np.maximum(heard[known], 0)
    spoken = right != 0
    onsets = np.array([p.start_s for p in found if p.label != SILENCE] or [np.inf])
    distances = [float(min(0.5, np.abs(onsets - p.start_s).min())) for p in truth if p.label != SILENCE]
    reach = np.ones(2 * round(TOLERANCE_S / HOP_S) + 1)
    near_right = np.convolve(_closed(right), reach, "same") > 0
    near_heard = np.convolve(_closed(heard), reach, "same") > 0
    return {
        "viseme": (right == heard).astype(float).tolist(),
        "speech_viseme": (right == heard)[spoken].astype(float).tolist(),
        "kind": (_kinds()[right] == _kinds()[heard]).astype(float).tolist(),
        "boundary_s": distances,
        "closure_recall": [float(near_heard[run].any()) for run in _runs(_closed(right))],
        "closure_precision": [float(near_right[run].any()) for run in _runs(_closed(heard))],
    }


def _runs(mask: NDArray[np.bool_]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [slice(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _phone_loop(samples: FloatArray, features: SpeechFeatures, recogniser: Recogniser) -> list[Phone]:
    phones = []
    for utterance in utterances(features):
        sound, start_s = utterance.sound(samples)
        phones += [Phone(unit.label, start_s + unit.start_s, start_s + unit.end_s) for unit in recogniser.phones(sound)]
    return phones


def compare(items: Sequence[CorpusItem], network: PhoneNetwork, *, worse: bool, seed: int) -> dict[str, dict[str, float]]:
    """Mean measures of the network, of what the product makes of it, and of PocketSphinx's phone loop, in one run.

    Args:
        items: Recordings with exact phone times.
        network: What is measured.
        worse: Whether rooms, noise and telephones are put between.
        seed: Of these.
    """
    recogniser = Recogniser()

    finders: dict[str, Finder] = {
        "network": lambda _, features: Ear(features, network).heard.phones,
        "product": lambda samples, features: transcribe_freely(samples, features, recogniser, Ear(features, network)).phones,
        "phone_loop": lambda samples, features: _phone_loop(samples, features, recogniser),
    }
    collected: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in finders}
    for item in items:
        samples, stretch = item.samples(), 1.0
        if worse:
            samples, stretch = augment(samples, samples[::-1], numpy_generator(seed, "measure", item.path.name))
        truth = [Phone(p.label, p.start_s * stretch, p.end_s * stretch) for p in item.phones]
        features = extract_features(AudioClip(samples[None], SAMPLE_RATE_HZ))
        for name, find in finders.items():
            for measure, values in score(truth, find(samples, features), len(features)).items():
                collected[name][measure] += values
    return {
        name: {m: float(np.median(v) if m == "boundary_s" else np.mean(v)) for m, v in measures.items() if v}
        for name, measures in collected.items()
    }
