"""Harmony: keys of the sections, chords of the bars, voicings that move smoothly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, pairwise, product
from typing import Any

import numpy as np

from espressivo.emotion.plan import Mode
from espressivo.music.form import Bar, Form, FormSection, Phrase
from espressivo.music.score import TICKS_PER_QUARTER, ChordSpan
from espressivo.music.settings import MusicSettings, asked_attributes
from espressivo.music.theory import CHORD_INTERVALS, MODE_BRIGHTNESS, MODE_STEPS, Chord, Key
from espressivo.resources import load_config

__all__ = ["SectionHarmony", "build_chord", "choose_keys", "harmonise", "voice_chords"]

CONFIG = "music/harmony.yaml"
MAX_VOICING_SPAN = 19
PEDAL_POINT_DISSONANCE = 0.5
"""From here on the bass stays on the tonic and grinds against the chords."""
SPLIT_BAR_S = 3.2
"""Bars longer than this carry two chords, or the harmony would stand still."""


@dataclass(frozen=True, slots=True)
class SectionHarmony:
    """Key and chords of a section; the chords tile it."""

    key: Key
    chords: tuple[ChordSpan, ...]


def harmonise(form: Form, settings: MusicSettings, random: np.random.Generator) -> tuple[SectionHarmony, ...]:
    """Choose keys and chords of all sections."""
    keys = choose_keys(form, settings, random)
    loops: dict[tuple[Mode, str, str], list[str]] = {}
    harmonies = []
    for section, key in zip(form.sections, keys, strict=True):
        following = keys[section.index + 1] if section.index + 1 < len(keys) else None
        writer = _SectionWriter(section, key, following, loops, random)
        harmonies.append(SectionHarmony(key, tuple(writer.write())))
    return tuple(harmonies)


# --- keys --------------------------------------------------------------------------------------------------------------


def choose_keys(form: Form, settings: MusicSettings, random: np.random.Generator) -> list[Key]:
    """Tonic asked for, or the one that shares most tones with the key before and moves by a familiar step."""
    keys: list[Key] = []
    tonics = load_config(CONFIG)["tonics"]
    opening = int(random.choice(tonics))
    for section in form.sections:
        asked = asked_attributes(section.segment.music, settings)
        mode: Mode = asked.mode
        if asked.tonic is not None:
            keys.append(Key(asked.tonic, mode))
        elif not keys:
            keys.append(Key(opening, mode))
        else:
            keys.append(_related_key(keys[-1], mode, opening, random))
    return keys


def _related_key(before: Key, mode: Mode, opening: int, random: np.random.Generator) -> Key:
    """Common tones with the key before, a liking for the same tonic, the relative key and the piece's opening tonic."""
    if mode == before.mode:
        return before

    def liking(tonic: int) -> float:
        candidate = Key(tonic, mode)
        common = len(set(candidate.pitch_classes) & set(before.pitch_classes))
        same = 1.6 if tonic == before.tonic else 0.0
        home = 0.5 if tonic == opening else 0.0
        brighter = MODE_BRIGHTNESS[mode] > MODE_BRIGHTNESS[before.mode]
        lift = 0.6 if brighter and (tonic - before.tonic) % 12 in {3, 5, 7} else 0.0
        return 0.5 * common + same + home + lift + 0.6 * float(random.random())

    return Key(max(range(12), key=liking), mode)


# --- chords ------------------------------------------------------------------------------------------------------------


def build_chord(key: Key, symbol: str, dissonance: float, random: np.random.Generator) -> Chord:
    """Chord of a symbol of ``configs/music/harmony.yaml``, enriched according to ``dissonance`` (0-1)."""
    if symbol.endswith("!"):
        body = symbol[:-1]
        if body.startswith("b"):
            major = Key(key.tonic, "major")
            return _enriched(Chord(*_rooted((major.pitch_class(int(body[1]) - 1) - 1) % 12, "maj")), dissonance, random)
        root = key.pitch_class(int(body) - 1)
        return Chord(*_rooted(root, "7b9" if dissonance > 0.5 else "7" if dissonance > 0.12 else "maj"))
    degree = int(symbol) - 1
    steps = MODE_STEPS[key.mode]
    third = (steps[(degree + 2) % 7] - steps[degree]) % 12
    fifth = (steps[(degree + 4) % 7] - steps[degree]) % 12
    triad = {(4, 7): "maj", (3, 7): "min", (3, 6): "dim", (4, 8): "aug"}.get((third, fifth), "min")
    seventh = (steps[(degree + 6) % 7] - steps[degree]) % 12
    return _enriched(Chord(*_rooted(key.pitch_class(degree), triad)), dissonance, random, diatonic_seventh=seventh)


