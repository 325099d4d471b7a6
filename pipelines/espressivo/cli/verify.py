"""``espressivo verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from espressivo.cli.options import JsonOption
from espressivo.console import print_json

__all__ = ["verify"]


def verify(
    file: Annotated[Path, typer.Argument(help="mp4, wav, mid, png, json or safetensors.")],
    as_json: JsonOption = False,
) -> None:
    """Tell what provenance a file carries: was it made by this program, from what, on what basis."""
    from espressivo.provenance import verify_file

    report = verify_file(file)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        typer.echo("\n".join(report.lines()))
    if not report.found:
        raise typer.Exit(1)
