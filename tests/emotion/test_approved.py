"""Thoughts are as they were approved: a change of any number or word of a plan is seen, and has to be meant."""

import json
import re
from typing import Any

import pytest

from .approval_cases import APPROVED, DECIMALS, approved_cases, rounded

# Machines may differ in the last decimal, and in the last digit of a number inside a sentence.
CLOSE = 2.5 * 10**-DECIMALS
CLOSE_IN_WORDS = 0.0101
NUMBER = re.compile(r"[-+]?\d+\.\d+")


def differences(path: str, approved: Any, now: Any) -> list[str]:
    if isinstance(approved, dict) and isinstance(now, dict):
        if list(approved) != list(now):
            return [f"{path}: has {list(now)}, approved was {list(approved)}"]
        return [text for key in approved for text in differences(f"{path}.{key}", approved[key], now[key])]
    if isinstance(approved, list) and isinstance(now, list) and len(approved) == len(now):
        pairs = enumerate(zip(approved, now, strict=True))
        return [text for index, (old, new) in pairs for text in differences(f"{path}[{index}]", old, new)]
    return [] if is_same(approved, now) else [f"{path}: {now!r}, approved was {approved!r}"]


def is_same(approved: Any, now: Any) -> bool:
    if isinstance(approved, float) and isinstance(now, float):
        return abs(approved - now) <= CLOSE
    if isinstance(approved, str) and isinstance(now, str):
        numbers = zip(NUMBER.findall(approved), NUMBER.findall(now), strict=False)
        words_same = NUMBER.sub("#", approved) == NUMBER.sub("#", now)
        return words_same and all(abs(float(old) - float(new)) <= CLOSE_IN_WORDS for old, new in numbers)
    return type(approved) is type(now) and approved == now


@pytest.mark.parametrize("name", sorted(approved_cases()))
def test_it_is_as_approved(name: str) -> None:
    approved = json.loads((APPROVED / f"{name}.json").read_text(encoding="utf-8"))
    found = differences(name, approved, rounded(approved_cases()[name]()))
    assert not found, "\n".join(
        [*found[:12], "if that is meant: python tests/emotion/approval_cases.py, and read the difference"]
    )


def test_there_is_a_case_for_every_file() -> None:
    assert {path.stem for path in APPROVED.glob("*.json")} == set(approved_cases())


@pytest.mark.parametrize(
    ("approved", "now", "same"),
    [
        (0.5, 0.5002, True),
        (0.5, 0.501, False),
        ("joy 0.82 at 3", "joy 0.83 at 3", True),
        ("joy 0.82 at 3", "joy 0.85 at 3", False),
        ("joy 0.82 at 3", "joy 0.82 at 4", False),
        (1, True, False),
        ([1, 2], [1, 2, 3], False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": [1.0, "x"]}, {"a": [1.0, "x"]}, True),
    ],
)
def test_differences_are_seen(approved: Any, now: Any, same: bool) -> None:
    assert (not differences("", approved, now)) is same
