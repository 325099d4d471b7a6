"""What is asked of a talking head, read and checked before any work is done on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from espressivo.emotion.intake import Emotion, receive
from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.request import EmotionRequest
from espressivo.errors import EmotionInputError, SettingError, TrackError
from espressivo.face.track import FacialActionTrack, num_frames
from espressivo.media.clip import AudioClip
from espressivo.progress import StageTimer
from espressivo.provenance import InputContent
from espressivo.render.performance import Performance, load_performance
from espressivo.settings import TalkSettings
from espressivo.threads import IMPORTING

__all__ = ["TalkRequest", "check_output"]

DEFAULT_DURATION_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkRequest:
    """What the face is to do.

    Attributes:
        speech: The recording that it is to speak.
        voice: What it says: the speech, or without one the performance's own words.
        listened: What it is to listen to in silence, instead.
        track: A finished track to replay.
        performance: A performance to act out.
        felt: A performance whose emotion is taken over.
        asked: The emotion, or a finished plan; ``None`` where a track or a performance needs none.
        duration_s: How long the video lasts.
    """

    speech: AudioClip | None
    voice: AudioClip | None
    listened: AudioClip | None
    track: FacialActionTrack | None
    performance: Performance | None
    felt: Performance | None
    asked: EmotionRequest | EmotionPlan | None
    duration_s: float

    @classmethod
    def of(
        cls,
        *,
        speech: AudioClip | None,
        listened: AudioClip | None,
        track: FacialActionTrack | None,
        drive: Performance | Path | None,
        emotion_from: Performance | Path | None,
        emotion: Emotion | None,
        plan: EmotionPlan | Path | None,
        intensity: float | None,
        duration_s: float | None,
        settings: TalkSettings,
        timer: StageTimer,
    ) -> Self:
        """Watch the clips that were given and settle emotion and length.

        Raises:
            SettingError: ``setting.drive``, ``setting.listen`` or ``setting.duration``: things that exclude each other.
            TrackError: ``track.length``: the track is not as long as the speech.
            EmotionInputError: The emotion cannot be used, or there is none.
            VideoInputError: A clip cannot be read or shows no usable face.
        """
        _check_combination(speech, listened, track, drive)
        performance, felt = (
            load_performance(given, settings.fps, settings.face, timer) if isinstance(given, Path) else given
            for given in (drive, emotion_from)
        )
        if felt is not None:
            emotion = _imitated(felt, emotion, plan)
        voice = speech or (performance.speech if performance else None)
        length_s = _duration_s(voice or listened, track, performance, duration_s)
        needs_emotion = track is None and performance is None
        asked = receive(emotion, plan, duration_s=length_s, intensity=intensity) if needs_emotion or emotion or plan else None
        return cls(
            speech=speech,
            voice=voice,
            listened=listened,
            track=track,
            performance=performance,
            felt=felt,
            asked=asked,
            duration_s=length_s,
        )

    @property
    def sound(self) -> AudioClip | None:
        """What is heard in the video."""
        return self.voice or self.listened

    @property
    def needs_motion(self) -> bool:
        """Whether a backend has to invent the movement."""
        return self.track is None and self.performance is None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the clips."""
        return tuple(warning for watched in (self.performance, self.felt) if watched for warning in watched.warnings)

    def sources(self, plan: EmotionPlan | None) -> dict[str, InputContent]:
        """What the video is made from, by name, for its record."""
        return {
            "speech": self.voice.samples if self.voice else None,
            "listen": self.listened.samples if self.listened else None,
            "plan": plan.to_json() if plan else None,
            "track": self.track.weights if self.track else None,
            "drive": self.performance.track.weights if self.performance else None,
            "emotion_from": self.felt.track.weights if self.felt else None,
        }


def check_output(output_type: str, output_path: Path | None) -> None:
    """Refuse a kind of output and a path that do not go together.

    Raises:
        SettingError: ``setting.output_type`` or ``setting.output_path``.
    """
    if output_type not in {"mp4", "frames", "track"}:
        raise SettingError("setting.output_type", f"output_type is {output_type!r}; accepted: mp4, frames, track")
    if (output_type == "mp4") != (output_path is not None):
        raise SettingError(
            "setting.output_path", f"output_type {output_type!r} with output_path {output_path}; an mp4 needs a path"
        )
    if output_path is not None and output_path.suffix.lower() != ".mp4":
        raise SettingError("setting.output_path", f"{output_path.name} does not end in .mp4, the one container that is written")


def _check_combination(
    speech: AudioClip | None, listened: AudioClip | None, track: FacialActionTrack | None, drive: Performance | Path | None
) -> None:
    if drive is not None and track is not None:
        raise SettingError("setting.drive", "give either a track, which is replayed as it is, or drive, which is acted out")
    if listened is not None and not (speech is None and track is None and drive is None):
        raise SettingError("setting.listen", "listen was given beside speech, track or drive; a listener has none of them")


def _imitated(felt: Performance, emotion: Emotion | None, plan: EmotionPlan | Path | None) -> EmotionRequest:
    """What a performance shows, as a request."""
    with IMPORTING:
        from espressivo.motion.imitation import read_emotion

    if emotion is not None or plan is not None:
        raise EmotionInputError("emotion.one_form", "the emotion is taken from a performance; give no other emotion beside it")
    shown = read_emotion(felt.track)
    return EmotionRequest(mixture=shown.mixture, intensity=shown.intensity) if shown.mixture else EmotionRequest(label="neutral")


def _duration_s(
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
