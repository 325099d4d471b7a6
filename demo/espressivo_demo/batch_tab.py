"""The tab in which many jobs are rendered from a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr

from espressivo.emotion.ontology import Ontology
from espressivo.errors import ImageInputError
from espressivo_demo.batching import checked_jobs, jobs_html, lay_out, manifest_of, run_batch
from espressivo_demo.bundle import source_name
from espressivo_demo.compare_tab import parse_intensities
from espressivo_demo.music_tab import MusicTab, music_settings_of
from espressivo_demo.parts import Limits, Stoppable, seed_of
from espressivo_demo.running import kindly
from espressivo_demo.studio import Studio
from espressivo_demo.talk_tab import TalkTab, settings_of

__all__ = ["build_batch"]

KINDS: Final = [("plans", "plan"), ("music", "compose"), ("talking heads", "talk"), ("scenes", "scene")]
EMOTIONS: Final = ["joy", "awe", "sadness"]
EMPTY: Final = '<div class="empty">Build a manifest or drop one, look it over, then run it. Every job is shown here.</div>'
SECONDS: Final = 8.0


def build_batch(studio: Studio, talk: TalkTab, music: MusicTab, stoppable: Stoppable, limits: Limits) -> None:
    """Lay the tab out and connect it."""
    gr.HTML("<p>Many jobs in one go. A manifest has a job a line; build one from the settings of the other tabs, or drop your "
            "own with the files that it names.</p>", elem_classes="lead")  # fmt: skip
    with gr.Row(equal_height=True):
        kind = gr.Dropdown(KINDS, value="compose", label="Make", elem_id="batch-kind", scale=1, min_width=130)
        emotions = gr.Dropdown(
            sorted(node.name for node in Ontology.load()), value=EMOTIONS, multiselect=True, label="for the emotions",
            elem_id="batch-words", scale=3, min_width=240,
        )  # fmt: skip
        intensities = gr.Textbox("0.7", label="at the intensities", elem_id="batch-intensities", scale=1, min_width=120)
        build = gr.Button("Build the manifest", elem_id="build-manifest", scale=1, min_width=150)
    manifest = gr.Code(label="Manifest, a job a line", language="json", lines=4, max_lines=12, elem_id="manifest",
                       wrap_lines=True)  # fmt: skip
    with gr.Accordion("Your own manifest and files", open=False, elem_id="own-manifest"), gr.Row():
        dropped = gr.File(label="Manifest (.jsonl, .csv, .yaml)", file_types=[".jsonl", ".csv", ".yaml", ".yml"], height=120,
                          elem_id="drop-manifest")  # fmt: skip
        inputs = gr.File(label="Files that it names", file_count="multiple", height=120, elem_id="drop-inputs")
    with gr.Row(elem_classes="act"):
        button = gr.Button("Run the batch", variant="primary", elem_id="run-batch", scale=5, min_width=180)
        stop = gr.Button("Stop", elem_id="stop-batch", scale=1, min_width=80, interactive=False)
    table = gr.HTML(EMPTY, elem_id="jobs", label="Jobs", min_height=96)
    with gr.Column(visible=False, elem_id="batch-results") as results:
        report = gr.HTML(elem_id="report")
        files = gr.File(label="Report, and everything with it", file_count="multiple", interactive=False, elem_id="batch-files")

    def built(
        kind: str, words: list[str], strengths: str, portrait: str | None, speech: str | None, length: float, seconds: float,
        *settings: Any,  # noqa: ANN401 - values of components
    ) -> str:  # fmt: skip
        if kind in {"talk", "scene"} and portrait is None:
            raise ImageInputError("image.missing", "there is no portrait yet: choose one under Talking head")
        faces, sounds = settings[: len(talk.settings)], settings[len(talk.settings) :]
        return manifest_of(
            kind, words, parse_intensities(strengths), duration_s=seconds if kind == "compose" else length,
            portrait=source_name("portrait", Path(portrait)) if portrait else None,
            speech=source_name("speech", Path(speech)) if speech else None, talk=settings_of(*faces),
            music=music_settings_of(*sounds),
        )  # fmt: skip

    def run(
        request: gr.Request, text: str, dropped: str | None, named: list[str] | None, portrait: str | None, speech: str | None,
        seed: str, progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
    ) -> Iterator[Any]:  # fmt: skip
        folder = studio.new_folder(request.session_hash)
        for path, name in ((portrait, "portrait"), (speech, "speech")):
            if path and not dropped:
                (folder / source_name(name, Path(path))).write_bytes(Path(path).read_bytes())
        source = lay_out(folder, Path(dropped) if dropped else text or "", [Path(path) for path in named or []])
        jobs = checked_jobs(source, seed_of(seed), max_jobs=limits.max_batch_jobs)
        states: dict[str, str] = {}
        yield [jobs_html(jobs, states), gr.Column(visible=False), gr.skip(), gr.skip()]
        steps, shown = run_batch(jobs, folder, limits.job_timeout_s, states, progress), dict(states)
        while True:
            try:
                step = next(steps)
            except StopIteration as stopped:
                made = stopped.value
                break
            if states != shown:
                shown = dict(states)
                step = [jobs_html(jobs, shown), gr.skip(), gr.skip(), gr.skip()]
            yield step
        yield [
            jobs_html(jobs, states, made.records),
            gr.Column(visible=True),
            _framed(made.report.read_text(encoding="utf-8")),
            [str(made.report), str(made.archive)],
        ]

    gathered = [kind, emotions, intensities, talk.portrait, talk.speech, talk.length, music.seconds]
    build.click(kindly(built), [*gathered, *talk.settings, *music.settings], manifest, api_visibility="private")
    sources = [manifest, dropped, inputs, talk.portrait, talk.speech, talk.seed]
    stoppable(button, stop, run, sources, [table, results, report, files], table, thinks=False)


def _framed(page: str) -> str:
    """The report in a frame that may run nothing and reach nothing."""
    return f'<iframe title="Report of the run" sandbox="" srcdoc="{escape(page)}"></iframe>'
