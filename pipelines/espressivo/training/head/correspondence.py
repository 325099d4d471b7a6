"""Where MediaPipe's 468 face points lie on a head: render varied heads, find the points on the renders, vote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import Tissue
from espressivo.face.landmark_groups import NUM_MESH_LANDMARKS
from espressivo.face.landmarks import FaceLandmarker
from espressivo.face.pose import rotation_matrix
from espressivo.render.rasterizer import rasterize
from espressivo.seeds import numpy_generator
from espressivo.training.head.mesh import Float, HeadMesh, Int, mirror_vertices, vertex_normals

__all__ = ["Correspondence", "find_correspondence", "mirror_landmarks", "render_preview"]

SIZE_PX = 768
PX_PER_UNIT = SIZE_PX * 0.026
LIGHT = np.array([0.25, 0.35, 0.9]) / np.linalg.norm([0.25, 0.35, 0.9])
COLOUR = {
    Tissue.SKIN: (200, 150, 120),
    Tissue.TONGUE: (190, 80, 90),
    Tissue.TEETH: (240, 235, 225),
    Tissue.EYE: (240, 240, 240),
    Tissue.GUM: (205, 120, 120),
}
IRIS_RADIUS, PUPIL_RADIUS = 0.48, 0.22
# The lining of lips and lids lies this far behind the skin before it, units; what lies deeper is the inside of an eye socket.
DEEPEST_LINING = 0.6


@dataclass(frozen=True)
class Correspondence:
    """Each face point as a point of the surface.

    Attributes:
        vertices: ``(468, 3)`` corners of the triangle that holds the point; the first is the nearest vertex.
        weights: ``(468, 3)`` barycentric weights.
        error_px: ``(468,)`` mean distance over the renders at a face of 280 px.
    """

    vertices: Int
    weights: Float
    error_px: Float

    @property
    def nearest(self) -> Int:
        """``(468,)`` nearest vertex of each point."""
        return self.vertices[:, 0]

    def points(self, vertices: Float) -> Float:
        """``(468, 3)`` face points on a posed head."""
        found: Float = (vertices[self.vertices] * self.weights[:, :, None]).sum(axis=1)
        return found


def find_correspondence(head: HeadMesh, num_renders: int = 60, *, even: bool = True) -> Correspondence:
    """Vote over rendered heads with varied identity, yaw, jaw, smile and blink.

    Args:
        head: The head.
        num_renders: Votes.
        even: The mesh is the same left and right, and so shall the points be.
    """
    rng = numpy_generator(0, "head", "correspondence")
    seen, drawn = [], []
    with FaceLandmarker() as landmarker:
        for k in range(num_renders):
            vertices = _varied(head, rng, first=k == 0, expressive=k > 5)
            image, points = render_preview(head, vertices)
            for face in landmarker.detect(image):
                seen.append(face.points[:NUM_MESH_LANDMARKS, :2].astype(np.float64))
                drawn.append(points[:, :2])
    marks = _vote(head, np.stack(seen), np.stack(drawn), _on_the_face(head))
    return _even(marks, head) if even else marks


def _on_the_face(head: HeadMesh) -> Int:
    """Skin vertices that face the viewer and are not hidden deep behind other skin."""
    normals = vertex_normals(head.neutral, head.triangles)
    points = head.neutral * [1, -1, 1] * PX_PER_UNIT + [SIZE_PX / 2, SIZE_PX / 2, 0]
    depth = rasterize(points.astype(np.float32), head.triangles.astype(np.int32), SIZE_PX, SIZE_PX).depth
    x, y = np.clip(points[:, :2].round().astype(int), 0, SIZE_PX - 1).T
    hidden = depth[y, x] - points[:, 2] > DEEPEST_LINING * PX_PER_UNIT
    return np.flatnonzero((head.tissue == Tissue.SKIN) & (normals[:, 2] > -0.1) & ~hidden)


def mirror_landmarks(points: Float) -> Int:
    """For each of ``(N, 3)`` face points the one on the other side of the face."""
    flipped = points * [-1, 1, 1]
    cost = np.linalg.norm(points[:, None] - flipped[None], axis=-1)
    return np.asarray(linear_sum_assignment(cost + cost.T)[1], np.int64)


def _even(marks: Correspondence, head: HeadMesh) -> Correspondence:
    """Of each point and its partner across the face, the surer one and its mirror image."""
    vertex_mirror = mirror_vertices(head.neutral)
    partner = mirror_landmarks(marks.points(head.neutral))
    sure = marks.error_px <= marks.error_px[partner]
    vertices = np.where(sure[:, None], marks.vertices, vertex_mirror[marks.vertices[partner]])
    weights = np.where(sure[:, None], marks.weights, marks.weights[partner])
    return Correspondence(vertices, weights, marks.error_px)


def _vote(head: HeadMesh, seen: Float, drawn: Float, candidates: Int) -> Correspondence:
    """Nearest vertex in the mean over renders, then the best point of the triangles around it."""
    skin = head.triangles[head.triangle_tissue == Tissue.SKIN]
    count = seen.shape[1]
    corners, weights, error = np.zeros((count, 3), np.int64), np.zeros((count, 3)), np.zeros(count)
    for i in range(count):
        distance = np.linalg.norm(seen[:, i, None] - drawn[:, candidates], axis=-1).mean(axis=0)
        best = candidates[distance.argmin()]
        corners[i], weights[i], error[i] = (best, best, best), (1, 0, 0), distance.min()
        for triangle in skin[(skin == best).any(axis=1)]:
            weight = _fit_weights(drawn[:, triangle], seen[:, i])
            place = (drawn[:, triangle] * weight[:, None]).sum(axis=1)
            gap = np.linalg.norm(place - seen[:, i], axis=-1).mean()
            if gap < error[i]:
                order = np.argsort(-weight, kind="stable")
                corners[i], weights[i], error[i] = triangle[order], weight[order], gap
    return Correspondence(corners, weights, error)


def _fit_weights(corners: Float, goal: Float) -> Float:
    """Barycentric weights (non-negative, sum 1) that bring a triangle's point nearest to the goal over all renders."""
    a = (corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1).reshape(-1, 2)
    b = (goal - corners[:, 0]).reshape(-1)
    pair = np.linalg.solve(a.T @ a + 1e-6 * np.eye(2), a.T @ b)
    weight = np.clip(np.array([1 - pair.sum(), *pair]), 0, None)
    unit: Float = weight / weight.sum()
    return unit


