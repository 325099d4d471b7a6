import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.speech.phones import is_vowel
from espressivo.speech.text import sound_out, words_of


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        ("Well, I can't – believe it!", "well i can't believe it"),
        ("In 1455 he paid 1,200 coins.", "in fourteen fifty five he paid one thousand two hundred coins"),
        ("Agent 007, 21 and 100", "agent zero zero seven twenty one and one hundred"),
        ("Über café", "uber cafe"),
        ("2000000000001", "two zero zero zero zero zero zero zero zero zero zero zero one"),
        ("你好", ""),
        ("", ""),
    ],
)
def test_words(transcript, words):
    assert " ".join(words_of(transcript)) == words


def test_unknown_words_are_sounded_out():
    assert sound_out("zork") == ("Z", "AO", "R", "K")
    assert sound_out("blipp") == ("B", "L", "IH", "P")
    assert sound_out("shmake") == ("SH", "M", "AE", "K")


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz'", max_size=20))
def test_sounding_out_always_ends(word):
    phones = sound_out(word)
    assert all(phone.isupper() for phone in phones)
    vowels_left = re.sub("qu+", "q", word.replace("'", "")).rstrip("e")  # the u of "qu" is a W
    if any(letter in "aeiou" for letter in vowels_left):
        assert any(is_vowel(phone) for phone in phones)
