"""From a transcript to words with pronunciations: numbers are spelt out, unknown words are sounded out by rule."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["sound_out", "words_of"]

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))
_LARGEST_NUMBER = 10**12

# Letters to sounds, longest spelling first; engineering choice, only meant to place the lips of words that no dictionary has.
_SPELLINGS: tuple[tuple[str, str], ...] = (
    ("tion", "SH AH N"), ("sion", "ZH AH N"), ("ture", "CH ER"), ("sch", "SH"), ("tch", "CH"), ("igh", "AY"), ("eau", "OW"),
    ("ough", "AO"), ("augh", "AO"), ("ch", "CH"), ("sh", "SH"), ("ph", "F"), ("th", "TH"), ("ck", "K"), ("ng", "NG"),
    ("qu", "K W"), ("wh", "W"), ("kn", "N"), ("wr", "R"), ("gh", "G"), ("ee", "IY"), ("ea", "IY"), ("ie", "IY"), ("ei", "AY"),
    ("oo", "UW"), ("ou", "AW"), ("ow", "OW"), ("oa", "OW"), ("oi", "OY"), ("oy", "OY"), ("ai", "EY"), ("ay", "EY"),
    ("au", "AO"), ("aw", "AO"), ("ue", "UW"), ("ew", "UW"), ("er", "ER"), ("ir", "ER"), ("ur", "ER"), ("ar", "AA R"),
    ("or", "AO R"), ("a", "AE"), ("b", "B"), ("c", "K"), ("d", "D"), ("e", "EH"), ("f", "F"), ("g", "G"), ("h", "HH"),
    ("i", "IH"), ("j", "JH"), ("k", "K"), ("l", "L"), ("m", "M"), ("n", "N"), ("o", "AA"), ("p", "P"), ("q", "K"), ("r", "R"),
    ("s", "S"), ("t", "T"), ("u", "AH"), ("v", "V"), ("w", "W"), ("x", "K S"), ("y", "IY"), ("z", "Z"),
)  # fmt: skip


def words_of(transcript: str) -> list[str]:
    """Lower-case words of a transcript in the spelling of an English dictionary; digits become number words.

    Accents are dropped; scripts other than Latin give no words.
    """
    plain = unicodedata.normalize("NFKD", transcript).replace("’", "'").lower()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain)
    plain = re.sub(r"\d+", lambda match: f" {_spelt_out(match.group())} ", plain)
    words = re.findall(r"[a-z]+(?:'[a-z]+)*", plain)
    return [word for word in words if word]


def _spelt_out(digits: str) -> str:
    number = int(digits) if len(digits) <= 12 else _LARGEST_NUMBER
    if number >= _LARGEST_NUMBER or (len(digits) > 1 and digits[0] == "0"):
        return " ".join(_ONES[int(digit)] for digit in digits)
    if 1100 <= number < 2000 and number % 100:
        return f"{_number_words(number // 100)} {_number_words(number % 100)}"
    return _number_words(number)


def _number_words(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        ones = f" {_ONES[number % 10]}" if number % 10 else ""
        return _TENS[number // 10] + ones
    size, name = next((size, name) for size, name in _SCALES if number >= size)
    rest = f" {_number_words(number % size)}" if number % size else ""
    return f"{_number_words(number // size)} {name}{rest}"


def sound_out(word: str) -> tuple[str, ...]:
    """ARPAbet phones of a word by spelling rules: double letters count once, a final e after a consonant is silent."""
    letters = re.sub(r"[^a-z]", "", word)
    letters = re.sub(r"(.)\1", lambda match: match.group() if match.group() in {"ee", "oo"} else match.group(1), letters)
    if len(letters) > 3 and letters.endswith("e") and letters[-2] not in "aeiou":
        letters = letters[:-1]
    phones: list[str] = []
    position = 0
    while position < len(letters):
        spelling, sounds = next(rule for rule in _SPELLINGS if letters.startswith(rule[0], position))
        phones += sounds.split()
        position += len(spelling)
    return tuple(phones)
