"""``espressivo talk``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from espressivo.cli.inputs import checked_inputs
from espressivo.cli.options import (
    OUTPUT,
    Asked,
    JsonOption,
    QuietOption,
    SeedOption,
    asked_emotion,
    read_text_file,
    takes,
    talk_settings,
)
from espressivo.cli.report import RunReport
from espressivo.console import shown_progress

if TYPE_CHECKING:
    from espressivo.settings import TalkSettings

__all__ = ["consent_warnings", "talk"]


@takes(asked=asked_emotion, settings=talk_settings)
def talk(
    portrait: Annotated[Path, typer.Option("--portrait", "-p", help="Picture of one face.")],
    asked: Asked,
    settings: TalkSettings,
    speech: Annotated[Path | None, typer.Option("--speech", "-s", help="Sound file; decides the length.")] = None,
    transcript: Annotated[Path | None, typer.Option("--transcript", help="Text file with the words spoken (English).")] = None,
    duration: Annotated[float | None, typer.Option("--duration", help="Seconds, where there is no speech.")] = None,
    seed: SeedOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The video.", rich_help_panel=OUTPUT)] = Path("talk.mp4"),
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a portrait speak with an emotion."""
    started = time.perf_counter()
    from espressivo.seeds import resolve_seed

    seed = resolve_seed(seed)
    words = read_text_file(transcript)
    inputs = checked_inputs(asked, portrait, speech, settings)
    from espressivo.talking_head import TalkingHeadPipeline

    pipeline = TalkingHeadPipeline.from_pretrained()
    with shown_progress(quiet=quiet or as_json) as progress:
        result = pipeline(
            inputs.portrait,
            inputs.speech,
            asked.emotion,
            plan=asked.plan,
            intensity=asked.intensity,
            transcript=words,
            duration_s=duration,
            settings=settings,
            seed=seed,
            output_path=output,
            progress=progress,
        )
    wall_s = time.perf_counter() - started
    RunReport([output], result.track.duration_s, result.seconds, wall_s, result.seed, consent_warnings(settings)).show(
        as_json=as_json
    )


def consent_warnings(settings: TalkSettings) -> list[str]:
    """What to say when nobody declared why the portrait may be used."""
    if settings.consent is not None:
        return []
    return ["no consent basis was declared for the portrait; pass --consent (see espressivo talk --help)"]