def _varied(head: HeadMesh, rng: np.random.Generator, *, first: bool, expressive: bool) -> Float:
    weights = np.zeros(len(head.expression))
    if expressive:
        weights[ARKIT_INDEX["jawOpen"]] = rng.uniform(0, 0.5)
        for name in ("mouthSmile", "eyeBlink"):
            value = rng.uniform(0, 0.6) * (rng.random() < 0.5)
            weights[[ARKIT_INDEX[name + side] for side in ("Left", "Right")]] = value
    identity = rng.normal(0, 0.5, len(head.identity)) * (not first)
    yaw = rng.uniform(-0.25, 0.25) * (not first)
    vertices = head.neutral + np.tensordot(identity, head.identity, 1) + np.tensordot(weights, head.expression, 1)
    turned: Float = vertices @ rotation_matrix(0, yaw, 0).T
    return turned


def render_preview(
    head: HeadMesh, vertices: Float, size_px: int = SIZE_PX, centre: tuple[float, float] = (0.0, 0.0), zoom: float = 1.0
) -> tuple[NDArray[np.uint8], Float]:
    """A plainly shaded picture of a posed head, and the projected vertices (pixels; z in the same unit).

    Args:
        head: Topology and tissues.
        vertices: ``(V, 3)`` posed vertices.
        size_px: Side of the square picture.
        centre: x and y (units) in the middle of the picture.
        zoom: 1 shows about 38 units.
    """
    scale = size_px * 0.026 * zoom
    flipped = (vertices - [*centre, 0.0]) * [1, -1, 1] * scale
    points = flipped + np.array([size_px / 2, size_px / 2, 0])
    raster = rasterize(points.astype(np.float32), head.triangles.astype(np.int32), size_px, size_px)
    hit = raster.index >= 0
    shade = np.clip(vertex_normals(vertices, head.triangles) @ LIGHT, 0, 1) * 0.75 + 0.3
    colour = np.array([COLOUR[Tissue(t)] for t in range(len(Tissue))], float)[head.tissue]
    drawn = raster.interpolate(np.concatenate([colour, shade[:, None]], axis=1).astype(np.float32))
    image = np.where(hit[..., None], drawn[..., :3] * drawn[..., 3:], 90)
    on_eye = np.zeros(hit.shape, bool)
    on_eye[hit] = head.triangle_tissue[raster.index[hit]] == Tissue.EYE
    picture = np.clip(image, 0, 255).astype(np.uint8)
    _paint_irises(head, points, on_eye, scale, picture)
    return picture, points


def _paint_irises(head: HeadMesh, points: Float, on_eye: NDArray[np.bool_], scale: float, picture: NDArray[np.uint8]) -> None:
    """Without iris and pupil the detector sees no eyes."""
    y, x = np.mgrid[: len(picture), : len(picture)]
    eyes = np.flatnonzero(head.tissue == Tissue.EYE)
    for side in (1, -1):
        eye = points[eyes[head.neutral[eyes, 0] * side > 0]]
        centre = eye[eye[:, 2] > np.percentile(eye[:, 2], 85)].mean(axis=0)
        distance = np.hypot(x - centre[0], y - centre[1])
        for radius, colour in ((IRIS_RADIUS, (40, 60, 70)), (PUPIL_RADIUS, (10, 10, 10))):
            picture[on_eye & (distance < scale * radius)] = colour
