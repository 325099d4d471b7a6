"""Two procedural dental arches with gums; the lower one and the tongue follow the jaw.

Crown widths, heights and depths in mm, from the central incisor to the second molar, are rounded textbook means (after
Wheeler's Dental Anatomy; recalled, not checked against the book). The arch is a half ellipse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import MM_PER_UNIT, Tissue
from espressivo.seeds import numpy_generator
from espressivo.training.head.mesh import Float, HeadMesh, Int

__all__ = ["Mouth", "add_dentition"]

MM = 1 / MM_PER_UNIT
OVERBITE_MM = 2.6
# The bite below the lip line, and the incisors behind the lips.
BITE_BELOW_LIPS_MM, BEHIND_LIPS = 2.8, 0.36
TONGUE_BELOW_BITE_MM = 3.5
AROUND, RINGS = 14, 9
CANINE = 2


@dataclass(frozen=True)
class ArchSpec:
    """One arch: crown sizes in mm, half width and length of the ellipse and shift to the front in units."""

    width: tuple[float, ...]
    height: tuple[float, ...]
    depth: tuple[float, ...]
    lift: tuple[float, ...]
    half_width: float
    length: float
    front: float
    up: int


UPPER = ArchSpec(
    (8.5, 6.6, 7.6, 7.0, 6.8, 10.2, 9.5), (10.4, 9.0, 10.2, 8.6, 8.0, 7.4, 7.0), (7.0, 6.2, 8.0, 9.0, 9.0, 11.0, 11.0),
    (0.0, 0.4, 0.0, 0.4, 0.7, 1.0, 1.2), 2.10, 3.4, 0.0, 1,
)  # fmt: skip
LOWER = ArchSpec(
    (5.3, 5.8, 6.8, 7.0, 7.1, 11.0, 10.4), (9.0, 9.3, 10.6, 8.6, 8.0, 7.4, 7.0), (6.0, 6.3, 7.6, 7.8, 8.2, 10.4, 10.4),
    (0.0, 0.0, -0.3, 0.3, 0.5, 0.6, 0.6), 1.96, 3.2, -2.2 * MM, -1,
)  # fmt: skip
# Towards the cheeks there is less light.
UPPER_SHADE = (1.0, 1.0, 0.97, 0.82, 0.66, 0.5, 0.4)
# The lower lip and the cheeks shade the lower side teeth more.
LOWER_SHADE = (0.95, 0.92, 0.8, 0.42, 0.22, 0.14, 0.1)
NECK_TONE = np.array([0.98, 0.90, 0.74])
EDGE_TONE = np.array([0.99, 1.0, 1.0])
CANINE_TONE = np.array([1.0, 0.97, 0.93])


@dataclass
class Mouth:
    """Teeth and gums as they are added, part by part."""

    vertices: list[Float] = field(default_factory=list)
    triangles: list[Int] = field(default_factory=list)
    tissue: list[Tissue] = field(default_factory=list)
    lower: list[bool] = field(default_factory=list)
    tone: list[Float] = field(default_factory=list)
    count: int = 0

    def add(self, grid: Float, tone: Float, tissue: Tissue, *, lower: bool, closed: bool) -> None:
        """Add a ``(rows, columns, 3)`` grid; closed: columns wrap around and the last row gets a cap."""
        rows, columns = grid.shape[:2]
        index = self.count + np.arange(rows * columns).reshape(rows, columns)
        following = np.roll(index, -1, axis=1)
        span = columns if closed else columns - 1
        a, b, c, d = (x[:, :span].ravel() for x in (index[:-1], following[:-1], index[1:], following[1:]))
        faces = [np.stack([a, b, c], axis=1), np.stack([b, d, c], axis=1)]
        points, tones = [grid.reshape(-1, 3)], [tone.reshape(-1, 3)]
        if closed:
            points.append(grid[-1].mean(axis=0, keepdims=True))
            tones.append(tone[-1].mean(axis=0, keepdims=True))
            middle = np.full(columns, self.count + rows * columns)
            faces.append(np.stack([index[-1], following[-1], middle], axis=1))
        self.triangles += [face[:, ::-1] if lower else face for face in faces]  # the lower arch is a mirror image
        self.vertices += points
        self.tone += tones
        added = rows * columns + int(closed)
        self.tissue += [tissue] * added
        self.lower += [lower] * added
        self.count += added


def _arch_curve(spec: ArchSpec, origin: Float) -> Callable[[Float], tuple[Float, Float]]:
    """Half ellipse by arc length: signed length -> (x, z) and outward normal."""
    angle = np.linspace(0, np.pi * 0.62, 800)
    x = spec.half_width * np.sin(angle)
    z = origin[2] + spec.front - spec.length * (1 - np.cos(angle))
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])

    def at(signed: Float) -> tuple[Float, Float]:
        side, s = np.sign(signed), np.abs(signed)
        point = np.stack([np.interp(s, along, x) * side, np.interp(s, along, z)], axis=-1)
        a = np.interp(s, along, angle)
        normal = np.stack([np.sin(a) * side * spec.length, np.cos(a) * spec.half_width], axis=-1)
        return point, normal / np.linalg.norm(normal, axis=-1, keepdims=True)

    return at


def _crown(kind: int, width: float, height: float, depth: float, *, upper: bool) -> tuple[Float, Float]:
    """``(RINGS, AROUND, 3)`` crown: x along the arch, y from neck to edge, z outwards; and the height share of the rings."""
    v = np.linspace(0, 1, RINGS)
    phi = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    incisor = kind < CANINE
    narrowing = 0.05 if incisor else 0.22 if kind == CANINE else 0.20
    contact = 0.72 + 0.28 * np.sin(np.clip(v / 0.72, 0, 1) * np.pi / 2)  # narrow neck, widest at the contact point
    contact *= 1 - narrowing * np.clip((v - 0.72) / 0.28, 0, 1) ** 2
    thickness = 1 - (0.78 if incisor else 0.62 if kind == CANINE else 0.22) * v**1.2
    bulge = (0.9 if kind <= CANINE else 1.2) * MM * np.sin(np.pi * np.clip(v * 0.9 + 0.05, 0, 1))

    def superellipse(q: Float) -> Float:
        rounded: Float = np.sign(q) * np.abs(q) ** 0.72
        return rounded

    half = (depth / 2 * thickness)[:, None]
    x = superellipse(np.cos(phi))[None] * (width / 2 * contact * 0.985)[:, None]
    z = superellipse(np.sin(phi))[None] * half - half + bulge[:, None]  # the labial side stays put
    z = z + (0.14 if upper else 0.05) * (v * height)[:, None] * (1 if kind <= CANINE else 0.3)
    z = z - 0.25 * x**2 / width  # the labial face curves
    edge = np.clip((v - 0.6) / 0.4, 0, 1)[:, None] ** 2
    corner = (np.abs(x) / (width / 2)) ** (4.0 if incisor else 1.6)
    rounding = (0.5 if incisor else 1.3 if kind == CANINE else 0.9) * MM
    y = np.repeat((v * height)[:, None], AROUND, axis=1) - edge * corner * rounding
    return np.stack([x, y, z], axis=-1), v


def _add_arch(mouth: Mouth, spec: ArchSpec, origin: Float, rng: np.random.Generator) -> None:
    lower, curve = spec.up < 0, _arch_curve(spec, origin)
    edge_y = origin[1] + (OVERBITE_MM * MM if lower else 0)
    start, necks = 0.0, []
    sizes = zip(spec.width, spec.height, spec.depth, spec.lift, strict=True)
    for kind, (width, height, depth, lift) in enumerate(tuple(np.array(size) * MM) for size in sizes):
        for side in (1, -1):
            local, v = _crown(kind, width, height * 1.12, depth, upper=not lower)
            middle = side * (start + width / 2)
            point, normal = curve(np.array(middle))
            angle = rng.normal(0, 0.025)
            tangent = np.array([normal[1], -normal[0]])
            tangent, normal = (
                np.cos(angle) * tangent + np.sin(angle) * normal,
                np.cos(angle) * normal - np.sin(angle) * tangent,
            )
            flat = point + local[..., :1] * tangent + local[..., 2:] * normal
            rise = edge_y + spec.up * (height * 1.12 + lift - local[..., 1])
            tone = NECK_TONE + (EDGE_TONE - NECK_TONE) * np.clip(v * 1.5, 0, 1)[:, None]
            tone = (
                tone
                * (1 + rng.normal(0, 0.012))
                * (CANINE_TONE if kind == CANINE else 1)
                * (LOWER_SHADE if lower else UPPER_SHADE)[kind]
            )
            flare = np.clip((np.abs(local[..., :1]) / (width / 2) - 0.72) / 0.28, 0, 1)
            grid = np.stack([flat[..., 0], rise, flat[..., 1]], axis=-1)
            mouth.add(grid, tone[:, None] * (1 - 0.28 * flare), Tissue.TEETH, lower=lower, closed=True)
            necks.append((middle, width, edge_y + spec.up * (height + lift), depth))
        start += width
    _add_gum(mouth, spec, curve, np.array(sorted(necks)), start)


def _add_gum(mouth: Mouth, spec: ArchSpec, curve: Callable[[Float], tuple[Float, Float]], necks: Float, reach: float) -> None:
    """A swept band, scalloped at the necks."""
    centre, width, neck_y, depth = necks.T
    s = np.linspace(-reach, reach, 181)
    near = np.abs(s[:, None] - centre).argmin(axis=1)
    within = np.clip(np.abs(s - centre[near]) / (width[near] / 2), 0, 1)
    margin = np.interp(s, centre, neck_y) - spec.up * (0.16 * within**2.5 - 0.02)
    behind = -np.interp(s, centre, depth)
    point, normal = curve(s)
    profile = ((-0.12, 0.7), (0.10, 0.38), (0.115, 0.12), (0.06, 0.0))
    rows = [(out - 0.05 * within, rise) for out, rise in profile] + [(behind - 0.02, 0.02), (behind - 0.1, 0.6)]
    grid = np.stack(
        [
            np.stack([(point + normal * out[:, None])[:, 0], margin + spec.up * rise, (point + normal * out[:, None])[:, 1]], -1)
            for out, rise in rows
        ]
    )
    tone = np.broadcast_to((1 - 0.18 * within**3)[None, :, None], grid.shape)
    mouth.add(grid, tone, Tissue.GUM, lower=spec.up < 0, closed=False)


def add_dentition(
    head: HeadMesh, lip_line: Float, jaw: Float
) -> tuple[HeadMesh, np.ndarray[tuple[int], np.dtype[np.bool_]], Float]:
    """Replace the mesh's box teeth; returns the head, which vertices follow the lower jaw, and their tone.

    Args:
        head: With box teeth and tongue.
        lip_line: ``(3,)`` the middle of the closed lips.
        jaw: ``(52, 3, 4)`` motion of the lower jaw.
    """
    mouth, rng = Mouth(), numpy_generator(0, "head", "teeth")
    origin = np.array([0, lip_line[1] - BITE_BELOW_LIPS_MM * MM, lip_line[2] - BEHIND_LIPS])
    for spec in (UPPER, LOWER):
        _add_arch(mouth, spec, origin, rng)
    added = np.concatenate(mouth.vertices)
    lower = np.array(mouth.lower)
    boxes, tongue = head.tissue == Tissue.TEETH, head.tissue == Tissue.TONGUE
    neutral, expression = _rest_tongue(head, tongue, origin, jaw)
    moved = np.einsum("kij,vj->kvi", jaw, _homogeneous(added)) * lower[None, :, None]
    rest = _homogeneous(head.neutral[boxes])
    identity = np.stack([_homogeneous(added) @ np.linalg.lstsq(rest, mode[boxes], rcond=1e-2)[0] for mode in head.identity])
    keep = ~boxes
    position = np.cumsum(keep) - 1
    kept = position[head.triangles[head.triangle_tissue != Tissue.TEETH]]
    result = HeadMesh(
        neutral=np.concatenate([neutral[keep], added]),
        triangles=np.concatenate([kept, np.concatenate(mouth.triangles) + keep.sum()]),
        tissue=np.concatenate([head.tissue[keep], np.array(mouth.tissue, np.uint8)]),
        expression=np.concatenate([expression[:, keep], moved], axis=1),
        identity=np.concatenate([head.identity[:, keep], identity], axis=1),
    )
    return result, np.concatenate([tongue[keep], lower]), np.concatenate([np.ones((keep.sum(), 3)), *mouth.tone])


def _homogeneous(points: Float) -> Float:
    return np.concatenate([points, np.ones((len(points), 1))], axis=1)


def _rest_tongue(
    head: HeadMesh, tongue: np.ndarray[tuple[int], np.dtype[np.bool_]], origin: Float, jaw: Float
) -> tuple[Float, Float]:
    """The tongue rests inside the lower arch, below the edges of its teeth, and follows the jaw."""
    neutral, expression = head.neutral.copy(), head.expression.copy()
    natural = neutral[tongue]
    rest = (natural - [0, natural[:, 1].max(), 0]) * [0.86, 0.6, 1] + [
        0,
        origin[1] + (OVERBITE_MM - TONGUE_BELOW_BITE_MM) * MM,
        0.1,
    ]
    upper_side = rest[:, 1] > np.median(rest[:, 1])
    rest -= np.outer(np.exp(-((rest[:, 0] / 0.25) ** 2)) * upper_side, [0, 0.07, 0])
    out = ARKIT_INDEX["tongueOut"]
    own = expression[out, tongue] + natural - rest
    expression[:, tongue] = np.einsum("kij,vj->kvi", jaw, _homogeneous(rest))
    expression[out, tongue] += own
    neutral[tongue] = rest
    return neutral, expression
