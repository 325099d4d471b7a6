"""``espressivo demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    host: Annotated[str, typer.Option(help="Address to listen on; others than the loopback need --auth-file.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 7860,
    auth_file: Annotated[Path | None, typer.Option(help="Lines of user:password.")] = None,
    renders: Annotated[int, typer.Option(help="Renders at the same time.")] = 1,
) -> None:
    """Open the page in which emotions are composed, seen and heard."""
    from espressivo.settings import validated
    from espressivo_demo.app import launch
    from espressivo_demo.settings import DemoSettings

    settings = validated(DemoSettings, {"host": host, "port": port, "auth_file": auth_file, "num_renders": renders})
    typer.echo(f"espressivo listens on http://{settings.host}:{settings.port} - stop with Ctrl-C")
    launch(settings)
