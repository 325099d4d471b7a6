"""Where each pixel of a frame comes from in the photograph.

The face is drawn from the mesh; hair, ears and neck follow on a proxy of the head's depth that moves with it, plus the face's
own motion pulled and pushed outwards (Gortler et al. 1996, "The Lumigraph", 3.3); both fade towards the background, which
stays. Outside the region of interest nothing is computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.face.landmark_groups import FACE_OVAL
from espressivo.render.compiled import compiled
from espressivo.render.fitting import HeadFit, RigidMotion
from espressivo.render.imaging import AREA, LINEAR, as_alpha, blur, pull_push, resize, smoothstep
from espressivo.render.lip_seal import lip_gaps
from espressivo.render.pixels import add_outside
from espressivo.render.rasterizer import EMPTY, rasterize, vertex_normals
from espressivo.render.regions import Region
from espressivo.render.topology import HeadTopology

__all__ = ["PhotoWarp", "WarpField", "moving_region", "plan_warp"]

Float = NDArray[np.float32]

# The warp is smooth: a face of this many pixels is enough to compute it, however large the portrait.
MAX_WORK_FACE_PX = 480.0
COARSE = 4
HAIR, FADE_FROM, FADE_TO = 1.0, 0.5, 8.0  # units of the head, from its outline
LID_BEFORE_EYE = 0.12
FACING = (0.2, 0.5)
# Skin that no turn brings into sight: how far its normal is turned away, and how far back it lies, units.
TURNED_AWAY, FRONT = -0.5, -1.0
HIDDEN = (0.15, 0.4)
OPEN_SOURCE_MOUTH = (0.03, 0.12)
# Ears and hair do not lie deeper than this before the neck's pivot: a steeper drop would fold the picture when the head turns.
PROXY_FLOOR, PROXY_BLUR, PROXY_RECEDE = 1.0, 0.9, 2.0
PROXY_LOOKS = 2
EDGE_SHARE = 0.85
# Breath lifts the shoulders more than the head (across, up), within a limit; where they begin below the chin. Units of the head.
BODY_FOLLOWS, MOST_SWAY, SHOULDERS = (0.5, 2.0), 0.2, (0.5, 3.5)


@dataclass(frozen=True, eq=False)
class PhotoWarp:
    """What of a portrait does not change from frame to frame.

    Attributes:
        region: Where anything can move.
        work_grid: ``(h, w, 2)`` portrait coordinates at which the mesh is drawn.
        coarse_grid: The same, four times coarser: for what lies outside the face.
        triangles: Triangles worth drawing.
        source: ``(V, 2)`` where each vertex lies in the photograph.
        trust: ``(V,)`` 0-1, how far the photograph shows this vertex.
        inner_lips: Vertices of the lips that a shut mouth hides.
        lips_in_photograph: ``(N, 2)`` where those are seen while they are shut.
        fade: Coarse map, 1 on the head, 0 where the background stays.
        below: Coarse map, pixels down to which the head and neck may be taken from: the body goes on below the picture, but
            there is nothing to show, so it is stretched.
        above: The same upwards: hair that the picture cuts is stretched, not mirrored into a second head of hair.
        beside: The same to the left and to the right.
        body: Coarse map, 1 on shoulders and chest, which rise and sway a little when the head does.
        proxy_depth: Coarse map of camera depth of the head and what surrounds it, pixels.
    """

    region: Region
    work_grid: Float
    full_grid: Float
    coarse_grid: Float
    triangles: NDArray[np.int32]
    source: Float
    trust: Float
    inner_lips: NDArray[np.int32]
    lips_in_photograph: Float
    fade: Float
    below: Float
    above: Float
    beside: tuple[Float, Float]
    body: Float
    proxy_depth: Float

    def field(self, fit: HeadFit, points: Float, motion: RigidMotion, relight: Float, mouth_opening: float) -> WarpField:
        """Where the pixels of the region come from.

        Args:
            fit: The head.
            points: ``(V, 3)`` where its vertices are.
            motion: How it stands.
            relight: ``(V,)`` change of light.
            mouth_opening: How far the inside of the mouth is drawn, 0-1: then inner lips have their own source.
        """
        trust = self.trust.copy()
        trust[self.inner_lips] = np.maximum(trust[self.inner_lips], np.float32(mouth_opening))
        source = self.source.copy()
        source[self.inner_lips] += np.float32(1 - mouth_opening) * (self.lips_in_photograph - source[self.inner_lips])
        values = np.concatenate([source, trust[:, None], relight[:, None]], axis=1)
        drawn = points.copy()
        for eye in fit.head.eye_vertices:  # lids never lose against the eyeball
            drawn[eye, 2] -= LID_BEFORE_EYE * fit.scale
        height, width = self.work_grid.shape[:2]
        raster = rasterize(_to_cells(drawn, self.region, width, height), self.triangles, height, width, cull=True)
        trusted, seen, light = raster.offsets(values, self.work_grid)
        outer = resize(self._outside(fit, trusted, seen, motion), (width, height), LINEAR)
        offset = add_outside(trusted, seen, outer)
        size = (self.region.width, self.region.height)
        return WarpField(self.full_grid + resize(offset, size, LINEAR), resize(light, size, LINEAR))

    def _outside(self, fit: HeadFit, trusted: Float, trust: Float, motion: RigidMotion) -> Float:
        size = self.coarse_grid.shape[1::-1]
        value, weight = (resize(a, size, AREA) for a in (trusted, trust))
        rigid = np.zeros_like(value) if motion.is_rest else self._proxy_offset(motion)
        own = pull_push(value - rigid * weight[..., None], weight)
        outer: Float = (rigid + own) * self.fade[..., None]
        if not motion.is_rest:
            outer[..., 0] = np.clip(outer[..., 0], -self.beside[0], self.beside[1])
            outer[..., 1] = np.clip(outer[..., 1], -self.above, self.below)
            outer -= (self.body * (1 - self.fade))[..., None] * _sway(motion, fit.scale)
        return outer

    def _proxy_offset(self, motion: RigidMotion) -> Float:
        """Where the moved head of :attr:`proxy_depth` comes from."""
        offset = np.empty_like(self.coarse_grid)
        _carry_back(
            self.proxy_depth, self.coarse_grid, motion.rotation, motion.pivot, motion.shift, np.float32(motion.zoom), offset
        )
        return offset


@dataclass(frozen=True, eq=False)
class WarpField:
    """For each pixel of the region: ``(h, w, 2)`` portrait coordinates to sample, ``(h, w)`` change of light."""

    sample: Float
    light: Float


@compiled()
def _carry_back(depth: Float, grid: Float, rotation: Float, pivot: Float, shift: Float, zoom: np.float32, offset: Float) -> None:
    """:meth:`RigidMotion.undo` of a depth map; the depth is that of the place of origin, so look more than once."""
    height, width = depth.shape
    left, top = grid[0, 0, 0], grid[0, 0, 1]
    step_x, step_y = grid[0, 1, 0] - left, grid[1, 0, 1] - top
    to_x, to_y = pivot[0] + shift[0], pivot[1] + shift[1]
    for y in range(height):
        for x in range(width):
            seen_x, seen_y = grid[y, x, 0] - to_x, -grid[y, x, 1] - to_y
            slope = seen_x * rotation[0, 2] + seen_y * rotation[1, 2]
            z, from_x, from_y = depth[y, x], np.float32(0), np.float32(0)
            for look in range(PROXY_LOOKS):
                deep = ((z - pivot[2]) * zoom - slope) / rotation[2, 2]
                from_x = (seen_x * rotation[0, 0] + seen_y * rotation[1, 0] + deep * rotation[2, 0]) / zoom + pivot[0]
                from_y = -((seen_x * rotation[0, 1] + seen_y * rotation[1, 1] + deep * rotation[2, 1]) / zoom + pivot[1])
                if look + 1 < PROXY_LOOKS:
                    u = min(max((from_x - left) / step_x, np.float32(0)), np.float32(width - 1))
                    v = min(max((from_y - top) / step_y, np.float32(0)), np.float32(height - 1))
                    x0, y0 = min(int(u), width - 2), min(int(v), height - 2)
                    a, b = u - np.float32(x0), v - np.float32(y0)
                    upper = depth[y0, x0] + a * (depth[y0, x0 + 1] - depth[y0, x0])
                    lower = depth[y0 + 1, x0] + a * (depth[y0 + 1, x0 + 1] - depth[y0 + 1, x0])
                    z = upper + b * (lower - upper)
            offset[y, x, 0] = from_x - grid[y, x, 0]
            offset[y, x, 1] = from_y - grid[y, x, 1]


def _to_cells(points: Float, region: Region, width: int, height: int) -> Float:
    """Portrait coordinates to those of a grid of ``width`` x ``height`` cells over a region."""
    zoom = np.array([width / region.width, height / region.height], np.float32)
    cells = points.copy()
    cells[:, :2] = (points[:, :2] - np.array([region.left, region.top], np.float32) + 0.5) * zoom - 0.5
    return cells


def moving_region(fit: HeadFit, width: int, height: int) -> Region:
    """Where anything can move in a portrait of ``width`` x ``height`` pixels."""
    points = fit.project(fit.vertices(fit.own_expression))
    return Region.around(points[_head_vertices(fit)], (HAIR + FADE_TO) * fit.scale, width, height)


def plan_warp(fit: HeadFit, topology: HeadTopology, width: int, height: int, alpha: NDArray[np.uint8]) -> PhotoWarp:
    """Prepare the warp of a portrait.

    Args:
        fit: The head on it.
        topology: Its parts.
        width: Columns of the portrait.
        height: Rows of the portrait.
        alpha: 255 on the person, at the :func:`moving_region`.
    """
    points = fit.project(fit.vertices(fit.own_expression))
    on_head = _head_vertices(fit)
    region = moving_region(fit, width, height)
    work = max(1.0, fit.scale * fit.head.face_height / MAX_WORK_FACE_PX)
    work_grid = region.grid(work)
    coarse_grid = region.grid(work * COARSE)
    trust = _trust(fit, topology, points)
    inner_lips = fit.head.lining_vertices[fit.head.mouth_depth[fit.head.lining_vertices] > 0]
    # What can turn towards the viewer is drawn even where the photograph does not show it: below the chin it hides the mouth.
    normals = vertex_normals(points * np.array([1, -1, 1], np.float32), topology.skin)
    in_sight = (normals[:, 2] > TURNED_AWAY) & (fit.shape[:, 2] > FRONT)
    in_sight[inner_lips] = True
    triangles = topology.surface[in_sight[topology.surface].any(axis=1) | topology.surface_is_eye]
    fade, depth = _surroundings(fit, topology, points, on_head, region, coarse_grid)
    return PhotoWarp(
        region=region,
        work_grid=work_grid,
        full_grid=work_grid if work == 1.0 else region.grid(),
        coarse_grid=coarse_grid,
        triangles=np.ascontiguousarray(triangles),
        source=_source(fit, points),
        trust=trust,
        inner_lips=inner_lips,
        lips_in_photograph=points[inner_lips, :2],
        fade=fade,
        below=np.float32(EDGE_SHARE) * np.maximum(height - 1 - coarse_grid[..., 1], 0),
        above=np.float32(EDGE_SHARE) * coarse_grid[..., 1],
        beside=(np.float32(EDGE_SHARE) * coarse_grid[..., 0], np.float32(EDGE_SHARE) * (width - 1 - coarse_grid[..., 0])),
        body=_body(fit, alpha, region, coarse_grid, height),
        proxy_depth=depth,
    )


def _body(fit: HeadFit, alpha: NDArray[np.uint8], region: Region, grid: Float, height: int) -> Float:
    person = resize(as_alpha(alpha), grid.shape[1::-1], AREA)
    below = (grid[..., 1] - fit.landmarks[FACE_OVAL[18], 1]) / np.float32(fit.scale)
    body = person * smoothstep(below, *SHOULDERS)
    if region.bottom < height:
        body *= smoothstep((region.bottom - grid[..., 1]) / np.float32(fit.scale), 0.0, SHOULDERS[1])
    faded: Float = body.astype(np.float32)
    return faded


def _sway(motion: RigidMotion, scale: float) -> Float:
    """Pixels by which the body follows a shift of the head, within limits."""
    asked = motion.shift[:2] * np.array(BODY_FOLLOWS, np.float32) / np.float32(scale * MOST_SWAY)
    sway: Float = np.tanh(asked) * np.array([scale, -scale], np.float32) * np.float32(MOST_SWAY)
    return sway


def _head_vertices(fit: HeadFit) -> NDArray[np.bool_]:
    """Everything above the chin."""
    chin = fit.head.landmarks(fit.shape)[FACE_OVAL[18], 1]
    head: NDArray[np.bool_] = fit.shape[:, 1] > chin - 0.2
    return head


def _source(fit: HeadFit, points: Float) -> Float:
    """Hidden skin takes its colour from the rim beside it."""
    head = fit.head
    source = points[:, :2].copy()
    posed = fit.vertices(fit.own_expression)
    posed[head.lining_vertices] = posed[head.lining_rim] + head.lining_shift
    camera = posed @ (fit.rotation.T * np.float32(fit.scale)) + fit.shift
    rim = camera[head.lining_vertices, :2] * np.array([1, -1], np.float32)
    source[head.lining_vertices] = rim + fit.residual[head.lining_rim]
    return source


def _trust(fit: HeadFit, topology: HeadTopology, points: Float) -> Float:
    """What the photograph shows: on the face, facing the camera, not hidden. The rest must not be drawn from it."""
    head = fit.head
    normals = vertex_normals(points * np.array([1, -1, 1], np.float32), topology.skin)
    around = _depth_around(points, topology, fit.scale)
    hidden = smoothstep(around - points[:, 2], HIDDEN[0] * fit.scale, HIDDEN[1] * fit.scale)
    trust = head.face_mask * smoothstep(normals[:, 2], *FACING) * (1 - hidden)
    # The lining of a mouth that is shut in the photograph has its own source; that of an open one shows the photograph.
    mouth_open = smoothstep(float(lip_gaps(fit, points).max()), *OPEN_SOURCE_MOUTH)
    in_mouth = head.mouth_depth[head.lining_vertices] > 0
    trust[head.lining_vertices] = np.where(in_mouth, 1 - mouth_open, 1)
    for eye in head.eye_vertices:
        trust[eye] = 0
    return trust.astype(np.float32)


def _depth_around(points: Float, topology: HeadTopology, scale: float) -> Float:
    """Depth of the surface seen at each vertex: the furthest of the neighbours, so that an edge does not hide itself."""
    low = points[:, :2].min(axis=0) - 2
    step = max(1.0, scale / 24)
    height, width = (int(np.ceil(n / step)) + 4 for n in (np.ptp(points[:, 1]), np.ptp(points[:, 0])))
    cells = points.copy()
    cells[:, :2] = (points[:, :2] - low) / np.float32(step)
    depth = rasterize(cells, topology.surface, height, width).depth
    furthest = cv2.erode(np.where(depth == EMPTY, np.float32(1e9), depth), np.ones((3, 3), np.uint8))
    x, y = (np.clip(cells[:, k].round().astype(int), 0, n - 1) for k, n in ((0, width), (1, height)))
    around = furthest[y, x]
    seen: Float = np.where(around > 1e8, EMPTY, around)
    return seen


def _surroundings(
    fit: HeadFit,
    topology: HeadTopology,
    points: Float,
    on_head: NDArray[np.bool_],
    region: Region,
    grid: Float,
) -> tuple[Float, Float]:
    """How far each place moves with the head, and its depth."""
    height, width = grid.shape[:2]
    cell = region.width / width
    unit = fit.scale / cell
    cells = _to_cells(points, region, width, height)
    head = rasterize(cells, np.ascontiguousarray(topology.skin[on_head[topology.skin].all(axis=1)]), height, width)
    outline = cv2.distanceTransform((head.index < 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / np.float32(unit)
    fade = 1 - smoothstep(outline - HAIR, FADE_FROM, FADE_TO)
    body = rasterize(cells, topology.skin, height, width)
    drawn = (body.index >= 0).astype(np.float32)
    depth = np.where(drawn > 0, body.depth, 0).astype(np.float32)
    filled = pull_push(np.stack([depth, depth], axis=-1), drawn)[..., 0]
    floor = fit.motion(np.zeros(3), np.zeros(3)).pivot[2] + np.float32(PROXY_FLOOR * fit.scale)
    far = smoothstep(outline, 0, PROXY_RECEDE)
    depth = blur(np.maximum(filled, floor) * (1 - far) + floor * far, max(PROXY_BLUR * unit, 0.5))
    return fade, depth
