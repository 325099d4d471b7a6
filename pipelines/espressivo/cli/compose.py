"""``espressivo compose``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from espressivo.cli.music_options import music_settings
from espressivo.cli.options import OUTPUT, Asked, JsonOption, QuietOption, SeedOption, asked_emotion, takes
from espressivo.cli.report import RunReport
from espressivo.console import shown_progress

if TYPE_CHECKING:
    from espressivo.music.settings import MusicSettings

__all__ = ["compose"]


@takes(asked=asked_emotion, settings=music_settings)
def compose(
    asked: Asked,
    settings: MusicSettings,
    duration: Annotated[float, typer.Option("--duration", help="Seconds, 1 to 1800.")] = 30.0,
    best_of: Annotated[int, typer.Option("--best-of", help="Compose so many, keep the nearest to what was asked.")] = 1,
    seed: SeedOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The MIDI file.", rich_help_panel=OUTPUT)] = Path("piece.mid"),
    wav: Annotated[Path | None, typer.Option("--wav", help="The sound file.", rich_help_panel=OUTPUT)] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compose music for an emotion."""
    started = time.perf_counter()
    from espressivo.composition import MusicPipeline

    with shown_progress(quiet=quiet or as_json) as progress:
        piece = MusicPipeline.from_pretrained()(
            asked.emotion,
            plan=asked.plan,
            intensity=asked.intensity,
            duration_s=duration,
            settings=settings,
            best_of=best_of,
            seed=seed,
            output_type="score" if wav is None else "audio",
            progress=progress,
        )
    piece.save(midi_path=output, wav_path=wav)
    files = [output] if wav is None else [output, wav]
    wall_s = time.perf_counter() - started
    RunReport(files, duration, piece.seconds, wall_s, piece.seed, attributes=piece.attributes, candidates=piece.candidates).show(
        as_json=as_json
    )
