"""Carry scan-based expression shapes from one head to another.

The registration (open pose) says what lies where; each displacement field is taken over by barycentric weights, turned and
scaled by smoothed local frames, filled in smoothly where nothing was matched (mouth lining, nostrils, neck), and made even left
and right. Displacement transfer after Sumner and Popovic (2004) in spirit, with displacements instead of gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, mirror_name
from espressivo.face.head import Tissue
from espressivo.training.head.correspondence import Correspondence
from espressivo.training.head.mesh import Float, HeadMesh, Int, laplacian, mirror_vertices, similarity
from espressivo.training.head.registration import OPEN_POSE, Registration, fit_identity, local_frames, register

__all__ = ["Transferred", "apply_gains", "even_sides", "jaw_motion", "transfer_expressions"]

# Behind and below these the skin stays still.
STILL_Z, STILL_Y = -6.0, -11.0
FRAME_SMOOTHING = 60.0


@dataclass(frozen=True)
class Transferred:
    """What was carried over.

    Attributes:
        skin: ``(52, N, 3)`` displacements of the target's skin.
        jaw: ``(52, 3, 4)`` affine displacement of the lower jaw, see :func:`jaw_motion`.
        registration: Match of the two skins.
        mark_gap: Mean distance of the face points after the identity fit, units.
    """

    skin: Float
    jaw: Float
    registration: Registration
    mark_gap: float


def transfer_expressions(
    target: HeadMesh, target_marks: Correspondence, source: HeadMesh, source_marks: Correspondence
) -> Transferred:
    """Shapes of the source on the skin of the target (``tongueOut`` excepted: zero)."""
    goal = target_marks.points(target.neutral)
    base, frame = fit_identity(source, source_marks, goal)
    field = source.expression @ frame.T
    opened = base + _open(field)
    count = int((target.tissue == Tissue.SKIN).sum())
    triangles = target.triangles[target.triangle_tissue == Tissue.SKIN]
    start = target.posed(OPEN_POSE)[:count]
    surface = _outer_skin(source, source_marks)
    registration = register(start, triangles, target_marks, opened, surface, source_marks.points(opened))
    skin = _carry(target.neutral[:count], triangles, start, field, registration)
    mark_gap = float(np.linalg.norm(source_marks.points(base) - goal, axis=1).mean())
    return Transferred(skin, jaw_motion(source, base, field), registration, mark_gap)


def _open(field: Float) -> Float:
    total: Float = sum(
        (weight * field[k] for name, weight in OPEN_POSE.items() for k in _indices(name)), start=np.zeros(field.shape[1:])
    )
    return total


def _indices(name: str) -> list[int]:
    return [index for full, index in ARKIT_INDEX.items() if full in (name, f"{name}Left", f"{name}Right")]


def _outer_skin(source: HeadMesh, marks: Correspondence) -> Int:
    """The connected skin with mouth and eye sockets; lashes and tear film are other parts."""
    t, count = source.triangles, len(source.neutral)
    edges = (np.ones(2 * len(t)), (t[:, [0, 1]].ravel(), t[:, [1, 2]].ravel()))
    part = connected_components(sparse.coo_matrix(edges, (count, count)), directed=False)[1]
    outer: Int = t[(part == part[marks.nearest[1]])[t].all(axis=1)]
    return outer


def _carry(neutral: Float, triangles: Int, opened: Float, field: Float, registration: Registration) -> Float:
    count = len(neutral)
    matrix, adjacency = laplacian(triangles, count)
    bending = matrix.T @ matrix
    still = (neutral[:, 2] < STILL_Z) | (neutral[:, 1] < STILL_Y)
    known = registration.matched & ~still
    weight = np.where(still, 10.0, np.where(registration.matched, 4.0, 0.0)) + 1e-6
    fill = splu((bending + sparse.diags(weight)).tocsc())
    smooth = splu((sparse.eye(count) + FRAME_SMOOTHING * bending).tocsc())
    frames = local_frames(registration.registered, opened, adjacency)
    frames = smooth.solve(frames.reshape(count, 9)).reshape(count, 3, 3)
    moved = np.stack(
        [
            np.einsum("vij,vj->vi", frames, fill.solve(weight[:, None] * registration.carry(shape) * known[:, None]))
            for shape in field
        ]
    )
    return even_sides(moved, mirror_vertices(neutral))


def even_sides(shapes: Float, mirror: Int) -> Float:
    """The mean of each of ``(52, V, 3)`` shapes and its mirror image."""
    other = [ARKIT_INDEX[mirror_name(name)] for name in ARKIT_NAMES]
    even: Float = (shapes + shapes[other][:, mirror] * [-1, 1, 1]) / 2
    return even


def jaw_motion(source: HeadMesh, base: Float, field: Float) -> Float:
    """Per shape the 3x4 matrix ``[A | t]`` with displacement ``A x + t`` of whatever is fixed to the lower jaw.

    Measured on the source's lower teeth: those that ``jawOpen`` moves.
    """
    opening = np.linalg.norm(field[ARKIT_INDEX["jawOpen"]], axis=1)
    lower = (source.tissue == Tissue.TEETH) & (opening > 0.3)
    maps = np.zeros((len(ARKIT_NAMES), 3, 4))
    rest, even = base[lower], np.ones(int(lower.sum()))
    for k, shape in enumerate(field):
        if np.abs(shape[lower]).max() > 1e-3:
            _, rotation, _ = similarity(rest, rest + shape[lower], even)
            maps[k, :, :3] = rotation - np.eye(3)
            maps[k, :, 3] = (rest + shape[lower]).mean(axis=0) - rotation @ rest.mean(axis=0)
    return maps


def apply_gains(shapes: Float, gains: Mapping[str, float]) -> Float:
    """Scale each shape by its gain (names with or without side; 1 where none is given)."""
    factor = [gains.get(name, gains.get(name.removesuffix("Left").removesuffix("Right"), 1.0)) for name in ARKIT_NAMES]
    scaled: Float = shapes * np.reshape(factor, (-1,) + (1,) * (shapes.ndim - 1))
    return scaled
