"""What the renderer needs of the skin beyond its shape: the hidden lining, the upper lids, the trusted face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import Tissue
from espressivo.face.landmark_groups import TRAGI
from espressivo.render.rasterizer import rasterize
from espressivo.training.head.correspondence import Correspondence
from espressivo.training.head.mesh import Float, HeadMesh, Int, smoothstep

__all__ = ["Lining", "face_mask", "find_lining", "upper_lids"]

VIEW_PX, VIEW_PX_PER_UNIT = 1600, 40
LID_REACH = 0.6
BEYOND_REACH = 3.0
MAX_LIP_SHIFT = 0.22

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Lining:
    """Skin that is hidden at rest: see the attributes ``lining_*`` and ``mouth_depth`` of ``MorphableHead``."""

    vertices: Int
    rim: Int
    shift: Float
    mouth_depth: Float


def find_lining(head: HeadMesh, marks: Correspondence) -> Lining:
    """Inner lips, mouth bag and lid edges, and the visible vertex that each hangs on."""
    visible = _visible_from_front(head)
    lips = head.neutral[marks.nearest[[13, 14, 78, 308]]]
    half_width = lips[:, 0].max()
    skin = head.tissue == Tissue.SKIN
    eyes = cKDTree(head.neutral[head.tissue == Tissue.EYE])
    lids = (eyes.query(head.neutral)[0] < LID_REACH) & skin
    mouth = (np.abs(head.neutral[:, 0]) < half_width + 0.7) & (np.abs(head.neutral[:, 1] - lips[0, 1]) < 2.2) & skin
    near = lids | mouth
    depth, rim = _way_from_rim(head, near, visible)
    hidden = near & ~visible & np.isfinite(depth)
    mouth_depth = np.where(hidden & ~lids, depth, 0)
    mouth_depth[near & ~lids & ~visible & ~np.isfinite(depth)] = BEYOND_REACH
    inner = np.flatnonzero(hidden)
    drop = head.shape("jawOpen")[rim[inner], 1]
    side = np.where(drop < drop.min() * 0.5, -1, 1)  # the lower lip takes its colour from below the lip line
    centre = ~lids[inner] * np.clip(1 - (head.neutral[rim[inner], 0] / half_width) ** 2, 0, 1)
    shift = np.zeros((len(inner), 3))
    shift[:, 1] = side * centre * np.clip(mouth_depth[inner], 0, MAX_LIP_SHIFT)
    return Lining(inner, rim[inner], shift, mouth_depth)


def _visible_from_front(head: HeadMesh) -> Mask:
    points = head.neutral * [VIEW_PX_PER_UNIT, -VIEW_PX_PER_UNIT, 1] + [VIEW_PX / 2, VIEW_PX / 2, 0]
    skin = head.triangles[head.triangle_tissue == Tissue.SKIN]
    seen = np.unique(rasterize(points.astype(np.float32), skin.astype(np.int32), VIEW_PX, VIEW_PX).index)
    visible = np.zeros(len(head.neutral), bool)
    visible[skin[seen[seen >= 0]]] = True
    return visible


def _way_from_rim(head: HeadMesh, near: Mask, visible: Mask) -> tuple[Float, Int]:
    """Length along the mesh to the nearest visible vertex, and that vertex."""
    skin = head.triangles[head.triangle_tissue == Tissue.SKIN]
    i, j = skin[:, [0, 1, 2]].ravel(), skin[:, [1, 2, 0]].ravel()
    use = near[i] & near[j]
    length = np.linalg.norm(head.neutral[i] - head.neutral[j], axis=1)[use]
    graph = sparse.coo_matrix((length, (i[use], j[use])), (len(near), len(near))).tocsr()
    start = np.flatnonzero(visible & near)
    depth, _, rim = dijkstra(graph, directed=False, indices=start, min_only=True, return_predecessors=True)
    return depth, rim.astype(np.int64)


def upper_lids(head: HeadMesh) -> Float:
    """``(2, V)`` 0-1, how much a vertex is upper lid, by how far a blink lowers it."""
    drop = -head.expression[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]], :, 1]
    lid: Float = smoothstep(drop / drop.max(axis=1, keepdims=True), 0.2, 0.6) * (head.tissue == Tissue.SKIN)
    return lid


def face_mask(head: HeadMesh, marks: Correspondence) -> Float:
    """``(V,)`` how far a photograph is trusted: 1 on the face the landmarks cover, 0 on ears, neck, back of the head."""
    points = marks.points(head.neutral)
    distance = np.asarray(cKDTree(points).query(head.neutral)[0])
    tragus_z = points[list(TRAGI), 2].mean()
    return (1 - smoothstep(distance, 0.5, 1.6)) * smoothstep(head.neutral[:, 2] - tragus_z, -0.1, 0.7)
