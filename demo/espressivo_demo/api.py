"""The five named events for other programs. They are apart from the page's layout, so that it may change and clients do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import EmotionInputError
from espressivo.music.settings import MusicSettings
from espressivo.settings import validated
from espressivo_demo.batching import checked_jobs, lay_out, run_batch
from espressivo_demo.composing import compose as compose_music
from espressivo_demo.filming import Cast, prepare, shoot, shoot_scene
from espressivo_demo.parts import Limits
from espressivo_demo.running import kindly
from espressivo_demo.studio import Studio
from espressivo_demo.thinking import Asked, Thinker

__all__ = ["build_api"]

Json = dict[str, Any] | None

NO_PLAYER = ""


def build_api(studio: Studio, thinker: Thinker, limits: Limits) -> None:
    """Add the events to the page, behind components that nobody sees."""
    shared: dict[str, Any] = {"concurrency_id": "render", "concurrency_limit": limits.num_renders}
    with gr.Row(visible=False):
        emotion = gr.Textbox(label="emotion: a word, a mixture, an arc, keyframes or a sentence", max_length=2000)
        intensity = gr.Slider(0, 1, value=0.75, label="intensity, 0 to 1")
        duration = gr.Number(8, label="duration_s: length where there is no speech", minimum=0.2, maximum=1800)
        plan = gr.JSON(None, label="plan: a plan; where there is none, the emotion decides")
        portrait = gr.Image(type="filepath", image_mode=None, format="png", label="portrait: picture of one face")
        speech = gr.Audio(type="filepath", label="speech: recording, which decides the length")
        transcript = gr.Textbox(label="transcript: what is said", max_length=20_000)
        seed = gr.Number(None, label="seed; none draws one", precision=0, minimum=0)
        settings = gr.JSON(None, label="settings by name; consent is needed for a portrait")
        music = gr.JSON(None, label="settings of the music by name")
        manifest = gr.File(label="manifest: .jsonl, .csv or .yaml", file_types=[".jsonl", ".csv", ".yaml", ".yml"])
        inputs = gr.File(label="inputs: the files that the manifest names", file_count="multiple")
        made_plan = gr.JSON(label="plan")
        video = gr.File(label="video")
        sound = gr.File(label="sound")
        files = gr.File(label="files", file_count="multiple")
        achieved = gr.JSON(label="attributes: asked, achieved, is_met")
        records = gr.JSON(label="records, a job each")
        used = gr.Number(label="seed used", precision=0)
        trigger = gr.Button()

    def thought(
        text: str | None, strength: float, length_s: float, given: Json, heard: str | None, said: str | None
    ) -> EmotionPlan:
        if given:
            return EmotionPlan.from_json(json.dumps(given))
        if not text:
            raise EmotionInputError("emotion.one_form", "give an emotion or a plan; got neither")
        return thinker.think(Asked(text, strength, length_s, Path(heard) if heard else None, (said or "").strip() or None))

    def plan_event(
        emotion: str,
        intensity: float = 0.75,
        duration_s: float = 8.0,
        speech: str | None = None,
        transcript: str | None = None,
    ) -> Json:
        """Words to a plan: the chain of thought, and for every segment muscles, head, gaze and music."""
        return thought(emotion, intensity, duration_s, None, speech, transcript).model_dump(mode="json")

    def talking_head(
        request: gr.Request, portrait: str | None, speech: str | None = None, emotion: str | None = None, plan: Json = None,
        transcript: str | None = None, intensity: float = 0.75, duration_s: float = 8.0, settings: Json = None,
        seed: int | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how gradio injects it
    ) -> Iterator[Any]:  # fmt: skip
        """Portrait, speech and feeling to a film; the files hold the track, the plan and a bundle."""
        thinking = thought(emotion, intensity, duration_s, plan, speech, transcript)
        cast = Cast.of(thinking, portrait, speech, transcript, seed, settings or {}, max_speech_s=limits.max_speech_s)
        prepared = yield from prepare(studio, cast, progress, NO_PLAYER)
        made = yield from shoot(prepared, studio.new_folder(request.session_hash), progress)
        yield str(made.video), [str(path) for path in made.files], cast.seed

    def compose(
        request: gr.Request, emotion: str | None = None, plan: Json = None, intensity: float = 0.75, duration_s: float = 8.0,
        settings: Json = None, seed: int | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - as above
    ) -> Iterator[Any]:  # fmt: skip
        """A feeling to music: sound, MIDI, plan and a bundle, and what was achieved of what was asked."""
        thinking = thought(emotion, intensity, duration_s, plan, None, None)
        checked = validated(MusicSettings, settings or {})
        folder = studio.new_folder(request.session_hash)
        made = yield from compose_music(studio, thinking, duration_s, seed, checked, folder, progress)
        told = [asdict(row) | {"is_met": row.is_met} for row in made.piece.attributes]
        yield str(made.wav), [str(path) for path in made.files], told, made.recipe.seed

    def scene(
        request: gr.Request, portrait: str | None, speech: str | None = None, emotion: str | None = None, plan: Json = None,
        transcript: str | None = None, intensity: float = 0.75, duration_s: float = 8.0, settings: Json = None,
        music: Json = None, seed: int | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - as above
    ) -> Iterator[Any]:  # fmt: skip
        """A talking head with the music of the same plan under it."""
        thinking = thought(emotion, intensity, duration_s, plan, speech, transcript)
        cast = Cast.of(thinking, portrait, speech, transcript, seed, settings or {}, max_speech_s=limits.max_speech_s)
        checked = validated(MusicSettings, music or {})
        made = yield from shoot_scene(studio, cast, checked, studio.new_folder(request.session_hash), progress, NO_PLAYER)
        yield str(made.video), [str(path) for path in made.files], cast.seed

    def batch(
        request: gr.Request, manifest: str, inputs: list[str] | None = None, seed: int | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - as above
    ) -> Iterator[Any]:  # fmt: skip
        """A manifest to results: report and archive, and the record of every job."""
        folder = studio.new_folder(request.session_hash)
        source = lay_out(folder, Path(manifest), [Path(path) for path in inputs or []])
        jobs = checked_jobs(source, seed, max_jobs=limits.max_batch_jobs)
        made = yield from run_batch(jobs, folder, limits.job_timeout_s, {}, progress)
        told = [record.model_dump(mode="json", exclude={"traceback"}) for record in made.records]
        yield [str(made.report), str(made.archive)], told

    face = [portrait, speech, emotion, plan, transcript, intensity, duration, settings]
    trigger.click(kindly(plan_event), [emotion, intensity, duration, speech, transcript], made_plan, api_name="plan")
    trigger.click(kindly(talking_head), [*face, seed], [video, files, used], api_name="talking_head", **shared)
    trigger.click(
        kindly(compose), [emotion, plan, intensity, duration, settings, seed], [sound, files, achieved, used], api_name="compose",
        **shared,
    )  # fmt: skip
    trigger.click(kindly(scene), [*face, music, seed], [video, files, used], api_name="scene", **shared)
    trigger.click(kindly(batch), [manifest, inputs, seed], [files, records], api_name="batch", **shared)
