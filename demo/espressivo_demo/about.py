"""Limits, consent and labelling, in words."""

from __future__ import annotations

from typing import Final

__all__ = ["ABOUT"]

ABOUT: Final = """
### What this is
Emotion is *asked for* here and shown; it is never recognised in people. The chain of thought and its tables come from
publications, and each card says how firm its source is. The expressions were not validated by a viewing study; people and
cultures differ in what they read from a face.

### Consent
A portrait of a real person needs that person's agreement, or another lawful basis: say which under *Consent*. It is written into
every file. Do not deceive anybody with the result, and do not put words into the mouth of a person who has not agreed to them.
The example portraits are people who do not exist, and two public-domain photographs of the United States government, whose
subjects keep their rights: use them for trying things out only.

### AI labelling
Every file says that it was generated: films and sounds in their metadata, MIDI in a text event, and films in a corner of the
picture too unless you switch that off. `espressivo verify FILE` reads it. In the European Union, Article 50 of the AI Act asks
whoever publishes such material to say so visibly; other places have rules of their own.

### Limits
- One face, seen from the front, at least 64 pixels high, eyes and mouth uncovered. Turns beyond some 15 degrees bend the picture.
- Lips follow English best, and best of all with a transcript. Speech may last as long as this server allows.
- Music is written by rules, or by a small transformer that was trained on piano pieces only.

### Your data
Nothing leaves this machine and nothing is loaded from other hosts. What you upload and what you make is kept for an hour at most
unless whoever runs this server says otherwise, and what you made is removed when you leave the page.
"""
