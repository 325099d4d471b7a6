"""Portrait + speech + emotion -> a talking head."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.intake import Emotion, receive, think
from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.request import EmotionRequest
from espressivo.errors import EmotionInputError, SettingError, TrackError
from espressivo.face.track import FacialActionTrack, num_frames
from espressivo.lookahead import ahead
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.media.image import load_image
from espressivo.media.label import labelled
from espressivo.media.video import encode_video
from espressivo.media.watermark import watermarked
from espressivo.motion.driving import drive as act_out
from espressivo.motion.listening import listen_to
from espressivo.motion.procedural import ProceduralMotion
from espressivo.progress import CancelToken, ProgressCallback, StageTimer
from espressivo.provenance import Provenance, describe_run
from espressivo.render.performance import Performance, load_performance
from espressivo.render.renderer import FittedPortrait, PortraitRenderer, prepare_portrait
from espressivo.seeds import HasInitialSeed, child_seed, resolve_seed
from espressivo.settings import TalkSettings
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech

if TYPE_CHECKING:
    from espressivo.motion.diffusion import DiffusionMotion

__all__ = ["StepCallback", "TalkingHeadPipeline", "TalkingHeadPipelineOutput", "film"]

Frame = NDArray[np.uint8]
StepCallback = Callable[[Any, int, int, dict[str, Any]], dict[str, Any]]
DEFAULT_DURATION_S = 8.0
FRAMES_AHEAD = 4
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

    @classmethod
    def from_pretrained(cls, path: Path | None = None) -> Self:
        """Load the bundled checkpoints, or those in another folder of the same layout.

        Raises:
            CheckpointError: Files are missing or do not match their digests.
        """
        return cls(PortraitRenderer.from_pretrained(path), ProceduralMotion(), path)

    @cached_property
    def learnt_motion(self) -> DiffusionMotion:
        """The learnt backend, loaded when it is first needed: torch takes seconds that the procedural backend does not."""
        from espressivo.motion.diffusion import DiffusionMotion

        return DiffusionMotion.from_pretrained(self._checkpoints / "motion" if self._checkpoints else None)

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
        _check_output(output_type, output_path)
        timer = StageTimer(progress, cancel)

        if drive is not None and track is not None:
            raise SettingError("setting.drive", "give either a track, which is replayed as it is, or drive, which is acted out")
        if listen is not None and not (speech is None and track is None and drive is None):
            raise SettingError("setting.listen", "listen was given beside speech, track or drive; a listener has none of them")

        with timer.stage("read"):
            clip = load_audio(speech, require_signal=True) if isinstance(speech, Path) else speech
            other = load_audio(listen, require_signal=True) if isinstance(listen, Path) else listen
            given = FacialActionTrack.load(track) if isinstance(track, Path) else track
            image = load_image(portrait) if isinstance(portrait, Path) else portrait
            fitted = self.renderer.fit(prepare_portrait(image, settings.size), face=settings.face)
        performance = load_performance(drive, settings.fps, settings.face, timer) if isinstance(drive, Path) else drive
        own_words = performance is not None and clip is None
        if performance is not None and clip is None:
            clip = performance.speech
        felt = (
            load_performance(emotion_from, settings.fps, settings.face, timer) if isinstance(emotion_from, Path) else emotion_from
        )
        if felt is not None:
            emotion = _imitated(felt, emotion, plan)
        sound = clip or other
        length_s = _length_s(sound, given, performance, duration_s)
        needs_emotion = given is None and performance is None
        asked = receive(emotion, plan, duration_s=length_s, intensity=intensity) if needs_emotion or emotion or plan else None
        with timer.stage("listen"):
            heard = analyse_speech(sound, transcript=transcript) if sound and not given and not own_words else None
        with timer.stage("think"):
            pauses = [(pause.start_s, pause.end_s) for pause in heard.pauses] if heard else []
            words = [(word.start_s, word.end_s) for word in heard.words] if heard else []
            thought = think(asked, pauses=pauses, word_times=words, seed=child_seed(seed, "plan")) if asked else None
        with timer.stage("move"):
            if performance is not None:
                performed = self._act_out(performance, thought, heard, length_s, settings, seed)
            else:
                reference = felt.track if felt is not None else None
                said = heard if other is None else None
                performed = given or self._move(thought, said, length_s, settings, seed, reference, callback_on_step_end)
            if other is not None and heard is not None:
                performed = listen_to(
                    performed,
                    heard,
                    seed=child_seed(seed, "motion"),
                    head_scale=settings.head,
                    blink_scale=settings.blinks,
                )

        learnt = settings.motion == "diffusion" and given is None and performance is None
        provenance = describe_run(
            kind="talking_head",
            seed=seed,
            inputs={
                "portrait": image,
                "speech": clip.samples if clip else None,
                "listen": other.samples if other else None,
                "plan": thought.to_json() if thought else None,
                "track": given.weights if given else None,
                "drive": performance.track.weights if performance else None,
                "emotion_from": felt.track.weights if felt else None,
            },
            settings=settings.model_dump(mode="json"),
            checkpoints=(*CHECKPOINTS, LEARNT_MOTION) if learnt else CHECKPOINTS,
            consent=settings.consent,
        )
        frames, video_path = None, None
        drawn = self.renderer.frames(fitted, performed, cancel=cancel)
        if settings.label:
            drawn = labelled(drawn)
        if settings.watermark:
            drawn = watermarked(drawn, provenance.mark)
        if output_type == "frames":
            frames = drawn
        elif output_type == "mp4":
            assert output_path is not None  # noqa: S101 - _check_output has established it
            film(drawn, performed, sound, output_path, provenance, timer)
            video_path = output_path
        if not return_dict:
            return video_path or frames, performed
        return TalkingHeadPipelineOutput(
            plan=thought,
            track=performed,
            portrait=fitted,
            frames=frames,
            video_path=video_path,
            speech=clip,
            seed=seed,
            seconds=timer.seconds,
            provenance=provenance,
            warnings=tuple(warning for watched in (performance, felt) if watched for warning in watched.warnings),
        )

    def _act_out(
        self,
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

    def _move(
        self,
        plan: EmotionPlan | None,
        heard: SpeechAnalysis | None,
        duration_s: float,
        settings: TalkSettings,
        seed: int,
        reference: FacialActionTrack | None,
        callback: StepCallback | None,
    ) -> FacialActionTrack:
        assert plan is not None  # noqa: S101 - only a given track needs no plan, and then nothing is moved

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
        return self.learnt_motion.generate(
            plan,
            heard,
            **clip,
            **asked,
            num_inference_steps=settings.steps,
            captured_mouth=settings.mouth == "captured",
            reference=reference,
            on_step=report,
        )


def _imitated(felt: Performance, emotion: Emotion | None, plan: EmotionPlan | Path | None) -> EmotionRequest:
    """What a performance shows, as a request."""
    from espressivo.motion.imitation import read_emotion

    if emotion is not None or plan is not None:
        raise EmotionInputError("emotion.one_form", "the emotion is taken from a performance; give no other emotion beside it")
    shown = read_emotion(felt.track)
    return EmotionRequest(mixture=shown.mixture, intensity=shown.intensity) if shown.mixture else EmotionRequest(label="neutral")


def _check_output(output_type: str, output_path: Path | None) -> None:
    if output_type not in {"mp4", "frames", "track"}:
        raise SettingError("setting.output_type", f"output_type is {output_type!r}; accepted: mp4, frames, track")
    if (output_type == "mp4") != (output_path is not None):
        raise SettingError(
            "setting.output_path", f"output_type {output_type!r} with output_path {output_path}; an mp4 needs a path"
        )
    if output_path is not None and output_path.suffix.lower() != ".mp4":
        raise SettingError("setting.output_path", f"{output_path.name} does not end in .mp4, the one container that is written")


def _length_s(
    clip: AudioClip | None, track: FacialActionTrack | None, performance: Performance | None, duration_s: float | None
) -> float:
    """Speech is the clock; a given track must last as long as it."""
    if clip is None:
        if track is not None:
            return track.duration_s
        return duration_s or (performance.track.duration_s if performance else DEFAULT_DURATION_S)
    if duration_s is not None:
        raise SettingError("setting.duration", "a duration was given beside a recording, which decides how long the video lasts")
    if track is not None and len(track) != num_frames(clip.duration_s, track.fps):
        raise TrackError(
            "track.length",
            f"the track lasts {track.duration_s:.2f} s, the speech {clip.duration_s:.2f} s; make the track for this speech",
        )
    return clip.duration_s


def film(
    frames: Iterator[Frame],
    track: FacialActionTrack,
    clip: AudioClip | None,
    path: Path,
    provenance: Provenance,
    timer: StageTimer,
) -> None:
    """Draw the frames and encode them with the speech; one is drawn while another is encoded.

    Args:
        frames: As many as the track has.
        track: Gives the frame rate.
        clip: The speech, or what is listened to, or ``None`` for a silent film.
        path: Where the mp4 goes; written atomically.
        provenance: Written into the file.
        timer: Gets the stage ``render``, and within it ``render/draw`` and ``render/encode``, which overlap.

    Raises:
        EncodeError: The video could not be written; an existing file is untouched.
    """
    spent = {"render/draw": 0.0, "render/encode": 0.0}

    def drawn() -> Iterator[Frame]:
        for index in range(len(track)):
            started = time.perf_counter()
            frame = next(frames)
            spent["render/draw"] += time.perf_counter() - started
            report(index + 1)
            yield frame

    def encoded(source: Iterator[Frame]) -> Iterator[Frame]:
        for frame in source:
            started = time.perf_counter()
            yield frame
            spent["render/encode"] += time.perf_counter() - started

    with timer.stage("render", len(track)) as report, closing(ahead(drawn(), FRAMES_AHEAD)) as source:
        encode_video(path, encoded(source), fps=track.fps, audio=clip, metadata=provenance.metadata())
    timer.seconds |= spent
