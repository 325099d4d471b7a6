"""From a portrait and a facial action track to frames."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import ImageInputError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.head import MorphableHead
from espressivo.face.landmarks import FaceLandmarks, find_single_face
from espressivo.face.pose import rotation_angles
from espressivo.face.track import FacialActionTrack
from espressivo.face.visibility import face_visibility
from espressivo.progress import CancelToken
from espressivo.render.eye_looks import EyeLook, eye_looks
from espressivo.render.eyes import draw_eye
from espressivo.render.fitting import HeadFit, RigidMotion, fit_head
from espressivo.render.framing import UpperEdge, upper_edge
from espressivo.render.imaging import blur, repeatable
from espressivo.render.matte import PersonMatte, person_matte
from espressivo.render.mouth import MouthPalette, draw_mouth, mouth_palette
from espressivo.render.pixels import blend, mark_jumps, scale_colours
from espressivo.render.shading import FoldMap, PortraitLight, fold_maps, fold_photograph, portrait_light
from espressivo.render.sizing import prepare_portrait
from espressivo.render.topology import HeadTopology
from espressivo.render.warp import PhotoWarp, moving_region, plan_warp
from espressivo.threads import side_by_side

__all__ = ["FittedPortrait", "PortraitRenderer", "held_back", "prepare_portrait"]

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

# An edge is where neighbouring pixels come from places this far apart (pixels; units of the head), softened by this much.
SEAM_PX, SEAM = 2.5, 0.12
SEAM_BLUR_PX, SEAM_BLUR = 0.8, 0.03
OF_EYES = np.array([name.startswith("eye") for name in ARKIT_NAMES])
FREE_TURN_RAD, MAX_TURN_RAD = 0.3, 0.42
# A head turned by more than this in the photograph is turned back by as much less: its far cheek is not in the picture.
SEEN_ROUND_RAD, LEAST_TURN_RAD = 0.17, 0.06


@dataclass(frozen=True, eq=False)
class FittedPortrait:
    """A portrait, ready to be moved. Made once by :meth:`PortraitRenderer.fit`; nothing in it changes afterwards.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB, the photograph and the size of the frames.
        fit: The head that lies on it.
        warp: Where it can move.
        matte: What of it is the person, and what lies behind.
        edge: Where the picture's upper edge cuts the head off, if it does.
        eyes: Left and right eye; none behind dark glasses, and then lids and gaze keep still.
        mouth: Colours of the inside of the mouth.
        light: The light that the photograph was taken in.
        folds: Wrinkles that expressions make.
    """

    image: Image
    fit: HeadFit
    warp: PhotoWarp
    matte: PersonMatte
    edge: UpperEdge
    eyes: tuple[EyeLook, ...]
    mouth: MouthPalette
    light: PortraitLight
    folds: tuple[FoldMap, ...]

    def yielding(self) -> FittedPortrait:
        """The same portrait without its own expression, for tracks that say all that a face shows, parted lips too."""
        return replace(self, fit=replace(self.fit, own_share=0.0))

    def relaxed(self, own_share: float) -> FittedPortrait:
        """The same portrait at rest with only a share of its own expression, and its lips shut as far as that is taken away.

        Args:
            own_share: 0-1; 1 keeps the photograph, 0 makes a laughing face neutral.
        """
        return replace(self, fit=replace(self.fit, own_share=own_share, sealed=1 - own_share))


class PortraitRenderer:
    """Moves a photograph's face. Holds the head alone, so one renderer may serve several threads and portraits.

    Args:
        head: The morphable head.
    """

    def __init__(self, head: MorphableHead) -> None:
        self.head = head
        self._topology = HeadTopology.of(head)

    @classmethod
    def from_pretrained(cls, path: Path | None = None) -> Self:
        """With the bundled head, or the one in ``path / "head"``.

        Raises:
            CheckpointError: Files are missing or do not match their digests.
        """
        return cls(MorphableHead.from_pretrained(path / "head" if path else None))

    def fit(self, image: Image, *, face: Literal["only", "largest"] = "only") -> FittedPortrait:
        """Find the face and prepare everything that stays the same from frame to frame.

        Args:
            image: ``(H, W, 3)`` uint8 RGB; see :func:`prepare_portrait` for its size.
            face: ``"only"`` refuses a picture with several faces, ``"largest"`` takes the largest.

        Raises:
            ImageInputError: ``image.shape``, ``image.no_face``, ``image.many_faces``, ``image.face_too_small``,
                ``image.face_turned``, ``image.face_cut``, ``image.blurred`` or ``image.face_covered``.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ImageInputError(
                "image.shape", f"image is {image.dtype} of shape {image.shape}; expected uint8 RGB of shape (height, width, 3)"
            )
        with repeatable():
            return self._fit(np.ascontiguousarray(image), find_single_face(image, face=face))

    def _fit(self, photograph: Image, face: FaceLandmarks) -> FittedPortrait:
        return self.prepare(photograph, fit_head(self.head, face), shows_eyes=face_visibility(photograph, face).shows_eyes)

    def prepare(self, photograph: Image, fit: HeadFit, *, shows_eyes: bool) -> FittedPortrait:
        """Everything that stays the same from frame to frame, for a head that lies on the photograph already.

        Args:
            photograph: ``(H, W, 3)`` uint8 RGB.
            fit: The head on it.
            shows_eyes: Whether the eyes can be seen; others are not moved.
        """
        height, width = photograph.shape[:2]
        points = fit.project(fit.vertices(fit.own_expression))
        matte = person_matte(photograph, fit, self._topology, points, moving_region(fit, width, height))
        warp = plan_warp(fit, self._topology, width, height, matte.alpha)
        return FittedPortrait(
            image=photograph,
            fit=fit,
            warp=warp,
            matte=matte,
            edge=upper_edge(fit, matte, points),
            eyes=eye_looks(photograph, fit) if shows_eyes else (),
            mouth=mouth_palette(photograph, fit, self._topology),
            light=portrait_light(photograph, fit, self._topology, warp.trust),
            folds=fold_maps(photograph, fit),
        )

    def frames(
        self, portrait: FittedPortrait, track: FacialActionTrack, *, cancel: CancelToken | None = None, threads: int = 1
    ) -> Generator[Image]:
        """Frames of a track, made as they are asked for: ``(H, W, 3)`` uint8 RGB, the size of the portrait.

        Args:
            portrait: A fitted portrait.
            track: What it does.
            cancel: Looked at before each frame.
            threads: How many frames to draw at once; the frames are the same.

        Raises:
            Cancelled: ``cancel`` was set.
        """

        def drawn(index: int) -> Image:
            if cancel is not None:
                cancel.raise_if_cancelled()
            return self.frame(portrait, track.weights[index], track.head_rotation[index], track.head_translation[index])

        return side_by_side(drawn, range(len(track)), threads)

    def frame(
        self,
        portrait: FittedPortrait,
        weights: NDArray[np.floating],
        head_rotation: NDArray[np.floating] | None = None,
        head_translation: NDArray[np.floating] | None = None,
    ) -> Image:
        """One frame, ``(H, W, 3)`` uint8 RGB.

        Args:
            portrait: A fitted portrait.
            weights: ``(52,)`` ARKit weights, 0-1, relative to the portrait's own expression.
            head_rotation: ``(3,)`` pitch, yaw, roll in radians, relative to the portrait; default none. Beyond 0.3 it is held
                back, up to 0.42: a photograph does not show what lies round the corner. A head that is turned already is turned
                back less.
            head_translation: ``(3,)`` face heights; default none.
        """
        still = np.zeros(3, np.float32)
        turned = still if head_rotation is None else held_back(np.asarray(head_rotation, np.float32), portrait.fit)
        motion = portrait.fit.motion(turned, still if head_translation is None else head_translation)
        with repeatable():
            return self._draw(portrait, np.asarray(weights, np.float32), portrait.edge.hold(motion))

    def _draw(self, portrait: FittedPortrait, weights: Float, motion: RigidMotion) -> Image:
        fit, warp = portrait.fit, portrait.warp
        if not portrait.eyes:
            weights = np.where(OF_EYES, np.float32(0), weights)
        points = fit.pose(weights, None if motion.is_rest else motion)
        opening = portrait.mouth.opening(fit, points)
        field = warp.field(fit, points, motion, portrait.light.change(self._topology, points), opening)
        folded = fold_photograph(
            portrait.mouth.emptied(portrait.image, opening), portrait.folds, fit.new_weights(weights), portrait.light.tint
        )
        frame = portrait.image.copy()
        region = warp.region.slices
        moved = portrait.matte.carry(folded, field.sample)
        _soften_seams(moved, field.sample, fit.scale)
        scale_colours(moved, field.light, portrait.light.tint)
        frame[region] = moved
        size = frame.shape[:2]
        for side, look in enumerate(portrait.eyes):
            for layer in draw_eye(fit, self._topology, look, side, points, size):
                layer.over(frame)
        mouth = draw_mouth(portrait.image, fit, self._topology, portrait.mouth, points, motion, opening)
        if mouth is not None:
            mouth.over(frame)
        return frame


