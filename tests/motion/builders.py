"""Small plans and made-up speech for the tests of motion."""

import numpy as np

from espressivo.emotion.plan import VAD, ActionTarget, EmotionPlan, EmotionSegment, HeadGazeTarget, MusicAttributes, PlanStep
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.features import HOP_S, NUM_MELS, SpeechFeatures, follow
from espressivo.speech.phones import Phone, is_vowel
from espressivo.speech.prosody import Accent, find_pauses, find_phrases

MUSIC = MusicAttributes(
    tempo_bpm=90, mode="major", density_nps=3, register_low=60, register_high=80, velocity=70,
    articulation=0.8, dissonance=0.1, irregularity=0.1,
)  # fmt: skip


def action(unit, level=0.6, start_s=0.3, onset_s=0.4, apex_s=3.0, offset_s=0.8, side="both"):
    return ActionTarget(
        action_unit=unit, side=side, level=level, start_s=start_s, onset_s=onset_s, apex_s=apex_s, offset_s=offset_s, step="m"
    )


def plan(duration_s=6.0, actions=(), head_gaze=None, valence=0.0, arousal=0.0):
    segment = EmotionSegment(
        start_s=0.0, end_s=duration_s, distribution={"joy": 1.0}, vad=VAD(valence=valence, arousal=arousal, dominance=0.0),
        intensity=0.7, actions=tuple(actions), head_gaze=head_gaze or HeadGazeTarget(), music=MUSIC,
    )  # fmt: skip
    return EmotionPlan(steps=(PlanStep(id="m", kind="muscles", observation="o", inference="i"),), segments=(segment,))


def speech(phones: list[Phone], duration_s: float) -> SpeechAnalysis:
    """Speech whose energy is high in vowels and low in stops."""
    frames = int(np.ceil(duration_s / HOP_S))
    energy, voiced, speaking = np.full(frames, -70.0, np.float32), np.zeros(frames, bool), np.zeros(frames, bool)
    for phone in phones:
        inside = slice(int(phone.start_s / HOP_S), int(phone.end_s / HOP_S))
        energy[inside] = -18.0 if is_vowel(phone.label) else -38.0 if phone.label in "PBTDKG" else -26.0
        voiced[inside] = is_vowel(phone.label)
        speaking[inside] = True
    features = SpeechFeatures(
        HOP_S, np.zeros((frames, NUM_MELS), np.float32), energy, np.where(voiced, 150, 0).astype(np.float32), voiced, speaking,
        follow(speaking.astype(np.float32), HOP_S, 0.12, 0.25),
    )  # fmt: skip
    pauses = find_pauses(features)
    accents = tuple(Accent(p.centre_s, p.start_s, 0.7) for p in phones if p.stress == 1)
    return SpeechAnalysis(features, tuple(phones), (), pauses, find_phrases(pauses, duration_s), accents, duration_s, "alignment")


def spoken(labels: str, start_s: float = 0.4, vowel_s: float = 0.11, consonant_s: float = 0.07) -> list[Phone]:
    """Phones one after the other; a trailing 1 marks stress, ``_`` a pause of 0.4 s."""
    phones, clock = [], start_s
    for symbol in labels.split():
        if symbol == "_":
            clock += 0.4
            continue
        label = symbol.rstrip("1") if symbol != "AH0" else symbol
        length = vowel_s if is_vowel(label) else consonant_s
        phones.append(Phone(label, clock, clock + length, 1 if symbol.endswith("1") else 0))
        clock += length
    return phones