def _rooted(root: int, quality: str) -> tuple[int, str, int]:
    return root, quality, root


def _enriched(chord: Chord, dissonance: float, random: np.random.Generator, diatonic_seventh: int = 11) -> Chord:
    """Triads as they are up to .1, then sevenths and ninths, then sharper colours.

    Minor triads stay plain for longer: on EMOPIA they are a mark of sadness, minor sevenths and ninths are not.
    """
    draw = float(random.random())
    quality = chord.quality
    share = 2.0 * dissonance - 0.4 if quality == "min" else 0.2 + dissonance
    if dissonance > 0.45 and draw < dissonance - 0.15:
        sharp = {"min": "minb9" if draw < 0.25 else "minmaj7", "maj": "aug" if draw < 0.1 else "7#11", "dim": "dim7"}
        quality = sharp.get(quality, quality)
    elif dissonance > 0.1 and draw < share:
        mild = {
            ("maj", 11): "maj7" if draw < 0.3 else "add9",
            ("maj", 10): "7",
            ("min", 10): "min7" if draw < 0.4 else "minadd9",
            ("dim", 10): "hdim7",
            ("dim", 9): "dim7",
        }
        quality = mild.get((quality, diatonic_seventh), quality)
    return Chord(chord.root, quality, chord.bass)


class _SectionWriter:
    """Writes the chords of one section, phrase by phrase."""

    def __init__(
        self,
        section: FormSection,
        key: Key,
        following: Key | None,
        loops: dict[tuple[Mode, str, str], list[str]],
        random: np.random.Generator,
    ) -> None:
        self._section = section
        self._key = key
        self._following = following
        self._loops = loops
        self._random = random
        config: dict[str, Any] = load_config(CONFIG)
        self._progressions: dict[str, list[list[object]]] = config["loops"][key.mode]
        self._cadences: dict[str, Any] = config["cadences"][key.mode]

    def write(self) -> list[ChordSpan]:
        """Chords of the section."""
        spans: list[ChordSpan] = []
        for phrase in self._section.phrases:
            spans += self._phrase(phrase)
        return _joined_spans(spans)

    def _mood(self) -> str:
        moment = self._section.moment
        if moment.dissonance > 0.4:
            return "tense"
        return "bright" if moment.arousal > 0.15 else "calm"

    def _loop(self, material: str) -> list[str]:
        identity = (self._key.mode, self._mood(), material)
        if identity not in self._loops:
            options = self._progressions[self._mood()]
            if material == "A":  # the first chord of a section tells its key
                options = [option for option in options if option[0] == 1] or options
            self._loops[identity] = [str(symbol) for symbol in options[int(self._random.integers(len(options)))]]
        return self._loops[identity]

    def _phrase(self, phrase: Phrase) -> list[ChordSpan]:
        slots = [slot for bar in phrase.bars for slot in _slots(bar, self._section.beat_eighths)]
        loop = self._loop(phrase.material)
        symbols = [loop[index % len(loop)] for index in range(len(slots))]
        ending = self._ending(phrase, symbols)
        symbols[len(slots) - len(ending) :] = ending
        dissonance = phrase.bars[0].moment.dissonance
        chords = [build_chord(self._key, symbol, dissonance, self._random) for symbol in symbols]
        if dissonance > PEDAL_POINT_DISSONANCE:
            chords[:-1] = [Chord(chord.root, chord.quality, self._key.tonic) for chord in chords[:-1]]
        if phrase.closes_section and self._following is None:
            chords[-1] = build_chord(self._key, "1", 0.0, self._random)
        if phrase.closes_section and self._following not in {None, self._key} and len(slots) > 1:
            chords[-1] = self._bridge(chords[-1])
        return [ChordSpan(start, end, chord) for (start, end), chord in zip(slots, chords, strict=True)]

    def _ending(self, phrase: Phrase, symbols: list[str]) -> list[str]:
        """Full cadence at the end of the piece, half or bridging ones before borders, every other phrase closes."""
        if len(symbols) == 1:
            return ["1"]
        if phrase.closes_section and self._following is None:
            options = self._cadences["final"]
        elif phrase.closes_section or phrase.letter in {"A", "B", "C"}:
            options = self._cadences["half"]
        else:
            options = self._cadences["full"]
        room = max(len(symbols) - 1, 2)
        endings = [[str(symbol) for symbol in option][-room:] for option in options]
        fresh = [ending for ending in endings if ending[0] not in symbols[: len(symbols) - len(ending)][-2:]]
        choices = fresh or endings
        return choices[int(self._random.integers(len(choices)))]

    def _bridge(self, fallback: Chord) -> Chord:
        """Dominant of the next key, or a chord that both keys share when the next is modal and dark."""
        following = self._following
        if following is None:
            return fallback
        if following.mode in {"major", "minor", "lydian"}:
            root = following.pitch_class(4)
            return Chord(root, "7", root)
        root = following.pitch_class(1 if following.mode == "phrygian" else 6)
        return Chord(root, "maj", root)


