import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.render.pixels import mark_jumps, scale_colours
from espressivo.render.rasterizer import EMPTY, rasterize, vertex_normals

TRIANGLE = np.array([[0, 1, 2]], np.int32)
coordinate = st.floats(-5, 25, width=32)


def test_the_nearer_triangle_wins_in_either_order():
    points = np.array([[0, 0, 1], [20, 0, 1], [0, 20, 1], [0, 0, 2], [20, 0, 2], [0, 20, 2]], np.float32)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        raster = rasterize(points, np.array(order, np.int32), 8, 8)
        assert np.all(raster.depth == 2)


@settings(deadline=None, max_examples=40)
@given(st.lists(coordinate, min_size=6, max_size=6))
def test_interpolated_coordinates_are_those_of_the_pixel(values):
    points = np.concatenate([np.array(values, np.float32).reshape(3, 2), np.ones((3, 1), np.float32)], axis=1)
    raster = rasterize(points, TRIANGLE, 20, 20)
    drawn = raster.index >= 0
    y, x = np.nonzero(drawn)
    places = raster.interpolate(points[:, :2])[drawn]
    edges = np.linalg.norm(points[[1, 2, 0], :2] - points[:, :2], axis=1)
    a, b = points[1, :2] - points[0, :2], points[2, :2] - points[0, :2]
    if abs(a[0] * b[1] - a[1] * b[0]) > 0.05 * edges.max():
        np.testing.assert_allclose(places, np.stack([x, y], axis=1), atol=0.02)
    assert np.isfinite(raster.interpolate(points)).all()


def test_nothing_is_drawn_for_a_sliver_or_outside():
    sliver = np.array([[0, 0, 0], [10, 10, 0], [5, 5, 0]], np.float32)
    beside = np.array([[30, 30, 0], [40, 30, 0], [30, 40, 0]], np.float32)
    for points in (sliver, beside):
        raster = rasterize(points, TRIANGLE, 12, 12)
        assert (raster.index == -1).all()
        assert (raster.depth == EMPTY).all()


def test_normals_have_unit_length_and_face_the_viewer():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    np.testing.assert_allclose(vertex_normals(points, TRIANGLE), np.tile([0, 0, 1], (3, 1)), atol=1e-6)


def test_jumps_are_marked_on_both_sides():
    places = np.stack(np.meshgrid(np.arange(8), np.arange(6)), axis=-1).astype(np.float32)
    assert mark_jumps(places, 2.0) is None
    places[:, 4:, 0] += 5
    found = mark_jumps(places, 2.0)
    assert found is not None
    mask, box = found
    assert (box.left, box.right, box.top, box.bottom) == (3, 5, 0, 6)
    assert set(np.flatnonzero(mask.any(axis=0))) == {3, 4}


def test_colours_are_scaled_within_range():
    image = np.full((2, 2, 3), 200, np.uint8)
    scale_colours(image, np.array([[1, 0.5], [2, 0]], np.float32), np.array([1, 0.5, 0], np.float32))
    assert image[..., 0].tolist() == [[200, 100], [255, 0]]
    assert image[..., 1].tolist() == [[200, 150], [255, 100]]
    assert (image[..., 2] == 200).all()
