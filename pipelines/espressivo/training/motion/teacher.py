"""Clips of the procedural backend on speech with exact phone times: what the denoiser learns from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan
from espressivo.face.track import num_frames
from espressivo.media.clip import AudioClip
from espressivo.motion.procedural import ProceduralMotion
from espressivo.motion.state import MODEL_FPS, Conditions, emotion_faces, sound_condition, state_of
from espressivo.seeds import numpy_generator
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.features import SAMPLE_RATE_HZ, extract_features
from espressivo.speech.phones import SILENCE, Phone
from espressivo.speech.prosody import find_accents, find_pauses, find_phrases, vowel_prominence
from espressivo.training.motion.dataset import Clip, write_clips
from espressivo.training.motion.plans import sample_plan
from espressivo.training.phone_network.corpus import CorpusItem

__all__ = ["analysis_of", "prepare_clips"]

SHORTEST_CLIP_S, LONGEST_CLIP_S = 5.0, 12.0
SILENT_SHARE, BORROWED_SHARE, SOUND_SHARE = 0.1, 0.25, 0.6
FloatArray = NDArray[np.float32]


def analysis_of(samples: FloatArray, phones: Sequence[Phone]) -> SpeechAnalysis:
    """The analysis of speech whose phones are known.

    Args:
        samples: ``(N,)`` at 16 kHz.
        phones: In order of time; silences are left out.
    """
    features = extract_features(AudioClip(samples[None], SAMPLE_RATE_HZ))
    spoken = tuple(phone for phone in phones if phone.label != SILENCE)
    pauses = find_pauses(features)
    duration_s = len(samples) / SAMPLE_RATE_HZ
    accents = find_accents(vowel_prominence(features, spoken))
    return SpeechAnalysis(features, spoken, (), pauses, find_phrases(pauses, duration_s), accents, duration_s, "alignment")


def _passage(items: Sequence[CorpusItem], rng: np.random.Generator) -> tuple[FloatArray, list[Phone]]:
    """Utterances one after the other, with pauses, until they last long enough."""
    pieces: list[FloatArray] = []
    phones: list[Phone] = []
    clock_s = 0.0
    while clock_s < SHORTEST_CLIP_S:
        item = items[int(rng.integers(len(items)))]
        silence = np.zeros(int(rng.uniform(0.05, 0.9) * SAMPLE_RATE_HZ), np.float32)
        start_s = clock_s + len(silence) / SAMPLE_RATE_HZ
        sound = item.samples()[: int((LONGEST_CLIP_S - start_s) * SAMPLE_RATE_HZ)]
        clock_s = start_s + len(sound) / SAMPLE_RATE_HZ
        pieces += [silence, sound]
        for phone in item.phones:
            end_s = min(phone.end_s + start_s, clock_s)
            if end_s > phone.start_s + start_s:
                phones.append(Phone(phone.label, phone.start_s + start_s, end_s, phone.stress))
    return np.concatenate(pieces), phones


def _borrow_actions(plan: EmotionPlan, other: EmotionPlan) -> EmotionPlan:
    """The first plan's emotion with the other's muscles, so that muscles can be asked for against the emotion."""
    actions = tuple(action for segment in other.segments for action in segment.actions)
    known = {step.id for step in plan.steps}
    steps = (*plan.steps, *(step for step in other.steps if step.id not in known))
    first, *rest = plan.segments
    bare = [segment.model_copy(update={"actions": ()}) for segment in rest]
    return plan.model_copy(update={"steps": steps, "segments": (first.model_copy(update={"actions": actions}), *bare)})


def _clip(items: Sequence[CorpusItem], index: int, seed: int) -> Clip:
    rng = numpy_generator(seed, "teacher", str(index))
    speech: SpeechAnalysis | None = None
    duration_s = float(rng.uniform(SHORTEST_CLIP_S, LONGEST_CLIP_S))
    if rng.random() >= SILENT_SHARE:
        speech = analysis_of(*_passage(items, rng))
        duration_s = speech.duration_s
    pauses = [(pause.start_s, pause.end_s) for pause in speech.pauses] if speech else []
    plan = sample_plan(duration_s, pauses, rng)
    matched = rng.random() >= BORROWED_SHARE
    if not matched:
        plan = _borrow_actions(plan, sample_plan(duration_s, pauses, rng))
    clip_seed = int(rng.integers(2**31))
    track = ProceduralMotion().generate(plan, speech, duration_s=duration_s, fps=MODEL_FPS, seed=clip_seed)
    conditions = Conditions.of(plan, speech, num_frames=num_frames(duration_s, MODEL_FPS), seed=clip_seed)
    shares = conditions.emotion[:, : len(emotion_faces())].mean(axis=0)
    label = int(shares.argmax()) if shares.max() > 0.0 else emotion_faces().index("neutral")
    if speech is not None and rng.random() < SOUND_SHARE:
        # The sound is there, but it does not move this mouth: the flag in the last column stays 0.
        times_s = (np.arange(len(track), dtype=np.float64) + 0.5) / float(MODEL_FPS)
        conditions.sound[:, :-1] = sound_condition(speech, times_s)
    state = state_of(track)
    return Clip(state, conditions, np.ones(state.shape[1], np.bool_), np.ones(3, np.bool_), label, matched)


def prepare_clips(items: Sequence[CorpusItem], count: int, seed: int, output: Path) -> None:
    """Write ``count`` clips.

    Args:
        items: Speech to choose from.
        count: How many clips of 5 to 12 s.
        seed: Decides everything.
        output: A safetensors file, read by :class:`espressivo.training.motion.dataset.ClipSet`.
    """

    def made() -> Iterator[Clip]:
        for index in range(count):
            yield _clip(items, index, seed)
            if index % 50 == 49:
                print(json.dumps({"clips": index + 1, "of": count}), flush=True)  # noqa: T201 - progress of a command

    write_clips(made(), output)
