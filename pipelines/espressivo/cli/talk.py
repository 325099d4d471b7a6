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
    DurationOption,
    JsonOption,
    PortraitOption,
    QuietOption,
    SeedOption,
    SpeechOption,
    TranscriptOption,
    asked_emotion_or_none,
    read_text_file,
    takes,
    talk_settings,
)
from espressivo.cli.report import RunReport
from espressivo.console import shown_progress
from espressivo.errors import EmotionInputError, SettingError

if TYPE_CHECKING:
    from espressivo.settings import TalkSettings

__all__ = ["consent_warnings", "talk"]

TRACK_KINDS = (".safetensors", ".csv")


@takes(asked=asked_emotion_or_none, settings=talk_settings)
def talk(
    portrait: PortraitOption,
    asked: Asked | None,
    settings: TalkSettings,
    speech: SpeechOption = None,
    transcript: TranscriptOption = None,
    drive: Annotated[
        Path | None,
        typer.Option(
            "--drive",
            help="A performance to act out: a clip of a face, or saved actions (.safetensors, Live Link .csv). Head, gaze, lids, "
            "brows and cheeks are the performance's; without --speech, lips and sound too. With --speech the mouth says that and "
            "keeps only the performance's mood. An --emotion adds its muscles, less so around the lips.",
        ),
    ] = None,
    emotion_from: Annotated[
        Path | None,
        typer.Option(
            "--emotion-from", help="A clip of anybody whose emotion is taken over, instead of --emotion; its words are not."
        ),
    ] = None,
    listen: Annotated[
        Path | None,
        typer.Option(
            "--listen",
            help="Somebody else's speech, instead of --speech: the face listens in silence for as long as it lasts, nods at its "
            "pauses and takes up the emotion smaller and later. The video carries that sound, so that it can be watched.",
        ),
    ] = None,
    duration: DurationOption = None,
    seed: SeedOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The video.", rich_help_panel=OUTPUT)] = Path("talk.mp4"),
    save_track: Annotated[
        Path | None, typer.Option("--save-track", help="The actions, as .safetensors or Live Link .csv.", rich_help_panel=OUTPUT)
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a portrait speak with an emotion, listen to somebody, or act out a recorded performance."""
    started = time.perf_counter()
    from espressivo.seeds import resolve_seed

    if save_track is not None and save_track.suffix.lower() not in TRACK_KINDS:
        raise SettingError("setting.save_track", f"{save_track.name} is of no kind that is written: {', '.join(TRACK_KINDS)}")

    seed = resolve_seed(seed)
    words = read_text_file(transcript)
    if asked is None and drive is None and emotion_from is None:
        forms = "--emotion, --vad, --keyframes, --dialogue, --plan, --emotion-from"
        raise EmotionInputError("emotion.one_form", f"give an emotion ({forms}) or --drive")
    inputs = checked_inputs(asked, portrait, speech, settings, listen)
    from espressivo.media.atomic import atomic_output
    from espressivo.talking_head import TalkingHeadPipeline

    pipeline = TalkingHeadPipeline.from_pretrained()
    with shown_progress(quiet=quiet or as_json) as progress:
        result = pipeline(
            inputs.portrait,
            inputs.speech,
            asked.emotion if asked else None,
            plan=asked.plan if asked else None,
            drive=drive,
            emotion_from=emotion_from,
            listen=inputs.listen,
            intensity=asked.intensity if asked else None,
            transcript=words,
            duration_s=duration,
            settings=settings,
            seed=seed,
            output_path=output,
            progress=progress,
        )
    if save_track is not None:
        with atomic_output(save_track) as part:
            (result.track.save if save_track.suffix.lower() == ".safetensors" else result.track.save_csv)(part)
    wall_s = time.perf_counter() - started
    files = [path for path in (output, save_track) if path is not None]
    warnings = [*consent_warnings(settings), *result.warnings]
    RunReport(files, result.track.duration_s, result.seconds, wall_s, result.seed, warnings).show(as_json=as_json)


def consent_warnings(settings: TalkSettings) -> list[str]:
    """What to say when nobody declared why the portrait may be used."""
    if settings.consent is not None:
        return []
    return ["no consent basis was declared for the portrait; pass --consent (see espressivo talk --help)"]
