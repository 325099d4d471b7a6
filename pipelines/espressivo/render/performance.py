"""Read a performance off a clip of anybody: expression, head and gaze, to be acted out by any portrait.

The clip is read once, a frame at a time. Its first seconds tell what the actor looks like at rest; from then on each frame is
one small least-squares problem, of which only the answer is kept, so that memory does not grow with the clip's pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.errors import AudioInputError, VideoInputError
from espressivo.face.head import MorphableHead
from espressivo.face.landmarks import MAX_YAW_RAD, MIN_CONFIDENCE, MIN_FACE_PX, FaceLandmarker, FaceLandmarks
from espressivo.face.track import FacialActionTrack, num_frames
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.media.limits import MAX_FPS
from espressivo.media.video_reader import VideoInfo, probe_video, read_timed_frames
from espressivo.progress import StageTimer
from espressivo.render.fitting import ShapeFit, fit_shape
from espressivo.render.tracking import GAZE, FaceTracker, HeadState, camera_points, relative_pose

__all__ = ["MAX_LOST_SHARE", "MAX_PERFORMANCE_S", "Performance", "load_performance", "track_video"]

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

MAX_PERFORMANCE_S: Final = 600.0
# Frames without a usable face are bridged up to this share. Engineering: a quarter of a clip can be guessed, not more.
MAX_LOST_SHARE: Final = 0.25
MAX_CROWDED_SHARE: Final = 0.1
# Pictures are shrunk to this before the face is looked for; the landmarker works on 256 pixels.
WORK_SIDE_PX: Final = 720
# The actor at rest is learnt from so many frames of the first seconds.
ACQUAINTANCE_S: Final = 8.0
NUM_REFERENCES: Final = 12
# Landmarks tremble; a parabola through a fifth of a second keeps blinks (Savitzky and Golay 1964).
SMOOTHING_S: Final = 0.2
# A portrait cannot follow an actor who walks: beyond this the shift comes to rest (tanh), face heights. Engineering.
MAX_SHIFT: Final = np.array([0.25, 0.25, 0.4])
MAX_ROTATION_RAD: Final = 1.0

Face = Literal["only", "largest"]


@dataclass(frozen=True, slots=True)
class Performance:
    """What a clip shows and says.

    Attributes:
        track: Expression, head and gaze. Weights are what the actor shows beyond a face at rest; the head is seen from the
            middle of its movement, so that any portrait can carry it.
        speech: The clip's sound on the track's clock; ``None`` without sound.
        lost_share: Part of the frames in which no usable face was found; there the track is bridged.
    """

    track: FacialActionTrack
    speech: AudioClip | None
    lost_share: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know."""
        if not self.lost_share:
            return ()
        return (f"the clip's face was lost in {100 * self.lost_share:.1f} % of its frames; these were bridged",)


def track_video(
    path: Path,
    *,
    head: MorphableHead | None = None,
    fps: Fraction | None = None,
    face: Face = "only",
    timer: StageTimer | None = None,
) -> Performance:
    """Read a performance off a clip.

    Args:
        path: MP4, MOV, WebM or Matroska, up to 10 minutes, any frame rate, of one person seen more or less from the front.
        head: The morphable head; default: the bundled one.
        fps: Frames a second of the track; default: the clip's own.
        face: ``"only"`` refuses a clip with several faces, ``"largest"`` follows the largest.
        timer: Told of each frame in the stage ``watch``; can stop the reading.

    Raises:
        VideoInputError: ``video.no_face``, ``video.many_faces``, ``video.face_too_small`` or ``video.face_turned`` when more
            than a quarter of the frames cannot be used, for the most frequent of these reasons; ``video.too_long``; or as
            :func:`espressivo.media.video_reader.probe_video`.
        AudioInputError: The clip's sound cannot be decoded.
    """
    info = probe_video(path)
    if info.duration_s > MAX_PERFORMANCE_S:
        raise VideoInputError(
            "video.too_long", f"{path.name!r} lasts {info.duration_s:.0f} s; a performance may last {MAX_PERFORMANCE_S:.0f} s"
        )
    head = head or MorphableHead.from_pretrained()
    with (timer or StageTimer()).stage("watch", info.num_frames) as report, FaceLandmarker(mode="video", num_faces=2) as eye:
        spotter = _Spotter(eye, path.name, face)
        frames = _noted(spotter.faces(read_timed_frames(path, max_frames=round(MAX_PERFORMANCE_S * MAX_FPS))), report)
        acquainted = _take_until(frames, ACQUAINTANCE_S)
        known = [found for _, found in acquainted if found is not None]
        if not known:
            raise spotter.refusal()
        tracker = _acquainted(head, known)
        sightings = [
            (time_s, None if found is None else (tracker.find(camera_points(found)), found.blendshapes[GAZE]))
            for time_s, found in chain(acquainted, frames)
        ]
    if spotter.lost_share > MAX_LOST_SHARE or spotter.crowded_share > MAX_CROWDED_SHARE:
        raise spotter.refusal()
    track = _as_track(head, sightings, info, fps or info.fps)
    return Performance(track, _sound(path, info, track.duration_s), spotter.lost_share)


