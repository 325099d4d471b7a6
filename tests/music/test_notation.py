"""Lead sheets: bars add up, pitches come back, keys are spelled."""

import re
from typing import Any

import pytest

from espressivo.music.compose import compose
from espressivo.music.notation import lead_sheet_abc, signature
from espressivo.music.pictures import piano_roll
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import Key

TOKEN = re.compile(r"(z|[_=^]?[A-Ga-g][,']*)(\d*)-?$")


def bars_of(abc: str) -> list[str]:
    music = " ".join(line for line in abc.splitlines() if not line.startswith("%") and not re.match(r"[A-Z]:", line))
    return [bar.strip() for bar in music.removesuffix("]").split("|") if bar.strip()]


def length_of(bar: str) -> int:
    words = re.sub(r'\[[MK]:[^\]]*\]|"[^"]*"', "", bar).split()
    total = 0
    for word in words:
        match = TOKEN.fullmatch(word)
        assert match, word
        total += int(match.group(2) or 1)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_bars_have_the_length_of_their_metre(make_plan: Any, seed: int) -> None:
    score = compose(make_plan(("joy", 7.0), ("fear", 5.0), ("awe", 9.0)), seed=seed, settings=MusicSettings())
    bars = bars_of(lead_sheet_abc(score))
    assert [length_of(bar) for bar in bars] == [(end - start) // 120 for start, end in score.bars()]


def test_head_and_spelling(make_plan: Any) -> None:
    score = compose(make_plan(("sadness", 12.0)), seed=1, settings=MusicSettings(tonic=10))
    abc = lead_sheet_abc(score, "A lament")
    assert "T:A lament" in abc
    assert "K:Bbm" in abc
    assert '"Bbm' in abc


def test_signatures() -> None:
    assert signature(Key(0, "major")) == {}
    assert signature(Key(2, "major")) == {"F": 1, "C": 1}
    assert signature(Key(9, "minor")) == {}
    assert signature(Key(2, "dorian")) == {}
    assert signature(Key(10, "minor")) == dict.fromkeys("BEADG", -1)


def test_piano_roll_shows_the_notes(make_plan: Any) -> None:
    plan = make_plan(("joy", 4.0))
    score = compose(plan, seed=1, settings=MusicSettings())
    picture = piano_roll(score, plan, width=400, height=240)
    assert picture.shape == (240, 400, 3)
    assert picture.dtype.name == "uint8"
    red = (picture[..., 0].astype(int) - picture[..., 2]) > 60
    assert red.sum() > 100