def _slots(bar: Bar, beat_eighths: int) -> list[tuple[int, int]]:
    """One chord a bar; two in slow bars of even length."""
    half = bar.length_eighths // 2
    if bar.duration_s > SPLIT_BAR_S and bar.length_eighths % 2 == 0 and half >= beat_eighths:
        middle = bar.start_tick + half * TICKS_PER_QUARTER // 2
        return [(bar.start_tick, middle), (middle, bar.end_tick)]
    return [(bar.start_tick, bar.end_tick)]


def _joined_spans(spans: list[ChordSpan]) -> list[ChordSpan]:
    joined: list[ChordSpan] = []
    for span in spans:
        if joined and joined[-1].chord == span.chord:
            joined[-1] = ChordSpan(joined[-1].start_tick, span.end_tick, span.chord)
        else:
            joined.append(span)
    return joined


# --- voicings ----------------------------------------------------------------------------------------------------------


def voice_chords(chords: tuple[ChordSpan, ...], num_voices: int, low: int, high: int) -> list[tuple[int, ...]]:
    """Voicings (ascending MIDI pitches) in a range, each the smoothest continuation of the one before.

    Cost: semitones moved by all voices, distance from the range's centre, and parallel fifths or octaves.
    """
    voicings: list[tuple[int, ...]] = []
    previous: tuple[int, ...] | None = None
    for span in chords:
        options = _voicings(span.chord, num_voices, low, high)
        costs = [(_voicing_cost(option, previous, low, high), option) for option in options]
        previous = min(costs)[1]
        voicings.append(previous)
    return voicings


@cache
def _voicings(chord: Chord, num_voices: int, low: int, high: int) -> tuple[tuple[int, ...], ...]:
    intervals = CHORD_INTERVALS[chord.quality]
    essential = _essential_tones(chord, num_voices)
    pitches = [pitch for pitch in range(low, high + 1) if (pitch - chord.root) % 12 in {interval % 12 for interval in intervals}]
    by_class = [[pitch for pitch in pitches if pitch % 12 == tone] for tone in essential]
    options = {tuple(sorted(choice)) for choice in product(*by_class)}
    spaced = [
        option
        for option in options
        if len(set(option)) == num_voices
        and option[-1] - option[0] <= MAX_VOICING_SPAN
        and all(upper - lower >= 2 or num_voices > 4 for lower, upper in pairwise(option))
    ]
    if spaced:
        return tuple(sorted(spaced))
    distinct = [option for option in options if len(set(option)) == num_voices]
    return tuple(sorted(distinct)) or tuple(combinations_with_replacement(pitches, num_voices))


def _essential_tones(chord: Chord, num_voices: int) -> list[int]:
    """Third and highest colour first, then root, fifth, doublings."""
    classes = list(chord.pitch_classes)
    order = [1, len(classes) - 1, 0, 2] if len(classes) > 3 else [0, 1, 2] if len(classes) == 3 else [0, 1]
    ranked = [classes[index] for index in dict.fromkeys([*order, *range(len(classes))])]
    while len(ranked) < num_voices:
        ranked.append(ranked[len(ranked) % len(classes)])
    return ranked[:num_voices]


def _voicing_cost(option: tuple[int, ...], before: tuple[int, ...] | None, low: int, high: int) -> float:
    centre = abs(sum(option) / len(option) - 0.5 * (low + high))
    if before is None or len(before) != len(option):
        return centre
    moved = sum(abs(new - old) for new, old in zip(option, before, strict=True))
    parallels = 0
    for i, j in zip(range(len(option)), range(1, len(option)), strict=False):
        interval = (option[j] - option[i]) % 12
        same = interval == (before[j] - before[i]) % 12
        parallels += interval in {0, 7} and same and option[i] != before[i]
    return moved + 0.35 * centre + 2.5 * parallels
