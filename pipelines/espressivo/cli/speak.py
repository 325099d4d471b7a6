"""``espressivo speak``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from espressivo.cli.options import JsonOption

__all__ = ["speak"]


def speak(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The recording (.wav); the words go beside it (.txt).")],
    voice: Annotated[str | None, typer.Option(help="Such as flite/slt or espeak-ng/de; default: the first installed.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say a text with a synthesiser of this machine (flite or espeak-ng), for a portrait to speak."""
    from espressivo.console import print_json
    from espressivo.media.atomic import atomic_output
    from espressivo.media.audio import save_wav
    from espressivo.provenance import tool_version
    from espressivo.speech.voices import installed_voices
    from espressivo.speech.voices import speak as say

    clip = say(text, voice)
    words = output.with_suffix(".txt")
    metadata = {"comment": f"Synthesised speech: {voice or installed_voices()[0]}", "software": f"espressivo {tool_version()}"}
    save_wav(clip, output, metadata)
    with atomic_output(words) as part:
        part.write_text(text.strip() + "\n", encoding="utf-8")
    if as_json:
        print_json({"files": [output.as_posix(), words.as_posix()], "duration_s": clip.duration_s})
        return
    typer.echo(f"{output}, {clip.duration_s:.1f} s; a portrait says it with --speech {output} --transcript {words}")