def load_performance(path: Path, fps: Fraction, face: Face = "only", timer: StageTimer | None = None) -> Performance:
    """A performance from a clip, from a saved track (``.safetensors``), or from a Live Link CSV.

    Args:
        path: File to read; its name says of which kind it is.
        fps: Frames a second of the track, and of the CSV, whose time codes are not read.
        face: As for :func:`track_video`.
        timer: As for :func:`track_video`.

    Raises:
        TrackError: A saved track that cannot be read.
        VideoInputError: As for :func:`track_video`.
        AudioInputError: As for :func:`track_video`.
    """
    if path.suffix.lower() == ".safetensors":
        return Performance(FacialActionTrack.load(path), None, 0.0)
    if path.suffix.lower() == ".csv":
        return Performance(FacialActionTrack.load_csv(path, fps), None, 0.0)
    return track_video(path, fps=fps, face=face, timer=timer)


class _Spotter:
    """Picks one usable face from each frame and remembers why there was none."""

    def __init__(self, landmarker: FaceLandmarker, name: str, face: Face) -> None:
        self._landmarker = landmarker
        self._name = name
        self._face = face
        self._last: Floats | None = None
        self._reasons: Counter[str] = Counter()
        self._crowded = 0
        self._total = 0

    @property
    def lost_share(self) -> float:
        """Part of the frames without a usable face."""
        return self._reasons.total() / max(1, self._total)

    @property
    def crowded_share(self) -> float:
        """Part of the frames with several faces, where that matters."""
        return self._crowded / max(1, self._total) if self._face == "only" else 0.0

    def faces(self, frames: Iterator[tuple[float, Picture]]) -> Iterator[tuple[float, FaceLandmarks | None]]:
        """The face in each frame, or ``None``."""
        stamp_ms = -1
        for time_s, picture in frames:
            stamp_ms = max(stamp_ms + 1, round(1000 * time_s))
            shrink = min(1.0, WORK_SIDE_PX / min(picture.shape[:2]))
            small = picture if shrink == 1.0 else cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            found = self._landmarker.detect(np.asarray(small, np.uint8), stamp_ms)
            yield time_s, self._chosen([face for face in found if face.confidence >= MIN_CONFIDENCE], shrink)

    def _chosen(self, faces: Sequence[FaceLandmarks], shrink: float) -> FaceLandmarks | None:
        self._total += 1
        self._crowded += len(faces) > 1
        if not faces:
            self._reasons["no_face"] += 1
            return None
        middles = [face.points[:, :2].mean(axis=0).astype(np.float64) for face in faces]
        nearest = 0 if self._last is None else int(np.argmin([np.linalg.norm(middle - self._last) for middle in middles]))
        chosen, self._last = faces[nearest], middles[nearest]
        if chosen.face_height_px / shrink < MIN_FACE_PX:
            self._reasons["face_too_small"] += 1
            return None
        if abs(chosen.head_rotation[1]) > MAX_YAW_RAD:
            self._reasons["face_turned"] += 1
            return None
        return chosen

    def refusal(self) -> VideoInputError:
        """Why this clip cannot be used."""
        if self.crowded_share > MAX_CROWDED_SHARE:
            share = 100 * self.crowded_share
            return VideoInputError(
                "video.many_faces",
                f"{share:.0f} % of {self._name!r} shows several faces; crop it to one, or choose face='largest'",
            )
        reason, count = self._reasons.most_common(1)[0]
        said = {
            "no_face": "shows no face that can be followed",
            "face_too_small": f"shows a face below {MIN_FACE_PX:.0f} pixels from hair line to chin",
            "face_turned": f"shows a head turned by over {np.degrees(MAX_YAW_RAD):.0f} degrees",
        }[reason]
        return VideoInputError(
            f"video.{reason}",
            f"{100 * count / self._total:.0f} % of {self._name!r} {said}; at most {100 * MAX_LOST_SHARE:.0f} % can be bridged, "
            "give a clip of one face seen from the front",
        )


