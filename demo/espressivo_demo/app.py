"""The page: the words on top, what is made of them in tabs, and beside it the thought to look into."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import gradio as gr

from espressivo.provenance import ConsentBasis
from espressivo.resources import example_path
from espressivo_demo.about import ABOUT
from espressivo_demo.api import build_api
from espressivo_demo.batch_tab import build_batch
from espressivo_demo.compare_tab import build_compare
from espressivo_demo.feeling import STARTERS, build_bench, build_words, wire_feeling
from espressivo_demo.music_tab import build_music, wire_music
from espressivo_demo.parts import Limits, Stoppable
from espressivo_demo.scene_tab import build_scene
from espressivo_demo.settings import DemoSettings
from espressivo_demo.share_tab import build_share
from espressivo_demo.studio import Studio
from espressivo_demo.talk_tab import Example, build_talk, wire_talk
from espressivo_demo.thinking import Asked, Thinker

__all__ = ["build_demo"]

MASTHEAD: Final = (
    "<header><h1>espressivo</h1><p>Say what is felt. A face shows it, music plays it, and you can see why.</p></header>"
)
DARK_JS: Final = '() => { document.body.classList.toggle("dark"); }'
PORTRAITS: Final[tuple[tuple[str, ConsentBasis, str], ...]] = (
    ("portrait.png", ConsentBasis.SYNTHETIC_PERSON, "a woman who does not exist"),
    ("portrait_2.png", ConsentBasis.SYNTHETIC_PERSON, "a man who does not exist"),
    ("astronaut.jpg", ConsentBasis.PUBLIC_DOMAIN_ARTWORK, "Eileen Collins, NASA"),
    ("grace_hopper.jpg", ConsentBasis.PUBLIC_DOMAIN_ARTWORK, "Grace Hopper, United States Navy"),
)
FIRST_INTENSITY: Final = 0.75
FIRST_LENGTH_S: Final = 8.0


def build_demo(settings: DemoSettings, studio: Studio) -> gr.Blocks:
    """The page, ready to be launched.

    Args:
        settings: How it is served.
        studio: Where results are made and kept.
    """
    thinker = Thinker(studio, settings.max_speech_s)
    examples = [Example(_copied(studio, file), basis, name) for file, basis, name in PORTRAITS]
    speech, said = _copied(studio, "speech.wav"), example_path("speech.txt").read_text(encoding="utf-8").strip()
    first = Asked(STARTERS[0], FIRST_INTENSITY, FIRST_LENGTH_S, speech, said)
    plan = thinker.think(first)
    page: gr.Blocks
    with gr.Blocks(title="espressivo", analytics_enabled=False) as page:
        limits = Limits(
            page, settings.num_renders, settings.num_previews, settings.max_speech_s, settings.max_batch_jobs,
            settings.job_timeout_s,
        )  # fmt: skip
        with gr.Row(elem_id="masthead", equal_height=True):
            gr.HTML(MASTHEAD, scale=8, min_width=200)
            dark = gr.Button("Light or dark", size="sm", elem_id="dark", scale=0, min_width=110)
            dark.click(None, js=DARK_JS, api_visibility="private")
        words = build_words()
        with gr.Row(elem_id="work", equal_height=False):
            with gr.Column(scale=7, min_width=320), gr.Tabs(elem_id="acts"):
                with gr.Tab("Talking head", id="talk"):
                    talk = build_talk(examples, speech, said)
                with gr.Tab("Music", id="music"):
                    music = build_music()
                with gr.Tab("Scene", id="scene"):
                    scene = gr.Column()
                with gr.Tab("Compare", id="compare"):
                    compare = gr.Column()
                with gr.Tab("Batch", id="batch"):
                    batch = gr.Column()
                with gr.Tab("Share", id="share"):
                    share = gr.Column()
                with gr.Tab("About", id="about"):
                    gr.Markdown(ABOUT, elem_id="about")
            with gr.Column(scale=5, min_width=320, elem_id="bench-column"):
                bench = build_bench(plan, first.key)
        asked = wire_feeling(thinker, words, bench, talk.length, talk.speech, talk.transcript)
        stoppable = Stoppable(thinker, bench, asked, limits)
        wire_talk(studio, thinker, talk, bench, stoppable, limits)
        wire_music(studio, music, bench, stoppable)
        with scene:
            build_scene(studio, bench, talk, music, stoppable, limits)
        with compare:
            build_compare(studio, talk, stoppable)
        with batch:
            build_batch(studio, talk, music, stoppable, limits)
        with share:
            build_share(words, bench, talk, music)
        build_api(studio, thinker, limits)
        page.unload(_leaver(studio))
    page.queue(max_size=settings.max_waiting, default_concurrency_limit=4)
    return page


def _copied(studio: Studio, name: str) -> Path:
    """An example in the folder that Gradio may serve from; the package's own folders stay closed to it."""
    target = studio.folder / "examples" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(example_path(name), target)
    return target


def _leaver(studio: Studio) -> Callable[[gr.Request], None]:
    def leave(request: gr.Request) -> None:
        studio.forget(request.session_hash)

    return leave
