"""The learned composer: the transformer writes melody and accompaniment; form, harmony, themes' return and performance are rules.

Form, chords, scale, length and instruments are given to it as constraints, emotion as buckets of attributes: the plan's place
between the quadrants of EMOPIA and what the plan asks for beyond it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.musical import linear_attributes
from espressivo.emotion.plan import EmotionPlan
from espressivo.music.assembly import Harmoniser, SectionTask, Sketch, sketch, with_final_chord
from espressivo.music.composer_rules import pad_and_percussion
from espressivo.music.conditions import (
    BARS_TO_END,
    BARS_TO_JOIN,
    CONDITION_NAMES,
    MODE_CONDITION,
    STEADY,
    TIMED,
    Quantiles,
    condition_values,
    countdown,
)
from espressivo.music.curve import MusicMoment
from espressivo.music.decoding import BarRequest, BarStream, Prompt, SamplingSettings, write_streams
from espressivo.music.draft import DraftNote
from espressivo.music.emotion_attributes import attribute_value, emotion_ranks
from espressivo.music.form import Bar, Phrase
from espressivo.music.grammar import BarGrammar
from espressivo.music.grid import drafts_of_bar, grid_chords, shift_of
from espressivo.music.melody import chord_at, scale_over
from espressivo.music.model import MusicTransformer, load_music_transformer
from espressivo.music.restatement import restated
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import Key
from espressivo.music.tokens import GridBar, nearest_tempo, prompt_words
from espressivo.resources import checkpoint_folder
from espressivo.seeds import numpy_generator

__all__ = ["CHECKPOINT", "Composer", "asked_values", "compose_model", "compose_models", "write_bars"]

CHECKPOINT = "music_pop909"
LEARNT_CENTRE = 70
"""Middle of the melodies that the model knows; it knows them an octave higher and lower too."""
MIN_MELODY_RANGE = 14
ACCOMPANIMENT_RANGE = (28, 84)
PITCHED = ("top_mean", "bottom_mean", "pitch_p10", "pitch_p90")
ROUGHNESS_RANGE = 0.43
"""Roughness from triads to clusters, which is dissonance 0 to 1 (achieved.py)."""
ASKED_GUIDANCE = 3.0
"""Of eight attributes asked for alone in one plan, the median rank correlation is -.2 without, .9 with 3 and with 6."""
Bars = Sequence[GridBar]


@dataclass(frozen=True, slots=True)
class Composer:
    """A network with the borders of its buckets and the way it is sampled.

    Attributes:
        model: In evaluation mode.
        quantiles: Borders of the measured conditions.
        sampling: How words are drawn.
        hidden: Conditions that are left open whatever is asked: for ablations.
        restates: Whether themes return.
    """

    model: MusicTransformer
    quantiles: Quantiles
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    hidden: frozenset[str] = frozenset()
    restates: bool = True

    @classmethod
    def bundled(cls) -> Composer:
        """The checkpoint ``music_pop909``.

        Raises:
            CheckpointError: It is missing, altered or malformed.
        """
        return _bundled()

    def vector(self, buckets: Mapping[str, int]) -> NDArray[np.int64]:
        """Conditions in the model's order; what is not named is left open."""
        names = self.model.config.attributes
        return np.array([0 if name in self.hidden else buckets.get(name, 0) for name in names], np.int64)

    def request(
        self, grammar: BarGrammar, buckets: Mapping[str, int], num_onsets: float | None = None, asked: Collection[str] = ()
    ) -> BarRequest:
        """A bar to be written with some conditions given.

        Args:
            grammar: What may be written.
            buckets: The conditions.
            num_onsets: Onsets that are wanted, or ``None`` to let the model decide.
            asked: Conditions that the user set. The others, which the emotion sets, pull against them, so that guidance then
                exaggerates these alone, and more.
        """
        own = buckets.keys() & set(asked)
        bare = {name: bucket for name, bucket in buckets.items() if (name not in own if own else name in STEADY)}
        guidance = ASKED_GUIDANCE if own else None
        return BarRequest(grammar, self.vector(buckets), self.vector(bare), num_onsets, guidance)

    def prompt(self, before: Bars, after: Bars, *, is_major: bool) -> Prompt | None:
        """Given bars with their measured conditions, as the model saw them in training."""
        words = prompt_words(before, after)
        if not words:
            return None
        rows = [self._measured(side, index, is_major=is_major) for side in (before, after) for index in range(len(side))]
        # AFTER and HERE open what follows them: the far side, and the near one (or the gap itself where nothing comes before).
        places = [len(before) if place is None and index == 0 else place or 0 for index, (_, place) in enumerate(words)]
        return Prompt([word for word, _ in words], np.stack([rows[place] for place in places]))

    def _measured(self, bars: Bars, index: int, *, is_major: bool) -> NDArray[np.int64]:
        values = condition_values(bars, index)
        buckets = {} if values is None else self.quantiles.asked(dict(zip(CONDITION_NAMES, values.tolist(), strict=True)))
        return self.vector({**buckets, MODE_CONDITION: 1 + int(is_major)})


