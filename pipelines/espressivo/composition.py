"""Emotion -> music: plan, score, MIDI, sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypedDict, Unpack, overload

from espressivo.emotion.intake import Emotion, receive, think
from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.media.atomic import atomic_outputs
from espressivo.media.audio import save_wav
from espressivo.media.clip import AudioClip
from espressivo.media.midi import save_midi
from espressivo.music.asked import AttributeRow
from espressivo.music.candidates import Candidate, compose_best
from espressivo.music.compose import MusicSettings
from espressivo.music.score import Score
from espressivo.music.synthesis import synthesise
from espressivo.progress import CancelToken, ProgressCallback, StageTimer
from espressivo.provenance import Provenance, describe_run
from espressivo.seeds import HasInitialSeed, child_seed, resolve_seed

__all__ = ["MusicPipeline", "MusicPipelineOutput"]

MIN_DURATION_S = 1.0
MAX_DURATION_S = 1800.0


@dataclass(frozen=True, slots=True)
class MusicPipelineOutput:
    """What a run gives back.

    Attributes:
        plan: The chain of thought that was set to music.
        score: Notes, tempo, metre, chords.
        audio: The sound, ``None`` with ``output_type="score"``.
        attributes: Every attribute asked for beside what was achieved.
        candidates: All pieces that were composed, in order, one of them chosen.
        seed: The seed that was used; the same seed gives the same bytes.
        seconds: Time spent by stage.
        provenance: What the piece was made from and how.
    """

    plan: EmotionPlan
    score: Score
    audio: AudioClip | None
    attributes: tuple[AttributeRow, ...]
    candidates: tuple[Candidate, ...]
    seed: int
    seconds: dict[str, float]
    provenance: Provenance

    def save(self, *, midi_path: Path | None = None, wav_path: Path | None = None) -> None:
        """Write the piece, marked as AI-generated; both files appear, or none.

        Raises:
            SettingError: ``setting.output_type`` when sound is asked for that was not made.
            EncodeError: A file could not be written; existing files are untouched.
        """
        if wav_path is not None and self.audio is None:
            raise SettingError("setting.output_type", 'this run made no sound; call the pipeline with output_type="audio"')
        wanted = [path for path in (midi_path, wav_path) if path is not None]
        if not wanted:
            return
        with atomic_outputs(wanted) as parts:
            temporary = dict(zip(wanted, parts, strict=True))
            if midi_path is not None:
                save_midi(self.score.to_pretty_midi(), temporary[midi_path], metadata=self.provenance.metadata())
            if wav_path is not None and self.audio is not None:
                save_wav(self.audio, temporary[wav_path], metadata=self.provenance.metadata())


class MusicOptions(TypedDict, total=False):
    """Keyword arguments of :meth:`MusicPipeline.__call__`, for type checkers."""

    plan: EmotionPlan | Path | None
    intensity: float | None
    duration_s: float
    settings: MusicSettings | None
    best_of: int
    seed: int | None
    generator: HasInitialSeed | None
    output_type: Literal["audio", "score"]
    progress: ProgressCallback | None
    cancel: CancelToken | None


class MusicPipeline:
    """Composes music for an emotion or a plan. One instance may serve several threads at once."""

    @classmethod
    def from_pretrained(cls) -> Self:
        """The rule composer needs no weights."""
        return cls()

    @overload
    def __call__(
        self, emotion: Emotion | None = None, *, return_dict: Literal[True] = True, **options: Unpack[MusicOptions]
    ) -> MusicPipelineOutput: ...

    @overload
    def __call__(
        self, emotion: Emotion | None = None, *, return_dict: Literal[False], **options: Unpack[MusicOptions]
    ) -> tuple[Score, AudioClip | None]: ...

    def __call__(
        self,
        emotion: Emotion | None = None,
        *,
        plan: EmotionPlan | Path | None = None,
        intensity: float | None = None,
        duration_s: float = 30.0,
        settings: MusicSettings | None = None,
        best_of: int = 1,
        seed: int | None = None,
        generator: HasInitialSeed | None = None,
        output_type: Literal["audio", "score"] = "audio",
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        return_dict: bool = True,
    ) -> MusicPipelineOutput | tuple[Score, AudioClip | None]:
        """Compose a piece of exactly ``duration_s``.

        Args:
            emotion: Words, a mixture, an arc, a sentence, or a request.
            plan: A finished plan (or its file) instead of ``emotion``; the piece follows its segments.
            intensity: 0-1, with ``emotion`` as words.
            duration_s: Length in seconds, 1 to 1,800; default 30.
            settings: Instruments, tonic, metre, chords, measured attributes and the like.
            best_of: Compose so many pieces and keep the nearest to what was asked, 1 to 64.
            seed: 0 or more; ``None`` draws one.
            generator: A ``torch.Generator`` whose seed is used instead of ``seed``.
            output_type: ``"audio"`` renders sound too, ``"score"`` only composes.
            progress: Called with the stage.
            cancel: Looked at between stages.
            return_dict: ``False`` gives ``(score, audio)``.

        Raises:
            InputError: Something given cannot be used.
            Cancelled: ``cancel`` was set.
        """
        settings = settings or MusicSettings()
        seed = resolve_seed(generator.initial_seed() if generator is not None else seed)
        if output_type not in {"audio", "score"}:
            raise SettingError("setting.output_type", f"output_type is {output_type!r}; accepted: audio, score")
        if not MIN_DURATION_S <= duration_s <= MAX_DURATION_S:
            raise SettingError(
                "setting.duration", f"duration is {duration_s} s; accepted: {MIN_DURATION_S:g} to {MAX_DURATION_S:g} s"
            )
        timer = StageTimer(progress, cancel)
        with timer.stage("think"):
            asked = receive(emotion, plan, duration_s=duration_s, intensity=intensity)
            thought = think(asked, seed=child_seed(seed, "plan"))
        with timer.stage("compose"):
            choice = compose_best(
                thought, seed=child_seed(seed, "music"), settings=settings, num_candidates=best_of, cancel=cancel
            )
        audio = None
        if output_type == "audio":
            with timer.stage("play"):
                audio = synthesise(choice.score)
        provenance = describe_run(
            kind="music",
            seed=seed,
            inputs={"plan": thought.to_json()},
            settings=settings.model_dump(mode="json") | {"best_of": best_of},
        )
        if not return_dict:
            return choice.score, audio
        return MusicPipelineOutput(thought, choice.score, audio, choice.rows, choice.candidates, seed, timer.seconds, provenance)