def _noted(
    frames: Iterator[tuple[float, FaceLandmarks | None]], report: Callable[[int], None]
) -> Iterator[tuple[float, FaceLandmarks | None]]:
    for index, frame in enumerate(frames, 1):
        report(index)
        yield frame


def _take_until(frames: Iterator[tuple[float, FaceLandmarks | None]], end_s: float) -> list[tuple[float, FaceLandmarks | None]]:
    """Frames up to a moment, and on until there are enough faces to know the actor."""
    taken, num_known = [], 0
    for frame in frames:
        taken.append(frame)
        num_known += frame[1] is not None
        if frame[0] >= end_s and num_known >= NUM_REFERENCES:
            break
    return taken


def _acquainted(head: MorphableHead, known: Sequence[FaceLandmarks]) -> FaceTracker:
    """A tracker of this actor: identity from several frames, and what the identity modes leave over."""
    picked = [known[index] for index in np.unique(np.linspace(0, len(known) - 1, NUM_REFERENCES).round().astype(int))]
    fits: list[ShapeFit] = [fit_shape(head, face) for face in picked]
    identity = np.mean([fit.identity for fit in fits], axis=0)
    rest = head.landmark_base + np.tensordot(identity, head.landmark_identity, 1)
    tracker = FaceTracker(head, rest)
    left = np.mean([tracker.unexplained(camera_points(face)) for face in picked], axis=0)
    left[:, 2] = 0  # the landmarker's depth is a guess of its own
    return FaceTracker(head, rest + left)


def _as_track(
    head: MorphableHead, sightings: Sequence[tuple[float, tuple[HeadState, Floats] | None]], info: VideoInfo, fps: Fraction
) -> FacialActionTrack:
    """Bridge the gaps, put it on an even clock, smooth it, and see the head from the middle of its movement."""
    seen = [(time_s, *found) for time_s, found in sightings if found is not None]
    times_s = np.array([time_s for time_s, _, _ in seen])
    states = [state for _, state, _ in seen]
    weights = np.array([state.weights for state in states])
    weights[:, GAZE] = [gaze for _, _, gaze in seen]
    rotation, translation = relative_pose(states, _middle(states), head.face_height)
    frame_s = 1 / float(info.fps)
    duration_s = sightings[-1][0] + frame_s
    clock_s = (np.arange(num_frames(duration_s, fps)) + 0.5) / float(fps)
    values = np.concatenate([weights, rotation, MAX_SHIFT * np.tanh(translation / MAX_SHIFT)], axis=1)
    even = np.stack([np.interp(clock_s, times_s + frame_s / 2, column) for column in values.T], axis=1)
    window = 2 * round(SMOOTHING_S * float(fps) / 2) + 1
    if 3 < window <= len(even):
        from scipy.signal import savgol_filter  # takes half a second to load, which only actors must wait for

        even = savgol_filter(even, window, 2, axis=0)
    count = weights.shape[1]
    return FacialActionTrack(
        np.clip(even[:, :count], 0, 1).astype(np.float32),
        np.clip(even[:, count : count + 3], -MAX_ROTATION_RAD, MAX_ROTATION_RAD).astype(np.float32),
        np.clip(even[:, count + 3 :], -1, 1).astype(np.float32),
        fps,
    )


def _middle(states: Sequence[HeadState]) -> HeadState:
    """The pose around which the head moves: the mean rotation (nearest to the sum; Moakher 2002), the median place."""
    left, _, right = np.linalg.svd(np.sum([state.rotation for state in states], axis=0))
    rotation = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    scale = float(np.median([state.scale for state in states]))
    pivot = np.median([state.pivot for state in states], axis=0)
    return HeadState.at(np.zeros_like(states[0].weights), rotation, scale, pivot)


def _sound(path: Path, info: VideoInfo, duration_s: float) -> AudioClip | None:
    if not info.has_audio:
        return None
    try:
        clip = load_audio(path, max_duration_s=2 * MAX_PERFORMANCE_S)
    except AudioInputError as error:
        if error.code == "audio.too_short":
            return None
        raise
    return clip.placed(info.audio_start_s - info.start_s, duration_s)
