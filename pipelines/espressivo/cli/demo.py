"""``espressivo demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]

LIMITS = "Limits"


def demo(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than the loopback need --auth-file.", envvar="GRADIO_SERVER_NAME")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", envvar="GRADIO_SERVER_PORT")] = 7860,
    auth_file: Annotated[Path | None, typer.Option(help="Lines of user:password.")] = None,
    renders: Annotated[int, typer.Option(help="Renders at the same time.", rich_help_panel=LIMITS)] = 1,
    previews: Annotated[int, typer.Option(help="Previews at the same time.", rich_help_panel=LIMITS)] = 2,
    max_waiting: Annotated[int, typer.Option(help="Requests that may wait.", rich_help_panel=LIMITS)] = 16,
    max_upload: Annotated[int, typer.Option(help="Largest upload, MB.", rich_help_panel=LIMITS)] = 40,
    max_speech: Annotated[float, typer.Option(help="Longest speech, seconds.", rich_help_panel=LIMITS)] = 120.0,
    max_jobs: Annotated[int, typer.Option(help="Most jobs in a batch run.", rich_help_panel=LIMITS)] = 50,
    keep: Annotated[int, typer.Option(help="Seconds that uploads and results are kept.", rich_help_panel=LIMITS)] = 3600,
) -> None:
    """Open the page in which emotions are composed, seen and heard."""
    from espressivo.settings import validated
    from espressivo_demo.serving import serve
    from espressivo_demo.settings import DemoSettings

    values = {
        "host": host,
        "port": port,
        "auth_file": auth_file,
        "num_renders": renders,
        "num_previews": previews,
        "max_waiting": max_waiting,
        "max_upload_mb": max_upload,
        "max_speech_s": max_speech,
        "max_batch_jobs": max_jobs,
        "keep_s": keep,
    }
    server = serve(validated(DemoSettings, values))
    typer.echo(f"espressivo listens on {server.url} - stop with Ctrl-C")
    server.wait()