@cache
def _bundled() -> Composer:
    folder = checkpoint_folder(CHECKPOINT)
    model = load_music_transformer(folder)
    facts = json.loads((folder / "buckets.json").read_text(encoding="utf-8"))
    names = tuple(name for name in facts["attributes"] if name not in STEADY)
    return Composer(model, Quantiles(names, np.array(facts["borders"])))


def compose_model(
    plan: EmotionPlan,
    *,
    seed: int,
    settings: MusicSettings,
    composer: Composer | None = None,
    before: Bars = (),
    after: Bars = (),
    harmoniser: Harmoniser | None = None,
) -> Score:
    """Compose with the transformer; same plan, seed, settings and weights, same score.

    Args:
        plan: As for :func:`espressivo.music.composer_rules.compose_rules`.
        seed: 0 or more.
        settings: Choices for the whole piece.
        composer: Instead of the bundled checkpoint ``music_pop909``.
        before: Bars that the piece goes on from.
        after: Bars that it leads into.
        harmoniser: Its chords; default those of the settings or the rules.

    Raises:
        CheckpointError: The checkpoint is missing, altered or malformed.
        SettingError: ``setting.duration`` or ``setting.palette``.
    """
    pieces = [(plan, seed)]
    return compose_models(pieces, settings=settings, composer=composer, before=before, after=after, harmoniser=harmoniser)[0]


def compose_models(
    pieces: Sequence[tuple[EmotionPlan, int]],
    *,
    settings: MusicSettings | Sequence[MusicSettings],
    composer: Composer | None = None,
    before: Bars = (),
    after: Bars = (),
    harmoniser: Harmoniser | None = None,
) -> list[Score]:
    """Compose many pieces together, which takes far less time than one after another.

    Args:
        pieces: Plans and seeds.
        settings: As above, for all of them or one for each.
        composer: As above.
        before: As above.
        after: As above.
        harmoniser: As above.

    Raises:
        CheckpointError: As above.
        SettingError: As above.
    """
    if not pieces:
        return []
    composer = composer or Composer.bundled()
    each = [settings] * len(pieces) if isinstance(settings, MusicSettings) else settings
    sketches = [
        sketch(plan, seed=seed, settings=own, harmoniser=harmoniser) for (plan, seed), own in zip(pieces, each, strict=True)
    ]
    writers = [_PieceWriter(composer, plain, leads_on=bool(after)) for plain in sketches]
    randoms = [numpy_generator(seed, "transformer") for _, seed in pieces]
    prompt = composer.prompt(before, after, is_major=sketches[0].tasks[0].harmony.key.has_major_third)
    write_streams(composer.model, [writer.stream() for writer in writers], randoms, composer.sampling, prompt)
    return [writer.score() for writer in writers]


def write_bars(
    before: Bars, after: Bars, requests: Sequence[BarRequest], *, random: np.random.Generator, composer: Composer | None = None
) -> list[GridBar]:
    """Bars that continue some bars and lead into others, as :meth:`Composer.request` asks for them.

    Args:
        before: What they follow; may be empty.
        after: What follows them; may be empty.
        requests: One for each bar.
        random: Source of chance.
        composer: Instead of the bundled checkpoint.

    Raises:
        CheckpointError: As :func:`compose_model`.
    """
    composer = composer or Composer.bundled()
    written: list[GridBar] = []

    def stream() -> BarStream:
        for request in requests:
            bar = yield request
            written.append(bar)

    is_major = bool(requests[0].buckets[composer.model.config.attributes.index(MODE_CONDITION)] == 2) if requests else True
    if requests:
        write_streams(composer.model, [stream()], [random], composer.sampling, composer.prompt(before, after, is_major=is_major))
    return written


def asked_values(moment: MusicMoment, beat_s: float, shift: int, ranks: Mapping[str, float]) -> dict[str, float]:
    """Values that the conditions should have at a moment, at the nominal tempo and with the tonic on C.

    What the plan asks for beyond its place in valence, arousal and dominance (against the linear cue model) is added to the
    centre of that place; density is the plan's own, unless the user asks for onsets or notes.

    Args:
        moment: What the music should be like.
        beat_s: Length of a quarter.
        shift: Semitones from C to the tonic.
        ranks: Attributes that the user asks for, by their rank among EMOPIA's clips.
    """
    wanted = emotion_ranks(moment.valence, moment.arousal)
    values = {name: attribute_value(name, rank) for name, rank in wanted.items()}
    usual = linear_attributes(np.array([moment.valence, moment.arousal, moment.dominance]))
    higher = 0.5 * (moment.register_low + moment.register_high) - usual["register_centre"]
    values |= {name: values[name] + higher for name in PITCHED}
    values["gap_npvi"] += 100.0 * (moment.irregularity - usual["irregularity"])
    values["roughness"] += ROUGHNESS_RANGE * (moment.dissonance - usual["dissonance"])
    density_nps = _density_nps(moment, ranks)
    values["notes_per_s"] *= density_nps / max(values["onsets_per_s"], 0.1)
    values["onsets_per_s"] = density_nps
    values |= {name: attribute_value(name, rank) for name, rank in ranks.items()}
    values |= {name: values[name] * (beat_s / 0.5) ** power for name, power in TIMED.items()}
    return values | {name: values[name] - shift for name in PITCHED}


