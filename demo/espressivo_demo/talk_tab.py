"""The tab in which a portrait speaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from PIL import Image

from espressivo.media.image import load_image
from espressivo.provenance import ConsentBasis
from espressivo.speech.voices import installed_voices, save_spoken
from espressivo_demo.feeling import Bench, event_number
from espressivo_demo.filming import Cast, prepare, shoot
from espressivo_demo.parts import CodeBox, Limits, Stoppable, code_box, frame_html, seed_box, seed_of
from espressivo_demo.running import kindly
from espressivo_demo.studio import Studio
from espressivo_demo.thinking import Thinker, given_plan, jpeg_uri
from espressivo_demo.widgets import gallery_widget

__all__ = ["GAINS", "Example", "TalkTab", "build_talk", "wire_talk"]

CONSENT: Final = [
    ("my own likeness", "own_likeness"),
    ("written permission", "written_permission"),
    ("a synthetic person", "synthetic_person"),
    ("a public-domain artwork", "public_domain_artwork"),
]
# What the slider says, and how far it goes.
GAINS: Final = {
    "guidance_speech": ("Lips", 3),
    "guidance_emotion": ("Emotion", 3),
    "guidance_muscles": ("Single muscles", 3),
    "head": ("Head", 3),
    "gaze": ("Gaze", 3),
    "blinks": ("Blinks", 3),
    "own_expression": ("The photograph's expression", 1),
}
FRAME_RATES: Final = ["24", "25", "30000/1001", "30", "50"]
PLAYER: Final = "#video video"
THUMBNAIL_PX: Final = 160


@dataclass(frozen=True, slots=True)
class Example:
    """A portrait that comes with the package."""

    path: Path
    consent: ConsentBasis
    name: str


@dataclass(frozen=True)
class TalkTab:
    """Components of the tab that others use too."""

    portrait: gr.Image
    speech: gr.Audio
    transcript: gr.Textbox
    voice: gr.Dropdown
    say: gr.Button
    length: gr.Slider
    consent: gr.Radio
    size: gr.Slider
    fps: gr.Dropdown
    seed: gr.Textbox
    label: gr.Checkbox
    gains: list[gr.Slider]
    strip: gr.HTML
    film: gr.Button
    stop: gr.Button
    results: gr.Column
    source: gr.HTML
    video: gr.Video
    chart: gr.HTML
    used: gr.Textbox
    files: gr.File
    code: CodeBox

    @property
    def sources(self) -> list[Any]:
        """Portrait, speech, transcript and seed, in the order of :meth:`Cast.of`."""
        return [self.portrait, self.speech, self.transcript, self.seed]

    @property
    def settings(self) -> list[Any]:
        """Inputs of :func:`settings_of`."""
        return [self.size, self.fps, self.consent, self.label, *self.gains]


def settings_of(size: float, fps: str, consent: str | None, label: bool, *gains: float) -> dict[str, Any]:  # noqa: FBT001
    """Settings of the talking head by name, as the page has them."""
    return {"size": int(size), "fps": fps, "consent": consent, "label": label, **dict(zip(GAINS, gains, strict=True))}


def build_talk(examples: list[Example], speech_example: Path, words: str) -> TalkTab:
    """Lay the tab out.

    Args:
        examples: Portraits to choose from; the first is there already.
        speech_example: Recording that is there already.
        words: What is said in it.
    """
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=240):
            portrait = gr.Image(
                str(examples[0].path), label="Portrait", type="filepath", format="png", image_mode=None, height=320,
                sources=["upload", "webcam"], elem_id="portrait", alt_text="The portrait that will speak", buttons=[],
            )  # fmt: skip
            gallery = gallery_widget([_choice(example) for example in examples], elem_id="examples")
        with gr.Column(scale=6, min_width=260):
            speech = gr.Audio(
                str(speech_example), label="Speech", type="filepath", sources=["upload", "microphone"], elem_id="speech",
                buttons=[],
            )  # fmt: skip
            transcript = gr.Textbox(
                words, label="What is said (English; makes the lips exact)", lines=2, max_lines=5, max_length=20000,
                elem_id="transcript",
            )  # fmt: skip
            voices = installed_voices()
            with gr.Row(equal_height=True, visible=bool(voices)):
                voice = gr.Dropdown(
                    voices, value=next(iter(voices), None), label="Voice", elem_id="voice", scale=2, min_width=120
                )
                say = gr.Button("Say these words", elem_id="say", scale=1, min_width=120)
            consent = gr.Radio(
                CONSENT, value=examples[0].consent, label="Consent: why may this portrait be used?", elem_id="consent"
            )
    with gr.Row(elem_classes="act"):
        film = gr.Button("Film it", variant="primary", elem_id="film", scale=5, min_width=180)
        stop = gr.Button("Stop", elem_id="stop", scale=1, min_width=80, interactive=False)
    strip = gr.HTML(elem_id="strip", label="How it will look", min_height=96)
    with gr.Column(visible=False, elem_id="talk-results") as results:
        with gr.Row(elem_classes="side-by-side", equal_height=False):
            source = gr.HTML(elem_id="source")
            video = gr.Video(label="Film", interactive=False, elem_id="video", autoplay=True, buttons=["download"])
        chart = gr.HTML(elem_id="performance")
        files = gr.File(label="Files; the bundle holds all, and the commands", file_count="multiple", interactive=False,
                        elem_id="talk-files")  # fmt: skip
        code = code_box()
    with gr.Accordion("Settings", open=False, elem_id="talk-settings"):
        with gr.Row():
            size = gr.Slider(128, 1024, value=512, step=64, label="Shorter side, pixels", elem_id="size")
            fps = gr.Dropdown(FRAME_RATES, value="25", label="Frames a second")
            length = gr.Slider(2, 60, value=8, step=0.5, label="Seconds, where nothing is said", elem_id="length")
        with gr.Row():
            gains = [gr.Slider(0, most, value=1, step=0.1, label=label, min_width=200) for label, most in GAINS.values()]
        with gr.Row(equal_height=True):
            seed = seed_box("seed")
            used = gr.Textbox("", label="Seed used last", interactive=False, elem_id="seed-used", min_width=140)
        label = gr.Checkbox(value=True, label="Say in a corner that it is AI-generated", elem_id="label")

    def take(event: gr.EventData) -> tuple[str, str]:
        example = examples[int(event_number(event, "index")) % len(examples)]
        return str(example.path), example.consent

    gallery.edit(kindly(take), None, [portrait, consent], api_visibility="private", show_progress="hidden")
    # Somebody else's picture or voice: neither the consent nor the words of the example hold for it.
    portrait.input(lambda: None, None, consent, api_visibility="private")
    speech.input(lambda: "", None, transcript, api_visibility="private")
    return TalkTab(
        portrait, speech, transcript, voice, say, length, consent, size, fps, seed, label, gains, strip, film, stop, results,
        source, video, chart, used, files, code,
    )  # fmt: skip


def _choice(example: Example) -> dict[str, str]:
    picture = Image.fromarray(load_image(example.path))
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return {"label": example.name, "src": jpeg_uri(np.asarray(picture))}


def wire_talk(studio: Studio, thinker: Thinker, tab: TalkTab, bench: Bench, stoppable: Stoppable, limits: Limits) -> None:
    """Connect the preview and the button."""

    def preview(text: str, portrait: str | None) -> str:
        return thinker.preview(given_plan(text), Path(portrait)) if portrait else ""

    def say(request: gr.Request, words: str, voice: str) -> str:
        spoken = studio.new_folder(request.session_hash) / "spoken.wav"
        save_spoken(words, spoken, voice)
        return str(spoken)

    tab.say.click(kindly(say), [tab.transcript, tab.voice], tab.speech, api_visibility="private", concurrency_id="say")
    gr.on(
        [bench.plan.change, tab.portrait.change, limits.page.load], kindly(preview), [bench.plan, tab.portrait], tab.strip,
        api_visibility="private", concurrency_id="preview", concurrency_limit=limits.num_previews, trigger_mode="always_last",
        show_progress="minimal",
    )  # fmt: skip

    def run(
        request: gr.Request, text: str, portrait: str | None, speech: str | None, transcript: str, seed: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
        *settings: Any,  # noqa: ANN401 - values of components
    ) -> Iterator[Any]:  # fmt: skip
        cast = Cast.of(
            given_plan(text),
            portrait,
            speech,
            transcript,
            seed_of(seed),
            settings_of(*settings),
            max_speech_s=limits.max_speech_s,
        )
        prepared = yield from prepare(studio, cast, progress, PLAYER)
        yield [prepared.strip, *[gr.skip()] * 6, *tab.code.skipped]
        made = yield from shoot(prepared, studio.new_folder(request.session_hash), progress)
        yield [
            gr.skip(),
            gr.Column(visible=True),
            frame_html(prepared.run.portrait.image, "The portrait"),
            str(made.video),
            prepared.chart,
            str(cast.seed),
            [str(path) for path in made.files],
            *tab.code.filled(made.recipe),
        ]

    outputs = [tab.strip, tab.results, tab.source, tab.video, tab.chart, tab.used, tab.files, *tab.code.boxes]
    inputs = [bench.plan, *tab.sources, *tab.settings]
    stoppable(tab.film, tab.stop, run, inputs, outputs, tab.strip)
