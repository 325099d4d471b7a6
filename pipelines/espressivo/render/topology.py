"""Which triangles of the head's mesh take part in which layer of the picture; found once, the same for every portrait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.face.head import MorphableHead, Tissue
from espressivo.face.landmark_groups import MOUTH_CORNERS
from espressivo.render.imaging import smoothstep

__all__ = ["HeadTopology", "Part"]

# Units of the head: a face is about 14 high.
THROAT_DEPTH = 0.6
CORNER_DEPTH = 1.0
MOUTH_REACH_X, MOUTH_REACH_Y = 1.2, 3.0
EYE_REACH, EYE_REACH_BACK = 2.4, 2.5

Float = NDArray[np.float32]
Triangles = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Part:
    """Some triangles with vertices of their own.

    Attributes:
        vertices: ``(N,)`` which vertices of the head.
        triangles: ``(T, 3)`` int32, indices into ``vertices``.
    """

    vertices: NDArray[np.int64]
    triangles: Triangles

    @classmethod
    def of(cls, triangles: Triangles) -> Part:
        """From triangles of the head."""
        vertices, local = np.unique(triangles, return_inverse=True)
        return cls(vertices.astype(np.int64), np.ascontiguousarray(local.reshape(-1, 3), np.int32))


@dataclass(frozen=True, eq=False)
class HeadTopology:
    """Parts of the mesh by their role in the picture.

    Attributes:
        surface: ``(T, 3)`` triangles of skin and eyes, the outside of the head.
        surface_is_eye: ``(T,)`` bool.
        skin: Triangles of skin alone.
        mouth: What can be seen through the lips: inner lips, tongue, teeth, gums; beyond ``THROAT_DEPTH`` the mouth is a dark
            throat, not the mesh's bag.
        lower_mouth: The same without what a photograph that shows its teeth has itself: inner lips, upper teeth and gums.
        upper_teeth: Vertices of the upper teeth.
        lining: ``(V,)`` way from the lips into the mouth, made longer at the corners, where lips are thin and the photograph has
            no lip to show.
        eyes: The lids and then the eyeballs: left, right.
        eyeballs: Eyeballs alone: left, right.
    """

    surface: Triangles
    surface_is_eye: NDArray[np.bool_]
    skin: Triangles
    mouth: Part
    lower_mouth: Part
    upper_teeth: NDArray[np.int64]
    lining: Float
    eyes: tuple[Part, Part]
    eyeballs: tuple[Part, Part]

    @classmethod
    def of(cls, head: MorphableHead) -> HeadTopology:
        """Sort the triangles of a head."""
        tissue, middle = head.triangle_tissue, head.neutral[head.triangles].mean(axis=1)
        is_skin, is_eye = tissue == Tissue.SKIN, tissue == Tissue.EYE
        surface = is_skin | is_eye
        depth = head.mouth_depth[head.triangles].max(axis=1)
        corners = head.landmark_base[list(MOUTH_CORNERS)]
        around = (np.abs(middle[:, 0]) < corners[:, 0].max() + MOUTH_REACH_X) & (
            np.abs(middle[:, 1] - corners[:, 1].mean()) < MOUTH_REACH_Y
        )
        inside = np.isin(tissue, (Tissue.TONGUE, Tissue.TEETH, Tissue.GUM))
        of_lower_jaw = inside & head.on_lower_jaw[head.triangles[:, 0]]
        mouth = inside | (is_skin & around & (middle[:, 2] > 0) & (depth < THROAT_DEPTH))
        eyes, eyeballs = [], []
        for vertices in head.eye_vertices:
            ball = head.neutral[vertices]
            front = ball[ball[:, 2] > np.percentile(ball[:, 2], 60)].mean(axis=0)
            near = (np.linalg.norm((middle - front)[:, :2], axis=1) < EYE_REACH) & (middle[:, 2] > front[2] - EYE_REACH_BACK)
            own = is_eye & (np.sign(middle[:, 0]) == np.sign(front[0]))
            eyes.append(Part.of(np.concatenate([_take(head, near & is_skin), _take(head, own)])))
            eyeballs.append(Part.of(_take(head, own)))
        return cls(
            surface=_take(head, surface),
            surface_is_eye=is_eye[surface],
            skin=_take(head, is_skin),
            mouth=Part.of(_take(head, mouth)),
            lower_mouth=Part.of(_take(head, of_lower_jaw)),
            upper_teeth=np.flatnonzero((head.tissue == Tissue.TEETH) & ~head.on_lower_jaw),
            lining=head.mouth_depth * (1 + CORNER_DEPTH * smoothstep(np.abs(head.neutral[:, 0]) / corners[:, 0].max(), 0.5, 0.9)),
            eyes=(eyes[0], eyes[1]),
            eyeballs=(eyeballs[0], eyeballs[1]),
        )


def _take(head: MorphableHead, which: NDArray[np.bool_]) -> Triangles:
    return np.ascontiguousarray(head.triangles[which], np.int32)
