"""The page: compose the feeling on the left, act and hear it on the right."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import gradio as gr

from espressivo.emotion.ontology import Ontology
from espressivo.emotion.request import Personality
from espressivo.resources import example_path
from espressivo_demo.acts import Acts, kindly
from espressivo_demo.editing import ACTION_HEADERS, EMPTY, MUSIC_HEADERS, SEGMENT_HEADERS
from espressivo_demo.settings import DemoSettings
from espressivo_demo.snippets import as_command, as_python
from espressivo_demo.studio import Studio
from espressivo_demo.theme import CSS, build_theme

__all__ = ["build_demo", "launch"]

ABOUT: Final = """
### What this is, and what it is not
Emotion is *asked for* here, never recognised in people. The chain of thought and its tables come from publications; how firm each
is stands beside it. The expressions were not validated by a viewing study.

### Consent
A portrait of a real person needs that person's agreement, or another lawful basis: say which under *Consent*. It is written into
every file, together with the note that the file was generated. Deceiving people with the result is misuse; in many places the law
asks you to label such material visibly.

### Limits
One face, seen from the front, at least 64 pixels high. Turns beyond some 15 degrees bend the picture. Lips follow English best,
and best of all with a transcript.
"""
CONSENT: Final = [
    ("my own likeness", "own_likeness"),
    ("written permission", "written_permission"),
    ("a synthetic person", "synthetic_person"),
    ("a public-domain artwork", "public_domain_artwork"),
]
COMPARED: Final = ["joy", "sadness", "anger", "fear", "surprise", "disgust", "contempt", "awe"]
STARTERS: Final = [
    "joy turning to awe",
    "I can't believe we won!",
    "calm -> panic -> relief",
    "joy:0.7+surprise:0.3",
    "quiet sadness",
]


def build_demo(settings: DemoSettings, folder: Path) -> gr.Blocks:
    """The page, ready to be launched.

    Args:
        settings: How it is served.
        folder: Where results are kept until they are removed.
    """
    acts = Acts(Studio(folder), settings.max_speech_s)
    shared: dict[str, Any] = {"concurrency_id": "render", "concurrency_limit": settings.num_renders}
    demo: gr.Blocks
    with gr.Blocks(title="espressivo", analytics_enabled=False, delete_cache=(600, settings.keep_s)) as demo:
        gr.HTML(
            "<header><h1>espressivo</h1><p>One emotion, thought through once: shown by a face, heard in music. "
            "Say what is felt, press <b>Think</b>, change what you like, then film it.</p></header>",
            elem_id="masthead",
        )
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=340):
                plan_text = _feeling_panel(acts)
            with gr.Column(scale=7, min_width=340), gr.Tabs():
                with gr.Tab("Talking head", id="talk"):
                    sources = _talk_tab(acts, plan_text, shared)
                with gr.Tab("Music", id="music"):
                    _music_tab(acts, plan_text, shared)
                with gr.Tab("Scene", id="scene"):
                    _scene_tab(acts, plan_text, sources, shared)
                with gr.Tab("Compare", id="compare"):
                    _compare_tab(acts, sources["portrait"], shared)
                with gr.Tab("About", id="about"):
                    gr.Markdown(ABOUT)
    demo.queue(max_size=settings.max_waiting, default_concurrency_limit=4)
    return demo


def _feeling_panel(acts: Acts) -> gr.Textbox:
    ontology = Ontology.load()
    gr.Markdown("### The feeling")
    words = gr.Textbox(
        label="What is felt", placeholder="joy turning to awe - or any sentence", lines=2, max_length=2000, elem_id="words"
    )
    gr.Examples([[starter] for starter in STARTERS], [words], label="Try", elem_id="starters", api_visibility="private")
    picked = gr.Dropdown(
        sorted(node.name for node in ontology), label="Or a word of the ontology", filterable=True, value=None, elem_id="node"
    )
    with gr.Row():
        intensity = gr.Slider(0, 1, value=0.75, step=0.05, label="Intensity", elem_id="intensity")
        duration = gr.Slider(2, 60, value=8, step=0.5, label="Seconds, where nothing is said")
    with gr.Accordion("Whose feeling it is", open=False):
        traits = [gr.Slider(-1, 1, value=0, step=0.1, label=name.capitalize()) for name in Personality.model_fields]
    button = gr.Button("Think", variant="primary", elem_id="think")
    timeline = gr.HTML(elem_id="timeline")
    with gr.Accordion("The thought", open=True):
        thought = gr.HTML(EMPTY, elem_id="thought", max_height=420)
    with gr.Accordion("Timeline (edit, then Enter)", open=False):
        segments = gr.Dataframe(
            headers=SEGMENT_HEADERS,
            datatype=["number", "number", "str", "number"],
            type="array",
            interactive=True,
            label="Segments",
        )
    with gr.Accordion("Muscles (edit a level)", open=False):
        actions = gr.Dataframe(
            headers=ACTION_HEADERS, datatype=["number", "number", "str", "number", "str"], type="array", interactive=True,
            static_columns=[0, 1, 2, 4], label="Action units", wrap=True, elem_id="actions",
        )  # fmt: skip
    with gr.Accordion("Music (edit a value)", open=False):
        music = gr.Dataframe(headers=MUSIC_HEADERS, type="array", interactive=True, static_columns=[0], label="Attributes")
    with gr.Row():
        plan_file = gr.File(label="Plan to keep", interactive=False, elem_id="plan-file")
        upload = gr.UploadButton("Open a plan", file_types=[".json"])
    plan_text = gr.Textbox(visible="hidden", elem_id="plan-text", label="Plan as JSON")

    shown = [plan_text, timeline, thought, segments, actions, music, plan_file]
    picked.input(lambda name: name or "", picked, words, api_visibility="private")
    asked = [words, intensity, duration, *traits]
    gr.on([button.click, words.submit], kindly(acts.think), asked, shown, api_name="plan")
    segments.input(kindly(acts.retime), segments, shown, api_visibility="private")
    actions.input(kindly(acts.edit_actions), [plan_text, actions], [plan_text, plan_file], api_visibility="private")
    music.input(kindly(acts.edit_music), [plan_text, music], [plan_text, plan_file], api_visibility="private")
    upload.upload(kindly(acts.load), upload, shown, api_visibility="private")
    return plan_text


def _talk_tab(acts: Acts, plan_text: gr.Textbox, shared: dict[str, Any]) -> dict[str, Any]:
    with gr.Row():
        portrait = gr.Image(
            label="Portrait", type="filepath", format="png", image_mode=None, sources=["upload", "webcam"], height=300,
            elem_id="portrait", alt_text="The portrait that will speak",
        )  # fmt: skip
        with gr.Column():
            speech = gr.Audio(label="Speech", type="filepath", sources=["upload", "microphone"], elem_id="speech")
            transcript = gr.Textbox(label="What is said (optional, English)", lines=2, max_length=20000)
    _examples(portrait, speech, transcript)
    consent = gr.Radio(CONSENT, label="Consent: why may this portrait be used?", elem_id="consent")
    with gr.Accordion("Settings", open=False, elem_id="talk-settings"):
        with gr.Row():
            size = gr.Slider(128, 1024, value=512, step=64, label="Shorter side, pixels")
            fps = gr.Dropdown(["24", "25", "30000/1001", "30", "50"], value="25", label="Frames a second")
            seed = gr.Number(label="Seed (empty: drawn)", value=None, precision=0, minimum=0)
        names = {"guidance_speech": "Lips", "guidance_emotion": "Emotion", "guidance_muscles": "Muscles"}
        names |= {"head": "Head", "gaze": "Gaze", "blinks": "Blinks"}
        with gr.Row():
            gains = [gr.Slider(0, 3, value=1, step=0.1, label=label, min_width=120) for label in names.values()]
    with gr.Row():
        render = gr.Button("Film it", variant="primary", elem_id="film")
        stop = gr.Button("Stop", elem_id="stop")
    preview = gr.Image(label="Key frames", interactive=False, elem_id="preview", alt_text="Key frames of the video", height=150)
    video = gr.Video(label="Talking head", interactive=False, elem_id="video", height=420)
    chart = gr.HTML(elem_id="performance")
    with gr.Row():
        used = gr.Number(label="Seed used", interactive=False, precision=0)
        files = gr.File(label="Files", file_count="multiple", interactive=False)
    with gr.Accordion("The same in code", open=False):
        python = gr.Code(language="python", label="Python")
        command = gr.Code(language="shell", label="Command line")

    def gathered(size: float, fps: str, consent: str | None, *gains: float) -> dict[str, Any]:
        return {"size": int(size), "fps": fps, "consent": consent, **dict(zip(names, gains, strict=True))}

    def run(
        plan: str, portrait: str | None, speech: str | None, transcript: str, seed: float | None, size: float, fps: str,
        consent: str | None, *gains: float, progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
    ) -> Any:  # noqa: ANN401 - a generator of component updates  # fmt: skip
        _need_consent(consent)
        yield from acts.talk(plan, portrait, speech, transcript, seed, gathered(size, fps, consent, *gains), progress)

    inputs = [plan_text, portrait, speech, transcript, seed, size, fps, consent, *gains]
    event = render.click(kindly(run), inputs, [preview, video, chart, used, files], api_name="talking_head", **shared)
    stop.click(None, cancels=[event], api_visibility="private")
    coded = [used, size, fps, consent, *gains]
    used.change(
        lambda seed, *rest: (as_python(seed, gathered(*rest)), as_command(seed, gathered(*rest))),
        coded, [python, command], api_visibility="private",
    )  # fmt: skip
    return {
        "portrait": portrait, "speech": speech, "transcript": transcript, "consent": consent, "size": size, "fps": fps,
        "seed": seed, "gains": gains, "gathered": gathered,
    }  # fmt: skip


def _need_consent(consent: str | None) -> None:
    from espressivo.errors import ConsentError

    if consent is None:
        raise ConsentError("consent.missing", "say under Consent why this portrait may be used")


def _examples(portrait: gr.Image, speech: gr.Audio, transcript: gr.Textbox) -> None:
    words = example_path("speech.txt").read_text(encoding="utf-8").strip()
    portraits = ["portrait.png", "portrait_2.png", "astronaut.jpg", "grace_hopper.jpg"]
    rows = [
        [str(example_path(name)), str(example_path("speech.wav")), words] for name in portraits if example_path(name).exists()
    ]
    gr.Examples(rows, [portrait, speech, transcript], label="Examples", elem_id="examples", api_visibility="private")


def _music_tab(acts: Acts, plan_text: gr.Textbox, shared: dict[str, Any]) -> None:
    with gr.Row():
        duration = gr.Slider(4, 180, value=30, step=1, label="Seconds", elem_id="music-seconds")
        seed = gr.Number(label="Seed (empty: drawn)", value=None, precision=0, minimum=0)
    with gr.Accordion("Settings", open=False), gr.Row():
        keys = ["let it choose", "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
        tonic = gr.Dropdown(keys, value=keys[0], label="Key", type="index")
        mode = gr.Dropdown(
            ["the plan's", "phrygian", "minor", "dorian", "mixolydian", "major", "lydian"], value="the plan's", label="Mode"
        )
        metre = gr.Dropdown(["let it choose", "2/4", "3/4", "4/4", "6/8"], value="let it choose", label="Metre")
        density = gr.Slider(0.25, 3, value=1, step=0.05, label="Density")
    with gr.Row():
        button = gr.Button("Compose", variant="primary", elem_id="compose")
        stop = gr.Button("Stop")
    audio = gr.Audio(label="Music", interactive=False, elem_id="music-audio")
    roll = gr.Image(label="Piano roll", interactive=False, elem_id="roll", alt_text="Piano roll of the piece")
    with gr.Row():
        used = gr.Number(label="Seed used", interactive=False, precision=0)
        files = gr.File(label="Files", file_count="multiple", interactive=False)

    def run(
        plan: str, duration: float, seed: float | None, tonic: int, mode: str, metre: str, density: float,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
    ) -> Any:  # noqa: ANN401 - a generator of component updates  # fmt: skip
        settings = {
            "tonic": None if tonic == 0 else tonic - 1,
            "mode": None if mode == "the plan's" else mode,
            "metre": None if metre == "let it choose" else metre,
            "density_scale": density,
        }
        yield from acts.compose(plan, duration, seed, settings, progress)

    inputs = [plan_text, duration, seed, tonic, mode, metre, density]
    event = button.click(kindly(run), inputs, [roll, audio, used, files], api_name="compose", **shared)
    stop.click(None, cancels=[event], api_visibility="private")


def _scene_tab(acts: Acts, plan_text: gr.Textbox, sources: dict[str, Any], shared: dict[str, Any]) -> None:
    gr.Markdown("The portrait, speech and settings of *Talking head*, with the music of the same plan ducked under the speech.")
    with gr.Row():
        button = gr.Button("Film the scene", variant="primary", elem_id="film-scene")
        stop = gr.Button("Stop")
    video = gr.Video(label="Scene", interactive=False, elem_id="scene-video", height=460)
    roll = gr.Image(label="Piano roll", interactive=False, alt_text="Piano roll of the music")
    with gr.Row():
        used = gr.Number(label="Seed used", interactive=False, precision=0)
        files = gr.File(label="Files", file_count="multiple", interactive=False)
    gathered = sources["gathered"]

    def run(
        plan: str, portrait: str | None, speech: str | None, transcript: str, seed: float | None, size: float, fps: str,
        consent: str | None, *gains: float, progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
    ) -> Any:  # noqa: ANN401 - a generator of component updates  # fmt: skip
        _need_consent(consent)
        yield from acts.scene(plan, portrait, speech, transcript, seed, gathered(size, fps, consent, *gains), progress)

    names = ("portrait", "speech", "transcript", "seed", "size", "fps", "consent")
    inputs = [plan_text, *(sources[name] for name in names), *sources["gains"]]
    event = button.click(kindly(run), inputs, [video, roll, used, files], api_name="scene", **shared)
    stop.click(None, cancels=[event], api_visibility="private")


def _compare_tab(acts: Acts, portrait: gr.Image, shared: dict[str, Any]) -> None:
    gr.Markdown("The portrait of *Talking head* in many emotions, each at its height.")
    words = gr.Dropdown(
        sorted(node.name for node in Ontology.load()), value=COMPARED, multiselect=True, label="Emotions", max_choices=24
    )
    with gr.Row():
        intensity = gr.Slider(0, 1, value=0.9, step=0.05, label="Intensity")
        columns = gr.Slider(2, 6, value=4, step=1, label="Columns")
    button = gr.Button("Compare", variant="primary", elem_id="compare")
    grid = gr.Image(label="Emotions", interactive=False, elem_id="grid", alt_text="The portrait in several emotions")

    def run(
        portrait: str | None, words: list[str], intensity: float, columns: float,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
    ) -> Any:  # noqa: ANN401 - a generator of component updates  # fmt: skip
        yield from acts.compare(portrait, words, intensity, int(columns), progress)

    button.click(kindly(run), [portrait, words, intensity, columns], grid, api_name="compare", **shared)


def launch(settings: DemoSettings, *, prevent_thread_lock: bool = False) -> tuple[gr.Blocks, str]:
    """Serve the page; returns it with its address once it answers.

    Args:
        settings: How it is served.
        prevent_thread_lock: Return instead of serving until the process ends.
    """
    folder = Path(tempfile.mkdtemp(prefix="espressivo-demo-"))
    demo = build_demo(settings, folder)
    auth = None
    if settings.auth_file is not None:
        auth = [tuple(line.split(":", 1)) for line in settings.auth_file.read_text(encoding="utf-8").split() if ":" in line]
    _, address, _ = demo.launch(
        server_name=settings.host,
        server_port=settings.port or None,
        auth=auth,  # type: ignore[arg-type]  # pairs, which split guarantees
        share=False,
        quiet=True,
        show_error=False,
        allowed_paths=[str(folder)],
        max_file_size=f"{settings.max_upload_mb}mb",
        footer_links=["api"],
        run_history=False,
        mcp_server=False,
        ssr_mode=False,
        theme=build_theme(),
        css=CSS,
        prevent_thread_lock=prevent_thread_lock,
    )
    return demo, address