def _density_nps(moment: MusicMoment, ranks: Mapping[str, float]) -> float:
    """Onsets a second: those that the user asks for by rank, as such or as notes, else the plan's."""
    if "onsets_per_s" in ranks:
        return attribute_value("onsets_per_s", ranks["onsets_per_s"])
    if "notes_per_s" in ranks:
        wanted = {**emotion_ranks(moment.valence, moment.arousal), **ranks}
        notes_per_onset = attribute_value("notes_per_onset", wanted["notes_per_onset"])
        return attribute_value("notes_per_s", ranks["notes_per_s"]) / notes_per_onset
    return moment.density_nps


class _PieceWriter:
    """Asks for every bar of a piece, and makes notes of what it gets."""

    def __init__(self, composer: Composer, plain: Sketch, *, leads_on: bool) -> None:
        self._composer = composer
        self._plain = plain
        self._ranks: Mapping[str, float] = plain.settings.attributes
        self._leads_on = leads_on
        self._num_left = sum(len(task.section.bars) for task in plain.tasks)
        self._drafts: list[list[DraftNote]] = []
        self._themes: dict[str, list[GridBar]] = {}

    def stream(self) -> BarStream:
        """The piece's bars in order."""
        for task in self._plain.tasks:
            octaves = _octaves(task)
            drafts: list[DraftNote] = []
            for phrase in task.section.phrases:
                written: list[GridBar] = []
                for index, bar in enumerate(phrase.bars):
                    grid = yield self._request(bar, task, octaves, self._theme_bar(phrase, index))
                    written.append(grid)
                    self._num_left -= 1
                    drafts += drafts_of_bar(
                        grid,
                        bar.start_tick,
                        task.section.end_tick,
                        task.harmony.key,
                        octaves=octaves,
                        has_bass="bass" in task.palette.parts,
                        beat_places=2 * task.section.beat_eighths,
                    )
                self._themes.setdefault(phrase.material, written)
            drafts += pad_and_percussion(task, round(task.section.moment.register_low))
            ends = task.is_last and not self._leads_on
            self._drafts.append(with_final_chord(drafts, task.section, task.harmony) if ends else drafts)

    def score(self) -> Score:
        """The finished piece."""
        return self._plain.perform(self._drafts)

    def _theme_bar(self, phrase: Phrase, index: int) -> GridBar | None:
        """The bar that returns here: all but the last of a phrase whose material has been heard."""
        theme = self._themes.get(phrase.material)
        if theme is None or not self._composer.restates or index >= min(len(theme), len(phrase.bars) - 1):
            return None
        return theme[index]

    def _request(self, bar: Bar, task: SectionTask, octaves: int, theme: GridBar | None) -> BarRequest:
        moment, key = bar.moment, task.harmony.key
        shift = shift_of(key)
        melody_shift = shift - 12 * octaves
        chords = grid_chords(task.harmony.chords, bar.start_tick, bar.end_tick, key)
        low, high = round(moment.register_low) - melody_shift, round(moment.register_high) - melody_shift
        widen = max(0, MIN_MELODY_RANGE - (high - low)) // 2 + 1
        beat_s = bar.duration_s / (bar.length_eighths / 2)
        grammar = BarGrammar(
            num_positions=2 * bar.length_eighths,
            chords=chords,
            scales=_scales(bar, task, key, len(chords)),
            melody_range=(low - widen, high + widen),
            accompaniment_range=ACCOMPANIMENT_RANGE,
            tempo=nearest_tempo(60.0 / beat_s),
        )
        num_onsets = _density_nps(moment, self._ranks) * bar.duration_s
        if theme is not None and theme.num_positions == grammar.num_positions:
            grammar = replace(grammar, melody=restated(theme, grammar, num_onsets))
        values = asked_values(moment, beat_s, shift, self._ranks)
        buckets = {**self._composer.quantiles.asked(values), MODE_CONDITION: 1 + int(key.has_major_third)}
        buckets[BARS_TO_JOIN if self._leads_on else BARS_TO_END] = countdown(self._num_left)
        return self._composer.request(grammar, buckets, num_onsets, self._ranks.keys())


def _scales(bar: Bar, task: SectionTask, key: Key, num_chords: int) -> tuple[frozenset[int], ...]:
    """Tones from the tonic that each chord of a bar allows."""
    starts = [bar.start_tick] + [s.start_tick for s in task.harmony.chords if bar.start_tick < s.start_tick < bar.end_tick]
    return tuple(
        frozenset((tone - key.tonic) % 12 for tone in scale_over(key, chord_at(task.harmony.chords, tick)))
        for tick in starts[:num_chords]
    )


def _octaves(task: SectionTask) -> int:
    """Octaves by which the melody is written higher than it is to sound, where it lies beyond what the model knows."""
    moment = task.section.moment
    return int((LEARNT_CENTRE - shift_of(task.harmony.key) - 0.5 * (moment.register_low + moment.register_high)) / 12)
