"""Portrait + speech + emotion -> a talking head with its music under it: one plan, one timeline for both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from espressivo.composition import MusicPipeline, MusicPipelineOutput
from espressivo.emotion.intake import Emotion
from espressivo.emotion.plan import EmotionPlan, save_plan
from espressivo.errors import SettingError
from espressivo.film import film
from espressivo.media.atomic import atomic_outputs
from espressivo.media.clip import AudioClip
from espressivo.media.video import replace_audio
from espressivo.music.compose import MusicSettings
from espressivo.music.mix import mix_under_speech
from espressivo.progress import CancelToken, ProgressCallback, StageTimer
from espressivo.provenance import Provenance, describe_run, digest
from espressivo.seeds import HasInitialSeed, child_seed, resolve_seed
from espressivo.settings import TalkSettings
from espressivo.talking_head import TalkingHeadPipeline, TalkingHeadPipelineOutput

__all__ = ["SceneFiles", "ScenePipeline", "ScenePipelineOutput"]


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """Where the parts of a scene go; ``None`` for what is not wanted."""

    scene: Path
    talk: Path | None = None
    midi: Path | None = None
    wav: Path | None = None
    plan: Path | None = None
    track: Path | None = None
    track_csv: Path | None = None
    provenance: Path | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """All of them, under their usual names."""
        return cls(
            scene=folder / "scene.mp4",
            talk=folder / "talk.mp4",
            midi=folder / "music.mid",
            wav=folder / "music.wav",
            plan=folder / "plan.json",
            track=folder / "actions.safetensors",
            track_csv=folder / "actions.csv",
            provenance=folder / "provenance.json",
        )

    def wanted(self) -> list[Path]:
        """The paths that are set."""
        every = (self.talk, self.scene, self.midi, self.wav, self.plan, self.track, self.track_csv, self.provenance)
        return [path for path in every if path is not None]


@dataclass(frozen=True, slots=True)
class ScenePipelineOutput:
    """What a run gives back.

    Attributes:
        talk: The talking head's part.
        music: The music's part.
        audio: The mix of speech and music.
        files: What was written.
        seed: The seed that was used; the same seed gives the same bytes.
        seconds: Time spent by stage.
        provenance: What the scene was made from and how.
    """

    talk: TalkingHeadPipelineOutput
    music: MusicPipelineOutput
    audio: AudioClip
    files: SceneFiles
    seed: int
    seconds: dict[str, float]
    provenance: Provenance


class ScenePipeline:
    """Joins the two other pipelines. One instance may serve several threads at once.

    Args:
        talking_head: Makes the face.
        music: Makes the music.
    """

    def __init__(self, talking_head: TalkingHeadPipeline, music: MusicPipeline) -> None:
        self.talking_head = talking_head
        self.music = music

    @classmethod
    def from_pretrained(cls, path: Path | None = None) -> Self:
        """Load both pipelines; ``path`` as for :meth:`TalkingHeadPipeline.from_pretrained`."""
        return cls(TalkingHeadPipeline.from_pretrained(path), MusicPipeline.from_pretrained())

    def __call__(
        self,
        portrait: Path | NDArray[np.uint8],
        speech: Path | AudioClip | None = None,
        emotion: Emotion | None = None,
        *,
        files: SceneFiles,
        plan: EmotionPlan | Path | None = None,
        intensity: float | None = None,
        transcript: str | None = None,
        duration_s: float | None = None,
        settings: TalkSettings | None = None,
        music_settings: MusicSettings | None = None,
        seed: int | None = None,
        generator: HasInitialSeed | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> ScenePipelineOutput:
        """Render a scene. Arguments as for the two other pipelines; ``files`` says what is written.

        Raises:
            InputError: Something given cannot be used; nothing was written.
            EncodeError: A file could not be written; existing files are untouched.
            Cancelled: ``cancel`` was set; nothing was written.
        """
        if files.scene.suffix.lower() != ".mp4":
            raise SettingError(
                "setting.output_path", f"{files.scene.name} does not end in .mp4, the one container that is written"
            )
        seed = resolve_seed(generator.initial_seed() if generator is not None else seed)
        talk = self.talking_head(
            portrait,
            speech,
            emotion,
            plan=plan,
            intensity=intensity,
            transcript=transcript,
            duration_s=duration_s,
            settings=settings,
            seed=seed,
            output_type="frames",
            progress=progress,
            cancel=cancel,
        )
        assert talk.plan is not None  # noqa: S101 - only a replayed track has none
        assert talk.frames is not None  # noqa: S101 - output_type asked for them
        length_s = talk.speech.duration_s if talk.speech else talk.track.duration_s
        music = self.music(
            plan=talk.plan,
            duration_s=length_s,
            settings=music_settings,
            seed=child_seed(seed, "scene"),
            progress=progress,
            cancel=cancel,
        )
        assert music.audio is not None  # noqa: S101 - the default output type makes sound

        provenance = talk.provenance.model_copy(update=_joined(talk.provenance, music.provenance))
        timer = StageTimer(progress, cancel)
        with timer.stage("mix"):
            audio = mix_under_speech(music.audio, talk.speech) if talk.speech else music.audio
        wanted = files.wanted()
        with atomic_outputs(wanted) as parts:
            temporary = dict(zip(wanted, parts, strict=True))
            filmed = temporary[files.talk or files.scene]
            film(talk.frames, talk.track, talk.speech, filmed, talk.provenance, timer)
            with timer.stage("write"):
                replace_audio(filmed, audio, temporary[files.scene], metadata=provenance.metadata())
                _write_parts(files, temporary, talk, music)
            seconds = _summed(talk.seconds, music.seconds, timer.seconds)
            if files.provenance:
                _write_record(provenance, files.provenance, temporary, seconds)
        return ScenePipelineOutput(talk, music, audio, files, seed, seconds, provenance)


def _write_parts(
    files: SceneFiles, temporary: dict[Path, Path], talk: TalkingHeadPipelineOutput, music: MusicPipelineOutput
) -> None:
    music.save(midi_path=files.midi and temporary[files.midi], wav_path=files.wav and temporary[files.wav])
    if files.plan and talk.plan:
        save_plan(talk.plan, temporary[files.plan])
    if files.track:
        talk.track.save(temporary[files.track])
    if files.track_csv:
        talk.track.save_csv(temporary[files.track_csv])


def _joined(talk: Provenance, music: Provenance) -> dict[str, object]:
    """Fields in which the record of a scene differs from that of its talking head."""
    both = describe_run(kind="scene", seed=talk.seed, inputs={}, settings={"talk": talk.settings, "music": music.settings})
    names = ("kind", "settings", "settings_digest", "disclosure", "digital_source_type")
    return {name: getattr(both, name) for name in names}


def _write_record(provenance: Provenance, path: Path, temporary: dict[Path, Path], seconds: dict[str, float]) -> None:
    """The record, with the digests of the files beside it under their final names."""
    outputs = {final.name: digest(written) for final, written in temporary.items() if final != path}
    rounded = {stage.replace("/", "."): round(value, 3) for stage, value in seconds.items()}
    record = provenance.model_copy(update={"outputs": outputs, "stage_seconds": rounded})
    temporary[path].write_text(record.to_json(), encoding="utf-8")


def _summed(*parts: dict[str, float]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for stage, seconds in part.items():
            total[stage] = total.get(stage, 0.0) + seconds
    return total
