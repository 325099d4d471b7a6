"""The tab to keep, send and automate what is on the page."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import gradio as gr

from espressivo.emotion.request import Personality
from espressivo.music.theory import PITCH_CLASS_NAMES
from espressivo_demo.feeling import Bench, Words, shown_values
from espressivo_demo.music_tab import ANY, PLANS, MusicTab, music_settings_of
from espressivo_demo.parts import seed_of
from espressivo_demo.running import kindly
from espressivo_demo.sharing import PageSettings
from espressivo_demo.talk_tab import GAINS, TalkTab, settings_of
from espressivo_demo.thinking import given_plan, personality_of

__all__ = ["build_share"]

SAVE_SETTINGS_JS: Final = """(text) => {
  if (!text) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "espressivo-settings.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""
CLIENT: Final = """from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")  # this page's address; auth=("user", "password") where it asks for one

plan = client.predict(emotion="joy turning to awe", intensity=0.75, duration_s=8, api_name="/plan")

video, files, seed = client.predict(
    portrait=handle_file("portrait.png"),
    speech=handle_file("speech.wav"),
    plan=plan,
    settings={"consent": "own_likeness", "size": 512},
    seed=7,
    api_name="/talking_head",
)

wav, files, achieved, seed = client.predict(plan=plan, duration_s=30, settings={"metre": "3/4"}, api_name="/compose")

# Long runs: submit, watch, stop.
job = client.submit(manifest=handle_file("jobs.jsonl"), api_name="/batch")
print(job.status())
job.cancel()
"""


def build_share(words: Words, bench: Bench, talk: TalkTab, music: MusicTab) -> None:
    """Lay the tab out and connect it."""
    gr.HTML("<h3>Settings</h3><p>Words, plan with all edits, person, seeds and settings in one small file. Portrait, speech and "
            "consent are not in it; the <b>bundle</b> below each result has portrait and speech too.</p>",
            elem_classes="lead")  # fmt: skip
    with gr.Row(elem_classes="quiet-row"):
        save = gr.Button("Save the settings", elem_id="save-settings", size="sm")
        upload = gr.UploadButton("Open settings", file_types=[".json"], elem_id="open-settings", size="sm")
    document = gr.Textbox(visible="hidden", label="Settings as JSON", elem_id="settings-text")
    gr.HTML("<h3>From a program</h3><p>Five named events: <code>plan</code>, <code>talking_head</code>, <code>compose</code>, "
            "<code>scene</code>, <code>batch</code>. What they take is under <a href='?view=api'>Use via API</a>; the same is "
            "there as a command line and as Python below every result.</p>", elem_classes="lead")  # fmt: skip
    gr.Code(CLIENT, language="python", label="With gradio_client", interactive=False, buttons=["copy"], elem_id="client-code")

    asked = [words.words, words.intensity, talk.length, *bench.traits]
    mine = [bench.plan, talk.transcript, talk.seed, music.seconds, music.seed, *talk.settings, *music.settings]

    def gather(emotion: str, intensity: float, length_s: float, *rest: Any) -> str:  # noqa: ANN401 - values of components
        count = len(Personality.model_fields)
        traits, (text, transcript, talk_seed, seconds, music_seed, *settings) = rest[:count], rest[count:]
        faces, sounds = settings[: len(talk.settings)], settings[len(talk.settings) :]
        return PageSettings.of(
            emotion=emotion, intensity=intensity, length_s=length_s, personality=personality_of(traits), plan=given_plan(text),
            transcript=transcript or "", talk=settings_of(*faces) | {"consent": None}, talk_seed=seed_of(talk_seed),
            music=music_settings_of(*sounds), music_length_s=seconds, music_seed=seed_of(music_seed),
        ).to_json()  # fmt: skip

    def opened(path: str) -> list[Any]:
        found = PageSettings.load(Path(path))
        key = PITCH_CLASS_NAMES[found.music.tonic] if found.music.tonic is not None else ANY
        return [
            found.emotion, found.intensity, found.length_s, *found.personality.model_dump().values(), found.transcript,
            _text(found.talk_seed), found.music_length_s, _text(found.music_seed), found.talk.size or 1024, _rate(found.talk.fps),
            found.talk.label, *(getattr(found.talk, name) for name in GAINS), found.music.composer, found.music.palette or ANY,
            key, found.music.mode or PLANS, found.music.metre or ANY, found.music.tempo_bpm or 0,
            found.music.chords or "",
            # The plan came with its edits: equal words must not replace it.
            "", *shown_values(found.plan, 0),
        ]  # fmt: skip

    save.click(kindly(gather), [*asked, *mine], document, api_visibility="private").success(
        None, document, js=SAVE_SETTINGS_JS, api_visibility="private"
    )
    faces = [talk.size, talk.fps, talk.label, *talk.gains]
    targets = [*asked, talk.transcript, talk.seed, music.seconds, music.seed, *faces, *music.settings, bench.planned]
    upload.upload(kindly(opened), upload, [*targets, *bench.shown], api_visibility="private")


def _text(seed: int | None) -> str:
    return "" if seed is None else str(seed)


def _rate(fps: Fraction) -> str:
    return str(fps)
