"""What a user types as an emotion, turned into a request.

joy                                  a label, in any form: "joyful", "very sad", "joy@0.9"
joy:0.7+surprise:0.3                 a mixture; also "0.7*joy + 0.3*awe", "joy and surprise"
joy turning to awe                   an arc; also "calm -> panic -> relief", "from calm to panic to relief"
0:calm,2.5:fear:0.9,6:relief         keyframes, TIME:EMOTION or TIME:EMOTION:INTENSITY
0.6,0.5,0.2                          valence, arousal, dominance
I can't believe we won!              anything else is read as text
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from espressivo.emotion.ontology import Ontology, normalise_word
from espressivo.emotion.personality import persona, persona_names
from espressivo.emotion.plan import VAD
from espressivo.emotion.request import MAX_TEXT_CHARACTERS, DialogueTurn, EmotionRequest, Keyframe, Personality
from espressivo.errors import EmotionInputError
from espressivo.resources import load_config

__all__ = [
    "build_request",
    "parse_dialogue",
    "parse_emotion",
    "parse_keyframes",
    "parse_personality",
    "parse_phrase",
    "parse_vad",
]

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
ARROW = re.compile(r"\s*(?:->|=>|→|⇒|⟶)\s*")
ARC_WORDS = re.compile(
    r"\s*,?\s+(?:(?:turning|changing|fading|shifting|melting|growing|giving\s+way|moving|going|building|dissolving)\s+(?:in)?to"
    r"|turning|becoming|followed\s+by|and\s+then|then)\s+"
)
FROM_TO = re.compile(r"^from\s+(.+)$")
TO = re.compile(r"\s+(?:and\s+then\s+|then\s+)?(?:in)?to\s+")
MIXED = re.compile(r"\s+(?:and|mixed with|with)\s+|\s*&\s*|\s*\+\s*")
KEYFRAMES = re.compile(rf"^\s*{NUMBER}\s*s?\s*:\s*[^\d\s]")
THREE_NUMBERS = re.compile(rf"^\s*{NUMBER}\s*[,;\s]\s*{NUMBER}\s*[,;\s]\s*{NUMBER}\s*$")
WEIGHT_AFTER = re.compile(rf"^(.+?)\s*[:=]\s*({NUMBER})\s*(%?)$")
WEIGHT_BEFORE = re.compile(rf"^({NUMBER})\s*(%?)\s*[*x×]?\s*([^\d\s].*)$")
AT_INTENSITY = re.compile(rf"^(.+?)\s*@\s*({NUMBER})$")
ONE_WORD = re.compile(r"^[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*$")
TRAITS = {
    "o": "openness",
    "c": "conscientiousness",
    "e": "extraversion",
    "a": "agreeableness",
    "n": "neuroticism",
}
SYNTAX_HELP = "write e.g. joy, joy:0.7+surprise:0.3, 'calm -> panic -> relief', 0:calm,2.5:fear:0.9 or a sentence"


def build_request(**fields: Any) -> EmotionRequest:  # noqa: ANN401 - checked by the request itself
    """An :class:`EmotionRequest` whose errors are the package's own.

    Raises:
        EmotionInputError: ``emotion.too_long`` or ``emotion.range``, naming the field.
    """
    text = fields.get("text")
    if isinstance(text, str) and len(text) > MAX_TEXT_CHARACTERS:
        raise EmotionInputError(
            "emotion.too_long",
            f"the text has {len(text)} characters; accepted: up to {MAX_TEXT_CHARACTERS}; shorten it or render it in parts",
        )
    try:
        return EmotionRequest(**{name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "emotion"
        found = first["input"] if isinstance(first["input"], (int, float, str)) else ""
        shown = f" (found {str(found)[:60]})" if found != "" else ""
        raise EmotionInputError("emotion.range", f"{where}: {first['msg'].removeprefix('Value error, ')}{shown}") from error


def parse_emotion(
    text: str,
    *,
    intensity: float | None = None,
    duration_s: float = 8.0,
    personality: Personality | None = None,
) -> EmotionRequest:
    """Understand an emotion in any of the forms above.

    Args:
        text: The emotion.
        intensity: 0-1; ``None`` reads it from the words.
        duration_s: Length of the plan, 0.2-7200 s; arcs are spread over it evenly.
        personality: Big Five traits; ``None`` is an average person.

    Raises:
        EmotionInputError: ``emotion.empty``, ``emotion.unknown`` (a single word or a part of a mixture or arc that is no
            emotion; with suggestions), ``emotion.syntax``, ``emotion.range`` or ``emotion.too_long``.
    """
    plain = text.strip()
    if not plain:
        raise EmotionInputError("emotion.empty", f"the emotion is empty; {SYNTAX_HELP}")
    common = {"duration_s": duration_s, "personality": personality}
    if THREE_NUMBERS.match(plain):
        return build_request(vad=parse_vad(plain), intensity=intensity, **common)
    if KEYFRAMES.match(plain):
        return build_request(keyframes=parse_keyframes(plain), intensity=intensity, **common)
    states = _arc(plain)
    if states is not None:
        step = duration_s / len(states)
        frames = tuple(
            Keyframe(time_s=round(index * step, 6), mixture=mixture, intensity=strength)
            for index, (mixture, strength) in enumerate(states)
        )
        return build_request(keyframes=frames, intensity=intensity, **common)
    state = parse_phrase(plain)
    if state is None:
        _refuse_lone_word(plain)
        return build_request(text=plain, intensity=intensity, **common)
    mixture, strength = state
    chosen = strength if intensity is None else intensity
    if len(mixture) == 1:
        return build_request(label=next(iter(mixture)), intensity=chosen, **common)
    return build_request(mixture=mixture, intensity=chosen, **common)


def parse_phrase(text: str) -> tuple[dict[str, float], float | None] | None:
    """A label or mixture with its strength, or ``None`` when the words are ordinary text.

    Returns:
        Weights over ontology nodes and the intensity that the words name, if any.

    Raises:
        EmotionInputError: ``emotion.unknown``, ``emotion.syntax`` or ``emotion.range`` when the form is that of a mixture but
            a part of it is no emotion or number.
    """
    body, intensity = text.strip(), None
    if match := AT_INTENSITY.match(body):
        body, intensity = match[1], _number(match[2], low=0.0, high=1.0, name="intensity")
    parts = [part for part in re.split(r"\s*\+\s*", body) if part]
    explicit = len(parts) > 1
    if not explicit:
        lone = WEIGHT_AFTER.match(body) or WEIGHT_BEFORE.match(body)
        named = _name_of(lone)
        if lone and named is not None:
            value = _weight(lone, name="intensity", high=1.0)
            return {_resolve(named): 1.0}, value if intensity is None else intensity
        words = _plain_words(body)
        if words is None:
            return None
        mixture, named_intensity = words
        return mixture, named_intensity if intensity is None else intensity
    mixture = {}
    for part in parts:
        weighted = WEIGHT_AFTER.match(part) or WEIGHT_BEFORE.match(part)
        name = _name_of(weighted) or part
        weight = _weight(weighted, name="weight", high=1000.0) if weighted else 1.0
        node = _resolve(name)
        mixture[node] = mixture.get(node, 0.0) + weight
    return mixture, intensity


def _name_of(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    name = match[1] if match.re is WEIGHT_AFTER else match[3]
    word, _ = _without_adverb(normalise_word(name))
    return name.strip() if ONE_WORD.match(word) or Ontology.load().find(word) else None


def _weight(match: re.Match[str], *, name: str, high: float) -> float:
    number, percent = (match[2], match[3]) if match.re is WEIGHT_AFTER else (match[1], match[2])
    value = _number(number, low=-math.inf, high=math.inf, name=name) / (100.0 if percent else 1.0)
    if not (0.0 <= value <= high) or (name == "weight" and value == 0.0):
        raise EmotionInputError(
            "emotion.range", f"{name} is {value:g}; accepted: {'above ' if name == 'weight' else ''}0 to {high:g}"
        )
    return value


def _number(text: str, *, low: float, high: float, name: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise EmotionInputError("emotion.syntax", f"{name} {text[:20]!r} is no number; {SYNTAX_HELP}") from error
    if not low <= value <= high:
        raise EmotionInputError("emotion.range", f"{name} is {value:g}; accepted: {low:g} to {high:g}")
    return value


def _resolve(name: str) -> str:
    words, _ = _without_adverb(normalise_word(name))
    return Ontology.load().resolve(words).node


@cache
def _anchors() -> Mapping[str, float]:
    anchors: dict[str, float] = load_config("emotion/intensity.yaml")["anchors"]
    return anchors


def _without_adverb(phrase: str) -> tuple[str, float | None]:
    """``"very sad"`` gives ``("sad", 0.85)``."""
    for length in (2, 1):
        words = phrase.split(" ")
        head = " ".join(words[:length])
        if len(words) > length and head in _anchors():
            rest, _ = _without_adverb(" ".join(words[length:]))
            return rest, _anchors()[head]
    return phrase, None


def _plain_words(text: str) -> tuple[dict[str, float], float | None] | None:
    """Words that are nothing but emotions: ``very sad``, ``joy and fear``."""
    if re.search(r"[!?\"“”]", text):
        return None
    ontology = Ontology.load()
    mixture: dict[str, float] = {}
    strengths = []
    for part in MIXED.split(normalise_word(text.rstrip("."))):
        word, strength = _without_adverb(part.strip())
        found = ontology.find(word) if word else None
        if found is None:
            return None
        mixture[found.node] = mixture.get(found.node, 0.0) + 1.0
        strengths += [] if strength is None else [strength]
    return mixture, max(strengths) if strengths else None


def _arc(text: str) -> list[tuple[dict[str, float], float | None]] | None:
    """The states of an arc, or ``None`` when the text is none."""
    if ARROW.search(text):
        parts = [part for part in ARROW.split(text) if part]
        if len(parts) < 2:
            raise EmotionInputError("emotion.syntax", f"an arc needs an emotion on both sides of the arrow; {SYNTAX_HELP}")
        return [_arc_state(part) for part in parts]
    plain = normalise_word(text)
    start = FROM_TO.match(plain)
    parts = TO.split(start[1]) if start else ARC_WORDS.split(plain)
    if len(parts) < 2:
        return None
    states = [parse_phrase(part) for part in parts]
    if all(state is not None for state in states):
        return [state for state in states if state is not None]
    _refuse_near_miss(parts, known=sum(state is not None for state in states))
    return None


def _arc_state(part: str) -> tuple[dict[str, float], float | None]:
    state = parse_phrase(part)
    if state is None:
        word, _ = _without_adverb(normalise_word(part))
        return {Ontology.load().resolve(word).node: 1.0}, None
    return state


def _refuse_near_miss(parts: list[str], *, known: int) -> None:
    """An arc of which one word is misspelt is no sentence."""
    ontology = Ontology.load()
    for part in parts:
        word, _ = _without_adverb(part)
        if known and " " not in word and ontology.find(word) is None and ontology.suggestions(word):
            ontology.resolve(word)


def _refuse_lone_word(text: str) -> None:
    """A single word that is no emotion is a mistake, not a text to read."""
    word, _ = _without_adverb(normalise_word(text))
    if ONE_WORD.match(word):
        Ontology.load().resolve(word)


def parse_keyframes(text: str) -> tuple[Keyframe, ...]:
    """``"0:calm,2.5:fear:0.9,6:relief"``; a mixture takes ``+`` and ``@``: ``"2:joy:0.7+awe:0.3@0.9"``.

    Raises:
        EmotionInputError: ``emotion.syntax``, ``emotion.unknown`` or ``emotion.range``.
    """
    frames: list[Keyframe] = []
    for entry in (part.strip() for part in re.split(r"[,;\n]", text)):
        if not entry:
            continue
        time_text, colon, state_text = entry.partition(":")
        if not colon or not state_text.strip():
            raise EmotionInputError("emotion.syntax", f"keyframe {entry[:40]!r} is not TIME:EMOTION or TIME:EMOTION:INTENSITY")
        time_s = _number(time_text.strip().removesuffix("s"), low=0.0, high=7200.0, name="keyframe time")
        if frames and time_s <= frames[-1].time_s:
            raise EmotionInputError(
                "emotion.syntax", f"keyframe at {time_s:g} s does not come after the one at {frames[-1].time_s:g} s; sort them"
            )
        mixture, strength = _arc_state(state_text)
        frames.append(Keyframe(time_s=time_s, mixture=mixture, intensity=strength))
    if not frames:
        raise EmotionInputError("emotion.empty", "there are no keyframes; write e.g. 0:calm,2.5:fear:0.9,6:relief")
    if len(frames) > 100:
        raise EmotionInputError("emotion.range", f"there are {len(frames)} keyframes; accepted: up to 100")
    return tuple(frames)


def parse_vad(text: str) -> VAD:
    """``"0.6,0.5,0.2"``: valence, arousal, dominance, each -1 to 1; dominance may be left out.

    Raises:
        EmotionInputError: ``emotion.syntax`` or ``emotion.range``.
    """
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    if len(parts) not in (2, 3):
        raise EmotionInputError("emotion.syntax", f"{text[:40]!r} is not VALENCE,AROUSAL,DOMINANCE, e.g. 0.6,0.5,0.2")
    names = ("valence", "arousal", "dominance")
    values = {name: _number(part, low=-1.0, high=1.0, name=name) for name, part in zip(names, parts, strict=False)}
    return VAD(**{"dominance": 0.0, **values})


def parse_personality(text: str) -> Personality:
    """A persona's name (``"anxious"``) or traits (``"E=0.5,N=-0.2"``, letters of the Big Five or full names).

    Raises:
        EmotionInputError: ``emotion.persona``, ``emotion.syntax`` or ``emotion.range``.
    """
    if "=" not in text and ":" not in text:
        return persona(text.strip().lower())
    traits = {}
    for entry in re.split(r"[,;\s]+", text.strip()):
        name, _, value = entry.replace(":", "=").partition("=")
        trait = TRAITS.get(name.strip().lower(), name.strip().lower())
        if trait not in TRAITS.values():
            raise EmotionInputError(
                "emotion.persona",
                f"unknown trait {name[:20]!r}; accepted: {', '.join(TRAITS.values())}; personas: {', '.join(persona_names())}",
            )
        traits[trait] = _number(value, low=-1.0, high=1.0, name=trait)
    return Personality(**traits)


def parse_dialogue(text: str) -> tuple[DialogueTurn, ...]:
    """Lines of ``SPEAKER: what is said``.

    Raises:
        EmotionInputError: ``emotion.syntax``, ``emotion.empty`` or ``emotion.range``.
    """
    turns = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        speaker, colon, said = line.partition(":")
        if not colon or not speaker.strip() or not said.strip():
            raise EmotionInputError("emotion.syntax", f"line {number} of the dialogue is not 'SPEAKER: what is said'")
        try:
            turns.append(DialogueTurn(speaker=speaker.strip(), text=said.strip()))
        except ValidationError as error:
            message = f"line {number} of the dialogue: {error.errors(include_url=False)[0]['msg']}"
            raise EmotionInputError("emotion.range", message) from error
    if not turns:
        raise EmotionInputError("emotion.empty", "the dialogue has no turns; write lines of 'SPEAKER: what is said'")
    return tuple(turns)
