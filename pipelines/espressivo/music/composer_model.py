"""The learned composer: the transformer writes melody and accompaniment, rules do the rest.

Form, chords, scale, length and instruments are given to it as constraints, emotion as buckets of attributes: the plan's place
between the quadrants of EMOPIA is turned into ranks (EmoGen's supervised clustering, made continuous), ranks into buckets.
"""

from __future__ import annotations

import json
from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan
from espressivo.music.assembly import SectionTask, assemble, with_final_chord
from espressivo.music.composer_rules import pad_and_percussion
from espressivo.music.conditions import CONDITION_NAMES, NUM_BUCKETS, Quantiles
from espressivo.music.curve import MusicMoment
from espressivo.music.decoding import BarRequest, Sampler, SamplingSettings
from espressivo.music.draft import SIXTEENTH, DraftNote
from espressivo.music.form import Bar
from espressivo.music.harmony import SectionHarmony
from espressivo.music.melody import chord_at, metrical_weight, scale_over
from espressivo.music.model import MusicTransformer, load_music_transformer
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.tokens import BarGrammar, GridBar, GridChord, token_quality
from espressivo.resources import checkpoint_folder, load_config
from espressivo.seeds import numpy_generator

__all__ = ["CHECKPOINT", "compose_model", "emotion_ranks"]

CHECKPOINT = "music_pop909"
ATTRIBUTES_CONFIG = "music/emotion_attributes.yaml"
LEARNT_CENTRE = 70
"""Middle of the melodies that the model knows; other registers are written there and moved by octaves."""
MIN_MELODY_RANGE = 14
ACCOMPANIMENT_RANGE = (36, 72)
RANK_GAIN = 1.8
"""Quadrants' mean ranks lie between .28 and .75; spread out, they reach the outer buckets."""
PITCHED_CONDITIONS = {"top_mean", "bottom_mean", "hands_distance"}
"""Left open: the plan's register decides, not the style of the clips."""
BASS_BELOW = 52
NOTES_AN_ONSET = 1.6
"""Mean of the corpus that the model was trained on."""


def compose_model(plan: EmotionPlan, *, seed: int, settings: MusicSettings, model: MusicTransformer | None = None) -> Score:
    """Compose with the transformer; same plan, seed, settings and weights, same score.

    Args:
        plan: As for :func:`espressivo.music.composer_rules.compose_rules`.
        seed: 0 or more.
        settings: Choices for the whole piece.
        model: Weights to use instead of the bundled checkpoint ``music_pop909``.

    Raises:
        CheckpointError: The checkpoint is missing, altered or malformed.
        SettingError: ``setting.duration`` or ``setting.palette``.
    """
    if model is None:
        model, quantiles = _bundled()
    else:
        quantiles = None
    sampler = Sampler(model, SamplingSettings(), numpy_generator(seed, "transformer"))
    return assemble(plan, seed=seed, settings=settings, writer=_ModelWriter(sampler, quantiles))


@cache
def _bundled() -> tuple[MusicTransformer, Quantiles]:
    folder = checkpoint_folder(CHECKPOINT)
    borders = json.loads((folder / "buckets.json").read_text(encoding="utf-8"))["borders"]
    return load_music_transformer(folder), Quantiles(np.array(borders))


def emotion_ranks(valence: float, arousal: float) -> dict[str, float]:
    """Rank 0-1 that each attribute should have, by bilinear interpolation between the quadrants' centres."""
    bright, awake = 0.5 + 0.5 * valence, 0.5 + 0.5 * arousal
    weights = np.array([bright * awake, (1 - bright) * awake, (1 - bright) * (1 - awake), bright * (1 - awake)])
    table = load_config(ATTRIBUTES_CONFIG)["attributes"]
    return {name: float(np.dot(weights, row["ranks"])) for name, row in table.items()}


