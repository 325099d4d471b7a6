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
    from espressivo.errors import SettingError
    from espressivo.media.atomic import write_bytes
    from espressivo.speech.voices import save_spoken

    if output.suffix.lower() != ".wav":
        raise SettingError("setting.output_path", f"{output.name} does not end in .wav, the kind of sound that is written")
    words, said = output.with_suffix(".txt"), (text.strip() + "\n").encode()
    if words.exists() and (not words.is_file() or words.read_bytes() != said):
        raise SettingError("setting.output_path", f"{words.name} is there and says something else; give another --output")
    clip = save_spoken(text, output, voice)
    write_bytes(words, said)
    if as_json:
        print_json({"files": [output.as_posix(), words.as_posix()], "duration_s": clip.duration_s})
        return
    typer.echo(f"{output}, {clip.duration_s:.1f} s; a portrait says it with --speech {output} --transcript {words}")
