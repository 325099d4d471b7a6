"""The tab in which face and music come together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import gradio as gr

from espressivo.music.settings import MusicSettings
from espressivo.settings import validated
from espressivo_demo.composing import roll_html
from espressivo_demo.feeling import Bench
from espressivo_demo.filming import Cast, shoot_scene
from espressivo_demo.music_tab import MusicTab, music_settings_of
from espressivo_demo.parts import Limits, Stoppable, code_box, seed_of
from espressivo_demo.studio import Studio
from espressivo_demo.talk_tab import TalkTab, settings_of
from espressivo_demo.thinking import given_plan

__all__ = ["build_scene"]

PLAYER: Final = "#scene-video video"
EMPTY: Final = '<div class="empty">The scene appears here: the film, the face\'s movements and the music on one clock.</div>'


def build_scene(studio: Studio, bench: Bench, talk: TalkTab, music: MusicTab, stoppable: Stoppable, limits: Limits) -> None:
    """Lay the tab out and connect it."""
    gr.HTML("<p>Portrait, speech and settings of <b>Talking head</b>; settings of <b>Music</b>. The music of the same plan "
            "lies under the speech and turns where the face turns.</p>", elem_classes="lead")  # fmt: skip
    with gr.Row(elem_classes="act"):
        button = gr.Button("Film the scene", variant="primary", elem_id="film-scene", scale=5, min_width=180)
        stop = gr.Button("Stop", elem_id="stop-scene", scale=1, min_width=80, interactive=False)
    chart = gr.HTML(EMPTY, elem_id="scene-performance", label="On one clock", min_height=96)
    with gr.Column(visible=False) as results:
        video = gr.Video(label="Scene", interactive=False, elem_id="scene-video", autoplay=True, buttons=["download"])
        roll = gr.HTML(elem_id="scene-roll")
        used = gr.Textbox("", label="Seed used", interactive=False, min_width=140)
        files = gr.File(label="Files; the bundle holds all, and the commands", file_count="multiple", interactive=False)
        code = code_box()

    def run(
        request: gr.Request, text: str, portrait: str | None, speech: str | None, transcript: str, seed: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
        *settings: Any,  # noqa: ANN401 - values of components
    ) -> Iterator[Any]:  # fmt: skip
        faces, sounds = settings[: len(talk.settings)], settings[len(talk.settings) :]
        cast = Cast.of(
            given_plan(text), portrait, speech, transcript, seed_of(seed), settings_of(*faces), max_speech_s=limits.max_speech_s
        )
        checked = validated(MusicSettings, music_settings_of(*sounds))
        folder = studio.new_folder(request.session_hash)
        made = yield from shoot_scene(studio, cast, checked, folder, progress, PLAYER)
        yield [
            made.chart,
            gr.Column(visible=True),
            str(made.video),
            roll_html(made.score, made.plan, PLAYER),
            str(cast.seed),
            [str(path) for path in made.files],
            *code.filled(made.recipe),
        ]

    outputs = [chart, results, video, roll, used, files, *code.boxes]
    stoppable(button, stop, run, [bench.plan, *talk.sources, *talk.settings, *music.settings], outputs, chart)
