"""``espressivo ontology``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from espressivo.errors import SettingError

__all__ = ["ontology"]


def ontology(
    word: Annotated[str | None, typer.Argument(help="A word to look up, in any form.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the whole ontology into this file.")] = None,
) -> None:
    """Look an emotion word up: its place, its relations; or draw all of them."""
    from espressivo.emotion.ontology import Ontology
    from espressivo.media.atomic import write_bytes

    if (word is None) == (svg is None):
        raise SettingError("setting.ontology", "give a word or --svg FILE")
    if svg is not None:
        from espressivo.emotion.figure import ontology_svg

        write_bytes(svg, ontology_svg().encode())
        return
    known = Ontology.load()
    found = known.resolve(word or "")
    node = found.node
    typer.echo(f"{word}: {' < '.join(known.path(node))}")
    relations = {
        "opposite": (known.opposite(node),),
        "stronger": known.stronger(node),
        "milder": known.milder(node),
        "compound of": known.compound_of(node),
        "kinds": known.children(node),
    }
    for name, others in relations.items():
        shown = ", ".join(other for other in others if other)
        if shown:
            typer.echo(f"  {name}: {shown}")
