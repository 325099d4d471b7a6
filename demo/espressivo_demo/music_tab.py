"""The tab in which the plan becomes music, or a given piece takes the plan's feeling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from espressivo.errors import MidiInputError
from espressivo.music.infilling import parse_bars
from espressivo.music.palette import palette_names
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import PITCH_CLASS_NAMES
from espressivo.settings import validated
from espressivo_demo.composing import Given, achieved_html, can_engrave, compose, piece_html
from espressivo_demo.feeling import Bench
from espressivo_demo.parts import CodeBox, Stoppable, code_box, seed_box, seed_of
from espressivo_demo.snippets import GivenUse
from espressivo_demo.studio import Studio
from espressivo_demo.thinking import given_plan
from espressivo_demo.views import MODES

__all__ = ["MusicTab", "build_music", "music_settings_of", "wire_music"]

ANY: Final = "let it choose"
PLANS: Final = "as the plan says"
METRES: Final = ["2/4", "3/4", "4/4", "6/8"]
COMPOSERS: Final = [("rules", "rules"), ("trained model", "model")]
NO_NOTATION: Final = (
    "<p>MusicXML and lead sheets are left out: they need the extra <code>notation</code>, "
    "<code>pip install 'espressivo[notation]'</code> where this page is served.</p>"
)
PLAYER: Final = "#music-audio audio"


@dataclass(frozen=True)
class MusicTab:
    """Components of the tab that others use too."""

    seconds: gr.Slider
    seed: gr.Textbox
    settings: list[Any]
    compose: gr.Button
    stop: gr.Button
    midi: gr.File
    reexpress: gr.Button
    go_on: gr.Button
    bars: gr.Textbox
    fill: gr.Button
    roll: gr.HTML
    results: gr.Column
    audio: gr.Audio
    achieved: gr.HTML
    used: gr.Textbox
    files: gr.File
    code: CodeBox


def music_settings_of(
    composer: str, palette: str, key: str, mode: str, metre: str, tempo_bpm: float, chords: str
) -> dict[str, Any]:
    """Settings of the music by name, as the page has them."""
    return {
        "composer": composer,
        "palette": None if palette == ANY else palette,
        "tonic": None if key == ANY else PITCH_CLASS_NAMES.index(key),
        "mode": None if mode == PLANS else mode,
        "metre": None if metre == ANY else metre,
        "tempo_bpm": tempo_bpm or None,
        "chords": chords.strip() or None,
    }


def build_music() -> MusicTab:
    """Lay the tab out."""
    gr.HTML("<p>Music for the plan: each segment becomes a section in its tempo, mode, register, density and loudness. "
            "Change them under <b>Music</b> beside the timeline.</p>", elem_classes="lead")  # fmt: skip
    with gr.Row(equal_height=True):
        seconds = gr.Slider(4, 180, value=30, step=1, label="Seconds", elem_id="music-seconds", scale=3, min_width=200)
        key = gr.Dropdown([ANY, *PITCH_CLASS_NAMES], value=ANY, label="Key", scale=1, min_width=120)
        palette = gr.Dropdown([ANY, *palette_names()], value=ANY, label="Instruments", scale=1, min_width=130)
    with gr.Row(elem_classes="act"):
        button = gr.Button("Compose", variant="primary", elem_id="compose", scale=5, min_width=180)
        stop = gr.Button("Stop", elem_id="stop-music", scale=1, min_width=80, interactive=False)
    roll = gr.HTML(_EMPTY_ROLL, elem_id="roll", label="Piano roll", min_height=96)
    with gr.Column(visible=False, elem_id="music-results") as results:
        audio = gr.Audio(
            label="Music", interactive=False, elem_id="music-audio", buttons=["download"],
            # Only the browser's own player is an element that the playhead can follow.
            waveform_options=gr.WaveformOptions(show_recording_waveform=False),
        )  # fmt: skip
        achieved = gr.HTML(elem_id="achieved")
        files = gr.File(label="Files; the bundle holds all, and the commands", file_count="multiple", interactive=False,
                        elem_id="music-files")  # fmt: skip
        if not can_engrave():
            gr.HTML(NO_NOTATION, elem_classes="hint")
        code = code_box()
    with gr.Accordion("Settings", open=False, elem_id="music-settings"):
        with gr.Row():
            composer = gr.Dropdown(COMPOSERS, value="rules", label="Composer", min_width=140)
            mode = gr.Dropdown([PLANS, *MODES], value=PLANS, label="Mode", min_width=140)
            metre = gr.Dropdown([ANY, *METRES], value=ANY, label="Metre", min_width=140)
        with gr.Row(equal_height=True):
            tempo = gr.Number(label="Tempo, beats a minute (0: the plan's)", value=0, minimum=0, maximum=220)
            seed = seed_box("music-seed")
            used = gr.Textbox("", label="Seed used last", interactive=False, min_width=140)
        chords = gr.Textbox(
            "", label="Chords, one a bar (empty: it chooses)", max_length=600, elem_id="chords",
            placeholder="Am F C G  or  Dm7 G7 | Cmaj7  or  i VI III VII",
        )  # fmt: skip
    with gr.Accordion("Start from your own music", open=False, elem_id="own-music"):
        gr.Markdown("Your MIDI file takes the plan's feeling (mode, tempo, register, loudness, articulation), goes on in it, "
                    "or gets some bars anew.",
                    elem_classes="hint")  # fmt: skip
        midi = gr.File(label="MIDI file", file_types=[".mid", ".midi"], elem_id="own-midi", height=110)
        with gr.Row():
            reexpress = gr.Button("Give it the plan's feeling", elem_id="reexpress")
            go_on = gr.Button("Go on from it", elem_id="go-on")
        with gr.Row(equal_height=True):
            bars = gr.Textbox("", label="Bars", placeholder="5-8", max_length=20, elem_id="bars", min_width=120)
            fill = gr.Button("Write these bars anew", elem_id="fill-bars")
    return MusicTab(
        seconds, seed, [composer, palette, key, mode, metre, tempo, chords], button, stop, midi, reexpress, go_on, bars, fill,
        roll, results, audio, achieved, used, files, code,
    )  # fmt: skip


_EMPTY_ROLL: Final = '<div class="empty">The piano roll appears here, with the curve of the feeling below the notes.</div>'


def wire_music(studio: Studio, tab: MusicTab, bench: Bench, stoppable: Stoppable) -> None:
    """Connect the buttons."""

    def run(
        request: gr.Request, text: str, use: GivenUse | None, midi: str | None, bars: str, seconds: float, seed: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
        *settings: Any,  # noqa: ANN401 - values of components
    ) -> Iterator[Any]:  # fmt: skip
        checked = validated(MusicSettings, music_settings_of(*settings))
        if use and not midi:
            raise MidiInputError("midi.missing", "there is no music yet: drop a MIDI file of at most 2 MB")
        given = Given(use, Path(midi), parse_bars(bars) if use == "fill" else None) if use and midi else None
        folder = studio.new_folder(request.session_hash)
        made = yield from compose(studio, given_plan(text), seconds, seed_of(seed), checked, folder, progress, given=given)
        yield [
            piece_html(made, PLAYER),
            gr.Column(visible=True),
            str(made.wav),
            achieved_html(made.piece.attributes),
            str(made.recipe.seed),
            [str(path) for path in made.files],
            *tab.code.filled(made.recipe),
        ]

    outputs = [tab.roll, tab.results, tab.audio, tab.achieved, tab.used, tab.files, *tab.code.boxes]
    rest = [tab.midi, tab.bars, tab.seconds, tab.seed, *tab.settings]
    for button, use in ((tab.compose, None), (tab.reexpress, "from"), (tab.go_on, "continue"), (tab.fill, "fill")):
        stoppable(button, tab.stop, run, [bench.plan, gr.State(use), *rest], outputs, tab.roll)