class _ModelWriter:
    """Asks the transformer for every bar."""

    def __init__(self, sampler: Sampler, quantiles: Quantiles | None) -> None:
        self._sampler = sampler
        self._quantiles = quantiles

    def write(self, task: SectionTask) -> list[DraftNote]:
        """Melody, accompaniment and bass of the model; pad, percussion and final chord by rules."""
        moment = task.section.moment
        shift = _shift(task.harmony)
        octaves = round((LEARNT_CENTRE - shift - 0.5 * (moment.register_low + moment.register_high)) / 12)
        lowest = round(moment.register_low)
        rest = pad_and_percussion(task, lowest)
        notes: list[DraftNote] = []
        for bar in task.section.bars:
            request = self._request(bar, task, shift - 12 * octaves)
            notes += _placed(self._sampler.write(request), bar, task, shift, octaves)
        drafts = notes + rest
        return with_final_chord(drafts, task.section, task.harmony) if task.is_last else drafts

    def _request(self, bar: Bar, task: SectionTask, melody_shift: int) -> BarRequest:
        moment, key = bar.moment, task.harmony.key
        spans = [s for s in task.harmony.chords if bar.start_tick < s.start_tick < bar.end_tick]
        chords = [(0, chord_at(task.harmony.chords, bar.start_tick))]
        chords += [((span.start_tick - bar.start_tick) // SIXTEENTH, span.chord) for span in spans]
        low, high = round(moment.register_low) - melody_shift, round(moment.register_high) - melody_shift
        widen = max(0, MIN_MELODY_RANGE - (high - low)) // 2 + 1
        grammar = BarGrammar(
            num_positions=2 * bar.length_eighths,
            chords=tuple(GridChord(p, (c.root - key.tonic) % 12, token_quality(c.quality)) for p, c in chords),
            scales=tuple(frozenset((tone - key.tonic) % 12 for tone in scale_over(key, c)) for _, c in chords),
            melody_range=(low - widen, high + widen),
            accompaniment_range=ACCOMPANIMENT_RANGE,
        )
        wanted = NOTES_AN_ONSET * moment.density_nps * bar.duration_s
        return BarRequest(grammar, self._buckets(moment, is_major=key.has_major_third), wanted)

    def _buckets(self, moment: MusicMoment, *, is_major: bool) -> NDArray[np.int64]:
        ranks = emotion_ranks(moment.valence, moment.arousal)
        buckets = np.array([_bucket(ranks[name]) if name not in PITCHED_CONDITIONS else 0 for name in CONDITION_NAMES])
        if self._quantiles is not None:
            place = CONDITION_NAMES.index("onsets_per_s")
            buckets[place] = 1 + int((moment.density_nps > self._quantiles.borders[place]).sum())
        return np.append(buckets, 1 + int(is_major)).astype(np.int64)


def _bucket(rank: float) -> int:
    spread = float(np.clip(0.5 + RANK_GAIN * (rank - 0.5), 0.0, 0.999))
    return 1 + int(NUM_BUCKETS * spread)


def _shift(harmony: SectionHarmony) -> int:
    """Semitones from the model's C to the key's tonic, by the shorter way."""
    return harmony.key.tonic if harmony.key.tonic < 6 else harmony.key.tonic - 12


def _placed(written: GridBar, bar: Bar, task: SectionTask, shift: int, octaves: int) -> list[DraftNote]:
    """A bar of the model as notes of the palette's parts."""
    beat_places = 2 * task.section.beat_eighths
    notes = []
    for note in written.notes:
        role, pitch = _role_and_pitch(note.pitch + shift, octaves, task, is_accompaniment=note.is_accompaniment)
        start = bar.start_tick + note.position * SIXTEENTH
        length = min(note.duration * SIXTEENTH, task.section.end_tick - start)
        weight = 0.8 * metrical_weight(note.position, 2 * bar.length_eighths, beat_places)
        notes.append(DraftNote(start, length, pitch, role, weight))
    return notes


def _role_and_pitch(pitch: int, octaves: int, task: SectionTask, *, is_accompaniment: bool) -> tuple[str, int]:
    if not is_accompaniment:
        return "melody", min(max(pitch - 12 * octaves, 24), 105)
    if pitch < BASS_BELOW and "bass" in task.palette.parts:
        return "bass", pitch
    return "accompaniment", pitch
