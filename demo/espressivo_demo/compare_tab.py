"""The tab in which one portrait shows many feelings side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import gradio as gr

from espressivo.emotion.ontology import Ontology
from espressivo.errors import ImageInputError, SettingError
from espressivo.progress import CancelToken, ProgressCallback
from espressivo_demo.comparing import MAX_CELLS, Sheet, emotion_sheet
from espressivo_demo.parts import Stoppable
from espressivo_demo.running import run_watched
from espressivo_demo.studio import Studio
from espressivo_demo.talk_tab import TalkTab

__all__ = ["build_compare", "parse_intensities"]

COMPARED: Final = ["joy", "sadness", "anger", "fear", "surprise", "disgust", "contempt", "awe"]
EMPTY: Final = '<div class="empty">The sheet appears here: a column for each emotion, a row for each intensity.</div>'


def parse_intensities(text: str) -> list[float]:
    """``"0.3, 0.6, 1"`` to numbers.

    Raises:
        SettingError: ``setting.compare`` where one is no number from 0 to 1.
    """
    try:
        values = [float(part) for part in text.replace(";", ",").split(",") if part.strip()]
    except ValueError as error:
        raise SettingError("setting.compare", f"intensities are {text[:60]!r}; write numbers from 0 to 1, e.g. 0.4, 1") from error
    if not all(0.0 <= value <= 1.0 for value in values):
        raise SettingError("setting.compare", f"intensities are {text[:60]!r}; accepted: 0 to 1")
    return values


def build_compare(studio: Studio, talk: TalkTab, stoppable: Stoppable) -> None:
    """Lay the tab out and connect it."""
    gr.HTML("<p>The portrait of <b>Talking head</b> in many feelings, each at its height.</p>", elem_classes="lead")
    words = gr.Dropdown(
        sorted(node.name for node in Ontology.load()), value=COMPARED, multiselect=True, label="Emotions", max_choices=MAX_CELLS,
        elem_id="compare-words",
    )  # fmt: skip
    with gr.Row(equal_height=True):
        intensities = gr.Textbox("0.4, 1", label="Intensities, a row each", elem_id="compare-intensities", min_width=160)
        moving = gr.Checkbox(value=False, label="Also as a moving GIF", elem_id="compare-gif", min_width=160)
    with gr.Row(elem_classes="act"):
        button = gr.Button("Compare", variant="primary", elem_id="compare", scale=5, min_width=180)
        stop = gr.Button("Stop", elem_id="stop-compare", scale=1, min_width=80, interactive=False)
    empty = gr.HTML(EMPTY, elem_id="compare-empty", min_height=48)
    with gr.Column(visible=False) as results:
        grid = gr.Image(label="Sheet", interactive=False, elem_id="grid", alt_text="The portrait in several emotions",
                        buttons=["fullscreen", "download"])  # fmt: skip
        files = gr.File(label="Files", file_count="multiple", interactive=False, elem_id="compare-files")

    def run(
        request: gr.Request, portrait: str | None, chosen: list[str], strengths: str, is_moving: bool,  # noqa: FBT001
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
    ) -> Iterator[Any]:  # fmt: skip
        if portrait is None:
            raise ImageInputError("image.missing", "there is no portrait yet: choose one under Talking head")
        levels = parse_intensities(strengths)

        def work(report: ProgressCallback, token: CancelToken) -> Sheet:
            return emotion_sheet(studio, Path(portrait), chosen, levels, moving=is_moving, report=report, token=token)

        sheet = yield from run_watched(work, progress)
        folder = studio.new_folder(request.session_hash)
        paths = [folder / "emotions.png"]
        sheet.save_png(paths[0])
        if sheet.motion:
            paths.append(folder / "emotions.gif")
            sheet.save_gif(paths[1])
        told = f'<p class="summary">{len(chosen)} emotions by {len(levels)} intensities</p>'
        yield [told, gr.Column(visible=True), str(paths[-1]), [str(path) for path in paths]]

    stoppable(button, stop, run, [talk.portrait, words, intensities, moving], [empty, results, grid, files], empty, thinks=False)
