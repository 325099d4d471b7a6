"""``espressivo scene``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from espressivo.cli.inputs import checked_inputs
from espressivo.cli.music_options import music_settings
from espressivo.cli.options import (
    OUTPUT,
    Asked,
    DurationOption,
    JsonOption,
    PortraitOption,
    QuietOption,
    SeedOption,
    SpeechOption,
    TranscriptOption,
    asked_emotion,
    read_text_file,
    takes,
    talk_settings,
)
from espressivo.cli.report import RunReport
from espressivo.cli.talk import consent_warnings
from espressivo.console import shown_progress
from espressivo.errors import SettingError

if TYPE_CHECKING:
    from espressivo.music.settings import MusicSettings
    from espressivo.settings import TalkSettings

__all__ = ["scene"]


@takes(asked=asked_emotion, settings=talk_settings, music=music_settings)
def scene(
    portrait: PortraitOption,
    asked: Asked,
    settings: TalkSettings,
    music: MusicSettings,
    speech: SpeechOption = None,
    transcript: TranscriptOption = None,
    duration: DurationOption = None,
    seed: SeedOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Only the video.", rich_help_panel=OUTPUT)] = None,
    output_folder: Annotated[
        Path | None, typer.Option("--output-folder", help="Video, music, plan, actions, provenance.", rich_help_panel=OUTPUT)
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a talking head with its music under it."""
    started = time.perf_counter()
    from espressivo.seeds import resolve_seed

    seed = resolve_seed(seed)
    words = read_text_file(transcript)
    inputs = checked_inputs(asked, portrait, speech, settings)
    from espressivo.scene import SceneFiles, ScenePipeline

    if output is not None and output_folder is not None:
        raise SettingError("setting.output_path", "give either --output or --output-folder, not both")
    if output_folder is not None:
        output_folder.mkdir(parents=True, exist_ok=True)
    files = SceneFiles.in_folder(output_folder) if output_folder else SceneFiles(scene=output or Path("scene.mp4"))
    pipeline = ScenePipeline.from_pretrained()
    with shown_progress(quiet=quiet or as_json) as progress:
        result = pipeline(
            inputs.portrait,
            inputs.speech,
            asked.emotion,
            files=files,
            plan=asked.plan,
            intensity=asked.intensity,
            transcript=words,
            duration_s=duration,
            settings=settings,
            music_settings=music,
            seed=seed,
            progress=progress,
        )
    wall_s = time.perf_counter() - started
    duration_s = result.talk.track.duration_s
    RunReport(files.wanted(), duration_s, result.seconds, wall_s, result.seed, consent_warnings(settings)).show(as_json=as_json)
