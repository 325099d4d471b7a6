"""Talking heads and scenes: what happens after the button is pressed."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
import numpy as np

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import ConsentError, ImageInputError
from espressivo.face.track import FacialActionTrack
from espressivo.film import film
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.music.settings import MusicSettings
from espressivo.progress import CancelToken, ProgressCallback, ProgressEvent, StageTimer
from espressivo.scene import SceneFiles
from espressivo.seeds import resolve_seed
from espressivo.settings import TalkSettings, validated
from espressivo_demo.bundle import gather, pack, source_name
from espressivo_demo.charts import performance_svg
from espressivo_demo.running import run_watched
from espressivo_demo.snippets import Recipe
from espressivo_demo.studio import Studio
from espressivo_demo.thinking import NUM_PREVIEWS, strip_html

if TYPE_CHECKING:
    from espressivo.music.score import Score
    from espressivo.talking_head import TalkingHeadPipelineOutput

__all__ = ["Cast", "FilmedScene", "FilmedTalk", "Prepared", "key_frames", "prepare", "shoot", "shoot_scene"]

Steps = Generator[Any, None, Any]
TALK_FILES: Final = ("talk.mp4", "actions.safetensors", "actions.csv", "plan.json")


@dataclass(frozen=True, slots=True)
class Cast:
    """What goes before the camera, checked.

    Attributes:
        plan: The thought to act out.
        portrait: Picture of a face.
        speech: Recording, or ``None`` for a silent film as long as the plan.
        clip: The same, read.
        transcript: What is said.
        seed: The seed to use.
        settings: Of the talking head, with a consent basis.
    """

    plan: EmotionPlan
    portrait: Path
    speech: Path | None
    clip: AudioClip | None
    transcript: str | None
    seed: int
    settings: TalkSettings

    @classmethod
    def of(
        cls,
        plan: EmotionPlan,
        portrait: str | None,
        speech: str | None,
        transcript: str | None,
        seed: int | None,
        settings: dict[str, Any],
        *,
        max_speech_s: float,
    ) -> Cast:
        """Check what the page gives.

        Raises:
            InputError: Something is missing or cannot be used.
        """
        if portrait is None:
            message = "there is no portrait yet: upload a picture of one face or take an example"
            raise ImageInputError("image.missing", message)
        if not settings.get("consent"):
            raise ConsentError("consent.missing", "say under Consent why this portrait may be used")
        clip = load_audio(Path(speech), max_duration_s=max_speech_s, require_signal=True) if speech else None
        words = (transcript or "").strip() or None
        return cls(
            plan, Path(portrait), Path(speech) if speech else None, clip, words,
            resolve_seed(seed), validated(TalkSettings, settings),
        )  # fmt: skip

    @property
    def duration_s(self) -> float | None:
        """Length to ask for: the plan's where there is no speech."""
        return None if self.clip else self.plan.duration_s

    def recipe(self, kind: Any, music: MusicSettings | None = None) -> Recipe:  # noqa: ANN401 - one of Recipe's kinds
        """The same as a command."""
        return Recipe(
            kind, self.seed, self.duration_s, self.settings.model_dump(mode="json"),
            None if music is None else music.model_dump(mode="json"), source_name("portrait", self.portrait),
            source_name("speech", self.speech) if self.speech else None, self.transcript is not None and self.speech is not None,
        )  # fmt: skip

    def gather(self, folder: Path) -> None:
        """Lay the sources beside the result."""
        gather(
            folder,
            self.plan,
            portrait=self.portrait,
            speech=self.speech,
            transcript=self.transcript if self.speech else None,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A performance that is not filmed yet."""

    cast: Cast
    run: TalkingHeadPipelineOutput
    strip: str
    chart: str


@dataclass(frozen=True, slots=True)
class FilmedTalk:
    """A talking head and its files; the last file is the bundle."""

    video: Path
    files: list[Path]
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class FilmedScene:
    """A scene and its files; the last file is the bundle."""

    video: Path
    files: list[Path]
    recipe: Recipe
    score: Score
    plan: EmotionPlan
    chart: str


def prepare(studio: Studio, cast: Cast, progress: gr.Progress, player: str) -> Generator[Any, None, Prepared]:
    """Act the plan out and draw a few key frames of it.

    Args:
        studio: The pipelines.
        cast: Who plays what.
        progress: Told every stage.
        player: CSS selector of the player that the chart follows.
    """

    def work(report: ProgressCallback, token: CancelToken) -> Prepared:
        if not studio.is_loaded:
            report(ProgressEvent("load", 0, 0))
        pipeline = studio.talking_head()
        run = pipeline(
            cast.portrait, cast.clip, plan=cast.plan, transcript=cast.transcript, settings=cast.settings, seed=cast.seed,
            output_type="frames", progress=report, cancel=token, duration_s=cast.duration_s,
        )  # fmt: skip
        return Prepared(cast, run, key_frames(studio, run, cast.plan), performance_svg(run.track, cast.clip, player))

    return (yield from run_watched(work, progress))


def shoot(prepared: Prepared, folder: Path, progress: gr.Progress) -> Generator[Any, None, FilmedTalk]:
    """Film a prepared performance and lay everything into ``folder``."""
    run, cast = prepared.run, prepared.cast
    assert run.frames is not None  # noqa: S101 - prepare has asked for them
    frames = run.frames

    def work(report: ProgressCallback, token: CancelToken) -> Recipe:
        film(frames, run.track, cast.clip, folder / "talk.mp4", run.provenance, StageTimer(report, token))
        run.track.save(folder / "actions.safetensors")
        run.track.save_csv(folder / "actions.csv")
        cast.gather(folder)
        recipe = cast.recipe("talk")
        pack(folder, recipe)
        return recipe

    recipe = yield from run_watched(work, progress)
    return FilmedTalk(folder / "talk.mp4", [folder / name for name in (*TALK_FILES, "bundle.zip")], recipe)


def shoot_scene(
    studio: Studio, cast: Cast, music: MusicSettings, folder: Path, progress: gr.Progress, player: str
) -> Generator[Any, None, FilmedScene]:
    """Film a scene: the talking head, and the music of the same plan under the speech."""
    files = SceneFiles.in_folder(folder)

    def work(report: ProgressCallback, token: CancelToken) -> FilmedScene:
        if not studio.is_loaded:
            report(ProgressEvent("load", 0, 0))
        made = studio.scene()(
            cast.portrait, cast.clip, files=files, plan=cast.plan, transcript=cast.transcript, settings=cast.settings,
            music_settings=music, duration_s=cast.duration_s, seed=cast.seed, progress=report, cancel=token,
        )  # fmt: skip
        cast.gather(folder)
        recipe = cast.recipe("scene", music)
        bundle = pack(folder, recipe)
        chart = performance_svg(made.talk.track, cast.clip, player)
        return FilmedScene(files.scene, [*files.wanted(), bundle], recipe, made.music.score, made.music.plan, chart)

    return (yield from run_watched(work, progress))


def key_frames(studio: Studio, run: TalkingHeadPipelineOutput, plan: EmotionPlan) -> str:
    """A strip of frames at even distances of a performance, as HTML."""
    track = run.track
    chosen = np.linspace(0, len(track) - 1, NUM_PREVIEWS + 2)[1:-1].astype(int)
    short = FacialActionTrack(track.weights[chosen], track.head_rotation[chosen], track.head_translation[chosen], track.fps)
    times = (chosen + 0.5) / float(track.fps)
    sample = EmotionCurve(plan).at(times)
    labels = [sample.nodes[index] for index in sample.distribution.argmax(axis=1)]
    frames = studio.talking_head().renderer.frames(run.portrait, short)
    return strip_html(list(zip(times.tolist(), labels, frames, strict=True)))
