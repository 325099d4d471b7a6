"""The worker that renders with the package's own pipelines, loaded when a job first needs them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espressivo.batch.jobs import Job, emotion_of, read_words
from espressivo.progress import ProgressCallback, StageTimer
from espressivo.provenance import Provenance, describe_run
from espressivo.seeds import child_seed

if TYPE_CHECKING:
    from espressivo.composition import MusicPipeline
    from espressivo.scene import ScenePipeline
    from espressivo.talking_head import TalkingHeadPipeline, TalkingHeadPipelineOutput

__all__ = ["PipelineWorker"]

SIDECAR = "provenance.json"


class PipelineWorker:
    """Renders plans, music, talking heads and scenes. All results of a job go to its folder under their usual names."""

    @cached_property
    def _talking_head(self) -> TalkingHeadPipeline:
        from espressivo.talking_head import TalkingHeadPipeline

        return TalkingHeadPipeline.from_pretrained()

    @cached_property
    def _music(self) -> MusicPipeline:
        from espressivo.composition import MusicPipeline

        return MusicPipeline.from_pretrained()

    @cached_property
    def _scene(self) -> ScenePipeline:
        from espressivo.scene import ScenePipeline

        return ScenePipeline(self._talking_head, self._music)

    def run(self, job: Job, folder: Path, progress: ProgressCallback) -> Mapping[str, float]:
        """Render a job; see :class:`espressivo.batch.execution.Worker`."""
        makers = {"plan": self._make_plan, "compose": self._make_music, "talk": self._make_talk, "scene": self._make_scene}
        return makers[job.spec.kind](job, folder, progress)

    def _make_plan(self, job: Job, folder: Path, progress: ProgressCallback) -> Mapping[str, float]:
        from espressivo.emotion.intake import receive, think
        from espressivo.emotion.plan import save_plan

        timer = StageTimer(progress)
        with timer.stage("think"):
            emotion = emotion_of(job.spec, job.inputs, job.duration_s)
            asked = receive(emotion, job.inputs.get("plan"), duration_s=job.duration_s, intensity=job.spec.intensity)
            plan = think(asked, seed=child_seed(job.seed, "plan"))
        save_plan(plan, folder / "plan.json")
        _record(describe_run(kind="plan", seed=job.seed, inputs={"plan": plan.to_json()}, settings={}), folder)
        return timer.seconds

    def _make_music(self, job: Job, folder: Path, progress: ProgressCallback) -> Mapping[str, float]:
        from espressivo.emotion.plan import save_plan
        from espressivo.music.settings import MusicSettings

        piece = self._music(
            emotion_of(job.spec, job.inputs, job.duration_s),
            plan=job.inputs.get("plan"),
            intensity=job.spec.intensity,
            duration_s=job.duration_s,
            settings=MusicSettings.model_validate(job.music),
            seed=job.seed,
            progress=progress,
        )
        piece.save(midi_path=folder / "music.mid", wav_path=folder / "music.wav")
        save_plan(piece.plan, folder / "plan.json")
        _record(piece.provenance, folder)
        return piece.seconds

    def _make_talk(self, job: Job, folder: Path, progress: ProgressCallback) -> Mapping[str, float]:
        from espressivo.emotion.plan import save_plan

        drive = job.inputs.get("drive")
        options = _face_options(job) | ({"duration_s": job.spec.duration_s} if drive else {})
        talk: TalkingHeadPipelineOutput = self._talking_head(
            job.inputs["portrait"], **options, drive=drive, progress=progress, output_path=folder / "talk.mp4"
        )
        if talk.plan is not None:
            save_plan(talk.plan, folder / "plan.json")
        talk.track.save(folder / "actions.safetensors")
        _record(talk.provenance, folder)
        return talk.seconds

    def _make_scene(self, job: Job, folder: Path, progress: ProgressCallback) -> Mapping[str, float]:
        from dataclasses import replace

        from espressivo.music.settings import MusicSettings
        from espressivo.scene import SceneFiles

        files = replace(SceneFiles.in_folder(folder), provenance=None)
        music = MusicSettings.model_validate(job.music)
        scene = self._scene(job.inputs["portrait"], **_face_options(job), files=files, music_settings=music, progress=progress)
        _record(scene.provenance, folder)
        return scene.seconds


def _face_options(job: Job) -> dict[str, Any]:
    """What talking heads and scenes are told alike."""
    from espressivo.settings import TalkSettings

    return {
        "speech": job.inputs.get("speech"),
        "emotion": emotion_of(job.spec, job.inputs, job.duration_s),
        "plan": job.inputs.get("plan"),
        "intensity": job.spec.intensity,
        "transcript": read_words(job.inputs["transcript"]) if "transcript" in job.inputs else None,
        "duration_s": None if "speech" in job.inputs else job.duration_s,
        "settings": TalkSettings.model_validate(job.settings),
        "seed": job.seed,
    }


def _record(provenance: Provenance, folder: Path) -> None:
    """The sidecar of all results; without timings, because the same job must give the same bytes."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    provenance.save(folder / SIDECAR, outputs={path.name: path for path in files})