def held_back(angles: Float, fit: HeadFit) -> Float:
    """Angles that are free up to a knee and come to rest at a limit; less free where the photograph shows little of that side."""
    own_yaw_rad = rotation_angles(fit.rotation)[1]
    hidden = max(-own_yaw_rad * float(np.sign(angles[1])) - SEEN_ROUND_RAD, 0.0)
    free = np.array([FREE_TURN_RAD, max(FREE_TURN_RAD - hidden, LEAST_TURN_RAD), FREE_TURN_RAD], np.float32)
    room = np.float32(MAX_TURN_RAD / FREE_TURN_RAD - 1) * free
    size = np.abs(angles)
    held: Float = np.sign(angles) * np.where(size <= free, size, free + room * np.tanh((size - free) / room))
    return held.astype(np.float32)


def _soften_seams(moved: Image, places: Float, scale: float) -> None:
    """Where one part of the face covers another the warp is cut by the pixel: soften these edges, in place."""
    jumps = mark_jumps(places, max(SEAM_PX, SEAM * scale))
    if jumps is None:
        return
    mask, box = jumps
    margin = 4
    window = (slice(max(box.top - margin, 0), box.bottom + margin), slice(max(box.left - margin, 0), box.right + margin))
    width = max(SEAM_BLUR_PX, SEAM_BLUR * scale)
    part = moved[window]
    blend(part, blur(part, width), np.clip(blur(mask[window], width) * 1.6, 0, 1))
