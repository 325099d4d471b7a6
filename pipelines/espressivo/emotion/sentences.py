"""Where sentences end."""

from __future__ import annotations

import re

__all__ = ["split_sentences"]

SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]”’]*\s+|\n+")


def split_sentences(text: str) -> list[str]:
    """Sentences without surrounding space; at least one."""
    parts = [part.strip() for part in SENTENCE_END.split(text)]
    return [part for part in parts if part] or [text]
