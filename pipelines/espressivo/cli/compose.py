"""``espressivo compose``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from espressivo.cli.music_options import music_settings
from espressivo.cli.options import OUTPUT, Asked, JsonOption, QuietOption, SeedOption, asked_emotion_or_none, takes
from espressivo.cli.report import RunReport
from espressivo.console import shown_progress
from espressivo.errors import EmotionInputError, SettingError

if TYPE_CHECKING:
    from espressivo.composition import MusicPipelineOutput
    from espressivo.music.settings import MusicSettings

__all__ = ["compose"]

GIVEN = "A piece of your own (at most one)"


@dataclass(frozen=True, slots=True)
class Given:
    """A MIDI file and what is to be done with it; one path is set."""

    continued: Path | None
    reexpressed: Path | None
    filled: Path | None
    bars: tuple[int, int]


def given_piece(
    continued: Annotated[
        Path | None,
        typer.Option("--continue", help="Go on with a MIDI file, as it was or in an emotion.", rich_help_panel=GIVEN),
    ] = None,
    reexpressed: Annotated[
        Path | None, typer.Option("--from", help="Put a MIDI file into the emotion: same material.", rich_help_panel=GIVEN)
    ] = None,
    filled: Annotated[
        Path | None, typer.Option("--fill", help="Write bars of a MIDI file anew; needs --bars.", rich_help_panel=GIVEN)
    ] = None,
    bars: Annotated[str | None, typer.Option("--bars", help="First and last bar: 9-12.", rich_help_panel=GIVEN)] = None,
) -> Given | None:
    """At most one piece."""
    from espressivo.music.infilling import parse_bars

    num_given = sum(path is not None for path in (continued, reexpressed, filled))
    if num_given > 1:
        raise SettingError("setting.one_piece", f"give one of --continue, --from and --fill; got {num_given} of them")
    if (filled is None) != (bars is None):
        raise SettingError("setting.bars", "--fill and --bars belong together: which bars of which file")
    return Given(continued, reexpressed, filled, parse_bars(bars) if bars else (1, 1)) if num_given else None


@takes(asked=asked_emotion_or_none, given=given_piece, settings=music_settings)
def compose(
    asked: Asked | None,
    given: Given | None,
    settings: MusicSettings,
    duration: Annotated[
        float | None,
        typer.Option("--duration", help="Seconds, 1 to 1800; default 30, of a continuation 16, with --from the piece's own."),
    ] = None,
    best_of: Annotated[int, typer.Option("--best-of", help="Compose so many, keep the nearest to what was asked.")] = 1,
    seed: SeedOption = None,
    soundfont: Annotated[
        Path | None, typer.Option("--soundfont", help="A General MIDI .sf2 file.", rich_help_panel=OUTPUT)
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The MIDI file.", rich_help_panel=OUTPUT)] = Path("piece.mid"),
    wav: Annotated[
        Path | None, typer.Option("--wav", "--sound", help="The sound file, .wav or .flac.", rich_help_panel=OUTPUT)
    ] = None,
    musicxml: Annotated[
        Path | None, typer.Option(help="For notation programs (extra 'notation').", rich_help_panel=OUTPUT)
    ] = None,
    abc: Annotated[Path | None, typer.Option(help="Melody and chords in ABC notation.", rich_help_panel=OUTPUT)] = None,
    roll: Annotated[
        Path | None, typer.Option(help="Piano roll with the emotion's curve, .png or .svg.", rich_help_panel=OUTPUT)
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Lead sheet, .png or .svg (extra 'notation').", rich_help_panel=OUTPUT)
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compose music for an emotion, or work on a piece of your own."""
    started = time.perf_counter()
    if asked is None and (given is None or given.reexpressed is not None):
        forms = "--emotion, --vad, --keyframes, --dialogue, --plan"
        raise EmotionInputError("emotion.one_form", f"give one of {forms}; got none of them")
    with shown_progress(quiet=quiet or as_json) as progress:
        piece = _made(
            given,
            emotion=asked.emotion if asked else None,
            plan=asked.plan if asked else None,
            intensity=asked.intensity if asked else None,
            settings=settings,
            best_of=best_of,
            seed=seed,
            soundfont=soundfont,
            output_type="score" if wav is None else "audio",
            progress=progress,
            **({} if duration is None else {"duration_s": duration}),
        )
    piece.save(midi_path=output, wav_path=wav, musicxml_path=musicxml, abc_path=abc, roll_path=roll, sheet_path=sheet)
    files = [path for path in (output, wav, musicxml, abc, roll, sheet) if path is not None]
    wall_s = time.perf_counter() - started
    RunReport(
        files, piece.score.duration_s, piece.seconds, wall_s, piece.seed, attributes=piece.attributes, candidates=piece.candidates
    ).show(as_json=as_json)


def _made(given: Given | None, **options: Any) -> MusicPipelineOutput:  # noqa: ANN401 - the options of the pipeline's methods
    from espressivo.composition import MusicPipeline

    pipeline = MusicPipeline.from_pretrained()
    if given is None:
        piece: MusicPipelineOutput = pipeline(**options)
        return piece
    if given.continued is not None:
        return pipeline.continue_piece(given.continued, **options)
    if given.reexpressed is not None:
        return pipeline.reexpress(given.reexpressed, **options)
    assert given.filled is not None  # noqa: S101 - given_piece sets one of the three
    if "duration_s" in options:
        raise SettingError("setting.duration", "bars that are filled keep their length; leave out --duration")
    return pipeline.fill(given.filled, given.bars, **options)
