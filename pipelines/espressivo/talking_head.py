"""Portrait + speech + emotion -> a talking head."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.intake import Emotion, think
from espressivo.emotion.plan import EmotionPlan
from espressivo.face.track import FacialActionTrack
from espressivo.film import film, marked
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.media.image import load_image
from espressivo.motion.driving import drive as act_out
from espressivo.motion.listening import listen_to
from espressivo.motion.procedural import ProceduralMotion
from espressivo.progress import CancelToken, ProgressCallback, StageTimer
from espressivo.provenance import Provenance, describe_run
from espressivo.render.performance import Performance
from espressivo.render.renderer import FittedPortrait, PortraitRenderer, prepare_portrait
from espressivo.seeds import HasInitialSeed, child_seed, resolve_seed
from espressivo.settings import TalkSettings
from espressivo.speech.analysis import SpeechAnalysis, listening
from espressivo.talk_request import TalkRequest, check_output
from espressivo.threads import IMPORTING, LINEAR_ALGEBRA_ON_ONE_CORE, begun, drawing_threads

if TYPE_CHECKING:
    from espressivo.motion.diffusion import DiffusionMotion

__all__ = ["StepCallback", "TalkingHeadPipeline", "TalkingHeadPipelineOutput"]

Frame = NDArray[np.uint8]
StepCallback = Callable[[Any, int, int, dict[str, Any]], dict[str, Any]]
CHECKPOINTS = ("head", "face_landmarker")
LEARNT_MOTION = "motion"


@dataclass(frozen=True, slots=True)
class TalkingHeadPipelineOutput:
    """What a run gives back.

    Attributes:
        plan: The chain of thought that was acted out; ``None`` where a track was replayed without one.
        track: The performance.
        portrait: The portrait as it was fitted, to draw more from.
        frames: RGB frames ``(H, W, 3)`` uint8 with ``output_type="frames"``, made as they are asked for.
        video_path: The finished file with ``output_type="mp4"``.
        speech: The speech as it was heard, ``None`` without speech.
        seed: The seed that was used; the same seed gives the same bytes.
        seconds: Time spent by stage.
        provenance: What the video was made from and how.
        warnings: What the user should know, such as a face that was lost for a while in a driving clip.
    """

    plan: EmotionPlan | None
    track: FacialActionTrack
    portrait: FittedPortrait
    frames: Iterator[Frame] | None
    video_path: Path | None
    speech: AudioClip | None
    seed: int
    seconds: dict[str, float]
    provenance: Provenance
    warnings: tuple[str, ...] = ()


class MotionGains(TypedDict):
    """What both motion backends scale."""

    speech_scale: float
    emotion_scale: float
    muscle_scale: float
    head_scale: float
    gaze_scale: float
    blink_scale: float


class MotionClip(TypedDict):
    """What both motion backends must know about the clip."""

    duration_s: float
    fps: Fraction
    seed: int


class TalkingHeadOptions(TypedDict, total=False):
    """Keyword arguments of :meth:`TalkingHeadPipeline.__call__`, for type checkers."""

    plan: EmotionPlan | Path | None
    track: FacialActionTrack | Path | None
    drive: Performance | Path | None
    emotion_from: Performance | Path | None
    listen: AudioClip | Path | None
    intensity: float | None
    transcript: str | None
    duration_s: float | None
    settings: TalkSettings | None
    seed: int | None
    generator: HasInitialSeed | None
    output_type: Literal["mp4", "frames", "track"]
    output_path: Path | None
    progress: ProgressCallback | None
    cancel: CancelToken | None
    callback_on_step_end: StepCallback | None


class TalkingHeadPipeline:
    """Makes a photograph speak with an emotion. One instance may serve several threads at once.

    Args:
        renderer: Draws the portrait from a facial action track.
        motion: Makes the track from plan and speech where ``settings.motion`` is ``"procedural"``.
        checkpoints: Folder with ``motion``, the weights of the learnt backend; default: the bundled ones.
    """

    def __init__(self, renderer: PortraitRenderer, motion: ProceduralMotion, checkpoints: Path | None = None) -> None:
        self.renderer = renderer
        self.motion = motion
        self._checkpoints = checkpoints
        self._lock = threading.Lock()
        self._learnt: Future[DiffusionMotion] | None = None

    @classmethod
    def from_pretrained(cls, path: Path | None = None) -> Self:
        """Load the bundled checkpoints, or those in another folder of the same layout.

        Raises:
            CheckpointError: Files are missing or do not match their digests.
        """
        return cls(PortraitRenderer.from_pretrained(path), ProceduralMotion(), path)

    def load_learnt_motion(self) -> Future[DiffusionMotion]:
        """The learnt backend, loaded in another thread when it is first asked for: torch and diffusers take seconds.

        The result raises :class:`CheckpointError` where files are missing or do not match their digests.
        """

        def load() -> DiffusionMotion:
            with IMPORTING:
                from espressivo.motion.diffusion import DiffusionMotion

            return DiffusionMotion.from_pretrained(self._checkpoints / "motion" if self._checkpoints else None)

        with self._lock:
            if self._learnt is None:
                self._learnt = begun(load)
            return self._learnt

    @overload
    def __call__(
        self,
        portrait: Path | Frame,
        speech: Path | AudioClip | None = None,
        emotion: Emotion | None = None,
        *,
        return_dict: Literal[True] = True,
        **options: Unpack[TalkingHeadOptions],
    ) -> TalkingHeadPipelineOutput: ...

    @overload
    def __call__(
        self,
        portrait: Path | Frame,
        speech: Path | AudioClip | None = None,
        emotion: Emotion | None = None,
        *,
        return_dict: Literal[False],
        **options: Unpack[TalkingHeadOptions],
    ) -> tuple[Path | Iterator[Frame] | None, FacialActionTrack]: ...

    @LINEAR_ALGEBRA_ON_ONE_CORE
    def __call__(
        self,
        portrait: Path | Frame,
        speech: Path | AudioClip | None = None,
        emotion: Emotion | None = None,
        *,
        plan: EmotionPlan | Path | None = None,
        track: FacialActionTrack | Path | None = None,
        drive: Performance | Path | None = None,
        emotion_from: Performance | Path | None = None,
        listen: AudioClip | Path | None = None,
        intensity: float | None = None,
        transcript: str | None = None,
        duration_s: float | None = None,
        settings: TalkSettings | None = None,
        seed: int | None = None,
        generator: HasInitialSeed | None = None,
        output_type: Literal["mp4", "frames", "track"] = "mp4",
        output_path: Path | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        callback_on_step_end: StepCallback | None = None,
        return_dict: bool = True,
    ) -> TalkingHeadPipelineOutput | tuple[Path | Iterator[Frame] | None, FacialActionTrack]:
        """Render a talking head.

        Args:
            portrait: Picture file, or ``(H, W, 3)`` uint8 RGB.
            speech: Sound file or clip; it is the clock. ``None`` gives a silent, living face.
            emotion: Words ("joy", "joy:0.7+surprise:0.3", "joy turning to awe", a sentence) or a request.
            plan: A finished plan (or its file) instead of ``emotion``.
            track: A finished track (or its file) instead of computed motion.
            drive: A performance to act out: a clip of a face, a saved track or a Live Link CSV, or what
                :func:`espressivo.track_video` gave. Without ``speech`` the clip speaks too; with it the mouth says that, and
                head, gaze, brows and the mouth's mood stay the clip's. An emotion or plan, which is then optional, adds its
                muscles. See :func:`espressivo.motion.driving.drive`.
            emotion_from: A clip of anybody, or what :func:`espressivo.track_video` gave, whose emotion is taken over instead of
                ``emotion`` or ``plan``: named from the muscles that it shows for the plan, and given to the learnt backend as
                the Gaussian that its embedder reads.
            listen: Somebody else's speech, instead of ``speech``: the face listens to it in silence for as long as it lasts,
                with the emotion smaller and later, and nods at its pauses; see
                :func:`espressivo.motion.listening.listen_to`. The video carries its sound; ``transcript`` is then its words.
            intensity: 0-1, with ``emotion`` as words or ``emotion_from``.
            transcript: The words spoken, for exact alignment.
            duration_s: Length in seconds where there is no speech; default 8.
            settings: Frame rate, size, gains, consent.
            seed: 0 or more; ``None`` draws one.
            generator: A ``torch.Generator`` whose seed is used instead of ``seed``.
            output_type: ``"mp4"`` writes ``output_path``; ``"frames"`` gives an iterator; ``"track"`` renders nothing.
            output_path: Where the video goes; written atomically.
            progress: Called with the stage and the units done.
            cancel: Looked at between frames.
            callback_on_step_end: Called as ``(pipeline, step, timestep, {})`` after each step of motion.
            return_dict: ``False`` gives ``(video path or frames, track)``.

        Raises:
            InputError: Something given cannot be used; nothing was written.
            EncodeError: The video could not be written; an existing file is untouched.
            Cancelled: ``cancel`` was set.
        """
        settings = settings or TalkSettings()
        seed = resolve_seed(generator.initial_seed() if generator is not None else seed)
        check_output(output_type, output_path)
        timer = StageTimer(progress, cancel)
        if settings.motion == "diffusion" and track is None and drive is None:
            self.load_learnt_motion()  # while the portrait is looked at and the speech is heard

        with ExitStack() as block:
            with timer.stage("read"):
                image = load_image(portrait) if isinstance(portrait, Path) else portrait
                clip = load_audio(speech, require_signal=True) if isinstance(speech, Path) else speech
                other = load_audio(listen, require_signal=True) if isinstance(listen, Path) else listen
                finished = FacialActionTrack.load(track) if isinstance(track, Path) else track
                unheard = None if finished else clip or other  # a track and a performance's own words have their lips already
                analysis = block.enter_context(listening(unheard, transcript=transcript)) if unheard else None
                fitted = self.renderer.fit(prepare_portrait(image, settings.size), face=settings.face)
                fitted = fitted.relaxed(settings.own_expression)
            request = TalkRequest.of(
                speech=clip,
                listened=other,
                track=finished,
                drive=drive,
                emotion_from=emotion_from,
                emotion=emotion,
                plan=plan,
                intensity=intensity,
                duration_s=duration_s,
                settings=settings,
                timer=timer,
            )
            with timer.stage("listen"):
                heard = analysis.result() if analysis else None
        with timer.stage("think"):
            thought = _think(request, heard, seed)
        with timer.stage("move"):
            performed = self._perform(request, thought, heard, settings, seed, callback_on_step_end)

        learnt = settings.motion == "diffusion" and request.needs_motion
        provenance = describe_run(
            kind="talking_head",
            seed=seed,
            inputs={"portrait": image, **request.sources(thought)},
            settings=settings.model_dump(mode="json"),
            checkpoints=(*CHECKPOINTS, LEARNT_MOTION) if learnt else CHECKPOINTS,
            consent=settings.consent,
        )
        drawn = self.renderer.frames(fitted, performed, cancel=cancel, threads=drawing_threads())
        frames = marked(drawn, settings, provenance)
        if output_path is not None:
            film(frames, performed, request.sound, output_path, provenance, timer)
        unfilmed = frames if output_type == "frames" else None
        if not return_dict:
            return output_path or unfilmed, performed
        return TalkingHeadPipelineOutput(
            plan=thought,
            track=performed,
            portrait=fitted,
            frames=unfilmed,
            video_path=output_path,
            speech=request.voice,
            seed=seed,
            seconds=timer.seconds,
            provenance=provenance,
            warnings=request.warnings,
        )

    def _perform(
        self,
        request: TalkRequest,
        plan: EmotionPlan | None,
        heard: SpeechAnalysis | None,
        settings: TalkSettings,
        seed: int,
        callback: StepCallback | None,
    ) -> FacialActionTrack:
        """The track: the one given, a performance acted out, or one that a backend makes."""
        if request.track is not None:
            return request.track
        if request.performance is not None:
            return _act_out(request.performance, plan, heard, request.duration_s, settings, seed)
        assert plan is not None  # noqa: S101 - a request that needs motion has an emotion
        reference = request.felt.track if request.felt else None
        if request.listened is None or heard is None:
            return self._move(plan, heard, request.duration_s, settings, seed, reference, callback)
        silent = self._move(plan, None, request.duration_s, settings, seed, reference, callback)
        return listen_to(silent, heard, seed=child_seed(seed, "motion"), head_scale=settings.head, blink_scale=settings.blinks)

    def _move(
        self,
        plan: EmotionPlan,
        heard: SpeechAnalysis | None,
        duration_s: float,
        settings: TalkSettings,
        seed: int,
        reference: FacialActionTrack | None,
        callback: StepCallback | None,
    ) -> FacialActionTrack:
        def report(step: int, total: int) -> None:
            if callback is not None:
                callback(self, step, total - step - 1, {})

        asked: MotionGains = {
            "speech_scale": settings.guidance_speech,
            "emotion_scale": settings.guidance_emotion,
            "muscle_scale": settings.guidance_muscles,
            "head_scale": settings.head,
            "gaze_scale": settings.gaze,
            "blink_scale": settings.blinks,
        }
        clip: MotionClip = {"duration_s": duration_s, "fps": settings.fps, "seed": child_seed(seed, "motion")}
        if settings.motion == "procedural":
            return self.motion.generate(plan, heard, **clip, **asked, on_step=report)
        return (
            self.load_learnt_motion()
            .result()
            .generate(
                plan,
                heard,
                **clip,
                **asked,
                num_inference_steps=settings.steps,
                captured_mouth=settings.mouth == "captured",
                reference=reference,
                on_step=report,
            )
        )


def _think(request: TalkRequest, heard: SpeechAnalysis | None, seed: int) -> EmotionPlan | None:
    """The plan, its changes laid on the pauses and words that were heard."""
    if request.asked is None:
        return None
    pauses = [(pause.start_s, pause.end_s) for pause in heard.pauses] if heard else []
    words = [(word.start_s, word.end_s) for word in heard.words] if heard else []
    return think(request.asked, pauses=pauses, word_times=words, seed=child_seed(seed, "plan"))


def _act_out(
    performance: Performance,
    plan: EmotionPlan | None,
    heard: SpeechAnalysis | None,
    duration_s: float,
    settings: TalkSettings,
    seed: int,
) -> FacialActionTrack:
    return act_out(
        performance.track,
        fps=settings.fps,
        duration_s=duration_s,
        plan=plan,
        speech=heard,
        seed=child_seed(seed, "motion"),
        speech_scale=settings.guidance_speech,
        emotion_scale=settings.guidance_emotion,
        muscle_scale=settings.guidance_muscles,
        head_scale=settings.head,
        gaze_scale=settings.gaze,
    )
