"""Music: composing for the plan, or making a given piece feel like it; and what was achieved of what was asked."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import gradio as gr
from PIL import Image

from espressivo.composition import MusicOptions, MusicPipeline, MusicPipelineOutput
from espressivo.emotion.plan import EmotionPlan
from espressivo.music.asked import AttributeRow
from espressivo.music.infilling import bars_duration_s
from espressivo.music.midi import load_score
from espressivo.music.pictures import MARGIN, RIGHT_MARGIN, piano_roll
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.progress import CancelToken, ProgressCallback
from espressivo.seeds import resolve_seed
from espressivo_demo.bundle import GIVEN, gather, pack
from espressivo_demo.charts import with_playhead
from espressivo_demo.editing import stretched
from espressivo_demo.running import run_watched
from espressivo_demo.snippets import GivenUse, Recipe
from espressivo_demo.studio import Studio

__all__ = ["Composed", "Given", "achieved_html", "can_engrave", "compose", "piece_html", "roll_html"]

ROLL_WIDTH: Final = 1000
ROLL_HEIGHT: Final = 520
NOTATION: Final = ("partitura", "verovio", "resvg_py")
COMPARED: Final = {
    "tempo_bpm": "Tempo, beats a minute",
    "mode": "Mode",
    "density_nps": "Notes a second",
    "register_low": "Lowest melody note",
    "register_high": "Highest melody note",
    "velocity": "Loudness (velocity)",
    "articulation": "Short to tied",
    "dissonance": "Dissonance",
    "irregularity": "Restlessness",
}


@dataclass(frozen=True, slots=True)
class Given:
    """A visitor's own piece.

    Attributes:
        use: Go on from it, put it into the plan's emotion, or write some of its bars anew.
        midi: Its file.
        bars: First and last bar to fill, counted from 1.
    """

    use: GivenUse
    midi: Path
    bars: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """A piece and its files; the last file is the bundle."""

    wav: Path
    midi: Path
    files: list[Path]
    recipe: Recipe
    piece: MusicPipelineOutput


def compose(
    studio: Studio,
    plan: EmotionPlan,
    duration_s: float,
    seed: int | None,
    settings: MusicSettings,
    folder: Path,
    progress: gr.Progress,
    *,
    given: Given | None = None,
) -> Generator[Any, None, Composed]:
    """Set a plan to music; its segments are stretched over the length.

    Args:
        studio: The pipelines.
        plan: What is felt.
        duration_s: Length; of a continuation, that of the new part. Bars that are filled keep theirs.
        seed: ``None`` draws one.
        settings: Of the music.
        folder: Gets the files.
        progress: Told every stage.
        given: A piece to work on.
    """
    used = resolve_seed(seed)

    def work(report: ProgressCallback, token: CancelToken) -> Composed:
        options = MusicOptions(settings=settings, seed=used, progress=report, cancel=token)
        piece = _made(studio.music(), plan, duration_s, given, folder, options)
        midi, wav = folder / "music.mid", folder / "music.wav"
        sheet, written = (folder / "lead-sheet.png", folder / "music.musicxml") if can_engrave() else (None, None)
        piece.save(midi_path=midi, wav_path=wav, musicxml_path=written, sheet_path=sheet)
        gather(folder, piece.plan, portrait=None, speech=None, transcript=None)
        recipe = Recipe(
            "compose", used, None if given and given.use == "fill" else duration_s, music=settings.model_dump(mode="json"),
            given=given.use if given else None, bars=given.bars if given else None,
        )  # fmt: skip
        bundle = pack(folder, recipe)
        notation = [path for path in (written, sheet) if path is not None]
        return Composed(wav, midi, [midi, wav, *notation, folder / "plan.json", bundle], recipe, piece)

    return (yield from run_watched(work, progress))


def can_engrave() -> bool:
    """Whether MusicXML and lead sheets can be written: the extra ``notation`` is there."""
    return all(find_spec(name) is not None for name in NOTATION)


def _made(
    music: MusicPipeline, plan: EmotionPlan, duration_s: float, given: Given | None, folder: Path, options: MusicOptions
) -> MusicPipelineOutput:
    if given is None:
        return music(plan=stretched(plan, duration_s), duration_s=duration_s, **options)
    shutil.copyfile(given.midi, folder / GIVEN)
    score = load_score(folder / GIVEN)
    if given.bars is not None:
        return music.fill(score, given.bars, plan=stretched(plan, bars_duration_s(score, *given.bars)), **options)
    work_on = music.continue_piece if given.use == "continue" else music.reexpress
    return work_on(score, plan=stretched(plan, duration_s), duration_s=duration_s, **options)


def piece_html(made: Composed, player: str) -> str:
    """The piano roll of a piece; where bars are new there is no curve, because the given part has no plan."""
    plan = None if made.recipe.given in {"continue", "fill"} else made.piece.plan
    return roll_html(made.piece.score, plan, player)


def roll_html(score: Score, plan: EmotionPlan | None, player: str) -> str:
    """The piano roll with the emotion's curve, and a playhead that follows a player."""
    buffer = io.BytesIO()
    Image.fromarray(piano_roll(score, plan, width=ROLL_WIDTH, height=ROLL_HEIGHT)).save(buffer, "PNG", optimize=True)
    picture = (
        f'<img class="roll" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}" '
        'alt="Piano roll: time to the right, pitch upwards, below it the emotion">'
    )
    left = MARGIN / ROLL_WIDTH
    return with_playhead(picture, player, score.duration_s, left, 1 - left - RIGHT_MARGIN / ROLL_WIDTH)


def achieved_html(rows: Sequence[AttributeRow]) -> str:
    """A table of what was asked of each section beside what its notes turned out to be."""
    sections = list(dict.fromkeys((row.section, row.label) for row in rows if row.section is not None))
    cells = {(row.section, row.name): row for row in rows}
    body = []
    for name, label in COMPARED.items():
        line = "".join(_cell_html(cells.get((section, name))) for section, _ in sections)
        body.append(f"<tr><th>{label}</th>{line}</tr>")
    head = "".join(f'<th colspan="2">{escape(label)}</th>' for _, label in sections)
    below = "<th>asked</th><th>achieved</th>" * len(sections)
    return (
        '<div class="wide"><table class="achieved"><thead>'
        f"<tr><th></th>{head}</tr><tr><th></th>{below}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell_html(row: AttributeRow | None) -> str:
    if row is None:
        return "<td>–</td><td>–</td>"
    far = "" if row.is_met else ' class="far" title="further off than the tolerance"'
    return f"<td>{_shown(row.asked)}</td><td{far}><b>{_shown(row.achieved)}</b></td>"


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(str(value))
