"""Finding faces: 478 points, 52 blendshapes and the pose, by MediaPipe's Face Landmarker on the CPU."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import CheckpointError, ImageInputError, RenderError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.landmark_groups import FACE_OVAL
from espressivo.face.pose import rotation_angles
from espressivo.face.visibility import face_visibility, refuse_unseen
from espressivo.resources import checkpoint_folder

__all__ = [
    "MAX_YAW_RAD",
    "MIN_CONFIDENCE",
    "MIN_FACE_PX",
    "FaceLandmarker",
    "FaceLandmarks",
    "close_portrait_landmarker",
    "find_single_face",
]

MIN_FACE_PX: Final = 64.0
# 35 degrees. On renders the points then err by 1.7 % of the face height, 1.4 times as much as from the front
# (python -m espressivo.training.head.measure), and half of the far cheek is no longer in the picture.
MAX_YAW_RAD: Final = 0.61
# Synthetic portraits score 0.74 to 0.96; an alpaca that the mesh model takes for a face scores 0.
MIN_CONFIDENCE: Final = 0.5
MAX_CUT: Final = 0.04
MAX_FACES: Final = 8

# MediaPipe's native code logs to file descriptor 2 before its logger can be configured; these lines tell a user nothing.
_NATIVE_NOISE: Final = re.compile(rb"^(WARNING: All log messages before absl|INFO: Created TensorFlow Lite|[IW]\d{4} )")
_native_stderr_lock = threading.Lock()


@dataclass(frozen=True)
class FaceLandmarks:
    """One face in a picture.

    Attributes:
        points: ``(478, 3)`` float32 pixels: x to the right, y down, z towards the camera, relative to the head's centre and
            in the scale of x. Groups of points are named in :mod:`espressivo.face.landmark_groups`.
        blendshapes: ``(52,)`` float32 in 0-1 in the order of ``ARKIT_NAMES``; ``tongueOut`` is always 0.
        transform: ``(4, 4)`` float32: canonical face (cm; x right, y up, z towards the viewer) to camera.
        confidence: The face detector's score, 0-1; 0 where the detector alone does not see this face.
    """

    points: NDArray[np.float32]
    blendshapes: NDArray[np.float32]
    transform: NDArray[np.float32]
    confidence: float

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """``(left, top, right, bottom)`` of all points, pixels."""
        (left, top), (right, bottom) = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    @cached_property
    def face_height_px(self) -> float:
        """Distance from the hair line to the chin."""
        top, chin = self.points[FACE_OVAL[0]], self.points[FACE_OVAL[18]]
        return float(np.linalg.norm(top - chin))

    @cached_property
    def head_rotation(self) -> tuple[float, float, float]:
        """``(pitch, yaw, roll)`` in radians, signs as in ``FacialActionTrack``; 0 faces the camera."""
        return rotation_angles(self.transform[:3, :3])

    def part_outside(self, width: int, height: int) -> float:
        """Part of the points that lie beyond the edges of a picture of this size, 0-1."""
        points = self.points[:, :2]
        return float(((points < 0) | (points > [width - 1, height - 1])).any(axis=1).mean())


class FaceLandmarker:
    """MediaPipe's Face Landmarker with its log silenced. Use it in a ``with`` block.

    Calls from several threads are safe; they run one after the other. No network is used.

    Args:
        mode: ``"image"`` treats every picture alone; ``"video"`` follows faces from frame to frame, which is steadier.
        num_faces: Largest number of faces to return, 1 to 8.
        model_path: Another ``.task`` bundle than the checkpoint's.

    Raises:
        CheckpointError: The bundle is missing or altered.
        RenderError: ``render.landmarker`` when MediaPipe cannot start.
    """

    def __init__(self, *, mode: Literal["image", "video"] = "image", num_faces: int = 1, model_path: Path | None = None) -> None:
        if not 1 <= num_faces <= MAX_FACES:
            accepted = f"num_faces is {num_faces}; accepted: 1 to {MAX_FACES}"
            raise ValueError(accepted)
        path = model_path or checkpoint_folder("face_landmarker") / "face_landmarker.task"
        try:
            bundle = path.read_bytes()
        except OSError as error:
            raise CheckpointError("checkpoint.missing", f"cannot read {path.name}: {error.strerror}") from error
        self._mode = mode
        self._lock = threading.Lock()
        self._last_timestamp_ms = -1
        self._settled = False
        with _quiet_native_stderr():
            self._mesh, self._detector = _create_tasks(bundle, mode, num_faces)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the native objects; called by the ``with`` block."""
        self._mesh.close()
        self._detector.close()

    def detect(self, image: NDArray[np.uint8], timestamp_ms: int | None = None) -> tuple[FaceLandmarks, ...]:
        """Faces in a picture, largest first.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            timestamp_ms: Time of a video frame, rising from call to call; only and always in video mode.

        Raises:
            ImageInputError: ``image.shape``.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ImageInputError(
                "image.shape", f"image is {image.dtype} of shape {image.shape}; expected uint8 RGB of shape (height, width, 3)"
            )
        if (timestamp_ms is None) != (self._mode == "image"):
            misuse = "timestamp_ms belongs to video mode, and there every frame needs one"
            raise ValueError(misuse)
        with self._lock:
            if self._settled:
                mesh, detection = self._run(image, timestamp_ms)
            else:
                with _quiet_native_stderr():
                    mesh, detection = self._run(image, timestamp_ms)
                self._settled = True
        faces = [_face(mesh, index, image, detection) for index in range(len(mesh.face_landmarks))]
        return tuple(sorted(faces, key=lambda face: face.face_height_px, reverse=True))

    def _run(self, image: NDArray[np.uint8], timestamp_ms: int | None) -> tuple[Any, Any]:
        import mediapipe

        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        detection = self._detector.detect(picture)
        if timestamp_ms is None:
            return self._mesh.detect(picture), detection
        if timestamp_ms <= self._last_timestamp_ms:
            misuse = f"timestamp {timestamp_ms} ms follows {self._last_timestamp_ms} ms; times must rise"
            raise ValueError(misuse)
        self._last_timestamp_ms = timestamp_ms
        return self._mesh.detect_for_video(picture, timestamp_ms), detection


def find_single_face(image: NDArray[np.uint8], *, face: Literal["only", "largest"] = "only") -> FaceLandmarks:
    """The face that a portrait shows, or a clear refusal.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        face: ``"only"`` refuses a picture with several faces, ``"largest"`` takes the largest of them.

    Raises:
        ImageInputError: ``image.no_face``, ``image.many_faces``, ``image.face_too_small`` (hair line to chin below 64 px),
            ``image.face_turned`` (yaw beyond 35 degrees), ``image.face_cut`` (by the edge of the picture), ``image.blurred`` or
            ``image.face_covered``.
    """
    faces = [found for found in _portrait_landmarker().detect(image) if found.confidence >= MIN_CONFIDENCE]
    if not faces:
        raise ImageInputError(
            "image.no_face", "no human face found; give a sharp, upright portrait in which the face fills a fifth to a half"
        )
    if face == "only" and len(faces) > 1:
        raise ImageInputError(
            "image.many_faces", f"{len(faces)} faces found; crop the picture to one, or choose the largest one (face='largest')"
        )
    chosen = faces[0]
    if chosen.face_height_px < MIN_FACE_PX:
        raise ImageInputError(
            "image.face_too_small",
            f"the face is {chosen.face_height_px:.0f} pixels high; at least {MIN_FACE_PX:.0f} are needed, use a larger picture",
        )
    yaw_rad = chosen.head_rotation[1]
    if abs(yaw_rad) > MAX_YAW_RAD:
        raise ImageInputError(
            "image.face_turned",
            f"the head is turned by {abs(np.degrees(yaw_rad)):.0f} degrees; up to {np.degrees(MAX_YAW_RAD):.0f} can be "
            "animated, use a picture seen more from the front",
        )
    missing = chosen.part_outside(image.shape[1], image.shape[0])
    if missing > MAX_CUT:
        raise ImageInputError(
            "image.face_cut",
            f"{100 * missing:.0f} % of the face lie beyond the edge of the picture; at most {100 * MAX_CUT:.0f} % may, "
            "use a picture that shows the whole face",
        )
    refuse_unseen(face_visibility(image, chosen))
    return chosen


@cache
def _portrait_landmarker() -> FaceLandmarker:
    """One for all portraits of the process: each loading of the models leaves holes in the heap that are not given back."""
    return FaceLandmarker(num_faces=MAX_FACES)


def close_portrait_landmarker() -> None:
    """Close what all portraits share; for the end of a program: when Python takes itself apart, MediaPipe no longer can."""
    if _portrait_landmarker.cache_info().currsize:
        _portrait_landmarker().close()
        _portrait_landmarker.cache_clear()


def _create_tasks(bundle: bytes, mode: Literal["image", "video"], num_faces: int) -> tuple[Any, Any]:
    """The landmarker, and the face detector of the same bundle: only the detector tells how sure it is."""
    from mediapipe.tasks.python import BaseOptions, vision

    running = vision.RunningMode.IMAGE if mode == "image" else vision.RunningMode.VIDEO
    try:
        mesh_options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=bundle),
            running_mode=running,
            num_faces=num_faces,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        with zipfile.ZipFile(BytesIO(bundle)) as archive:
            detector = archive.read("face_detector.tflite")
        detector_options = vision.FaceDetectorOptions(base_options=BaseOptions(model_asset_buffer=detector))
        return vision.FaceLandmarker.create_from_options(mesh_options), vision.FaceDetector.create_from_options(detector_options)
    except (RuntimeError, ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise RenderError("render.landmarker", f"MediaPipe's face landmarker does not start: {error}") from error


def _face(mesh: Any, index: int, image: NDArray[np.uint8], detection: Any) -> FaceLandmarks:  # noqa: ANN401 - untyped library
    height, width = image.shape[:2]
    scale = np.array([width, height, -width], np.float32)
    points = np.array([(p.x, p.y, p.z) for p in mesh.face_landmarks[index]], np.float32) * scale
    blendshapes = np.zeros(len(ARKIT_NAMES), np.float32)
    for category in mesh.face_blendshapes[index]:
        if category.category_name in ARKIT_INDEX:
            blendshapes[ARKIT_INDEX[category.category_name]] = category.score
    transform = np.asarray(mesh.facial_transformation_matrixes[index], np.float32)
    return FaceLandmarks(points, blendshapes, transform, _confidence(points, detection))


def _confidence(points: NDArray[np.float32], detection: Any) -> float:  # noqa: ANN401 - untyped library
    """Score of the best detection whose box holds the middle of the points."""
    x, y = points[:, :2].mean(axis=0)
    scores = [0.0]
    for found in detection.detections:
        box = found.bounding_box
        if box.origin_x <= x <= box.origin_x + box.width and box.origin_y <= y <= box.origin_y + box.height:
            scores.append(found.categories[0].score)
    return float(max(scores))


@contextmanager
def _quiet_native_stderr() -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2, then pass on every line that is not known noise."""
    with _native_stderr_lock, tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held:
                if not _NATIVE_NOISE.match(line):
                    os.write(2, line)
