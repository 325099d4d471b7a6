import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import SettingError
from espressivo.render.imaging import LINEAR, fill_polygon, pull_push, sample, smoothstep
from espressivo.render.layers import Canvas
from espressivo.render.regions import Region
from espressivo.render.sizing import prepare_portrait


def test_a_constant_fills_all():
    weight = np.zeros((40, 30), np.float32)
    weight[10:14, 5:9] = 1
    filled = pull_push(np.full((40, 30, 2), 3, np.float32) * weight[..., None], weight)
    np.testing.assert_allclose(filled, 3, rtol=1e-4)


def test_whole_coordinates_sample_exactly():
    picture = np.arange(12 * 9 * 3, dtype=np.uint8).reshape(12, 9, 3)
    region = Region(0, 0, 9, 12)
    assert (sample(picture, region.grid(), LINEAR) == picture).all()


def test_a_ramp_is_flat_at_its_ends():
    assert smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), 0, 1).tolist() == [0, 0, 0.5, 1, 1]


def test_a_polygon_has_its_area_and_half_a_pixel_around():
    mask = fill_polygon((20, 20), np.array([[4.5, 4.5], [14.5, 4.5], [14.5, 14.5], [4.5, 14.5]]))
    assert abs(mask.astype(float).sum() / 255 - 11 * 11) < 10


def test_a_canvas_beside_the_frame_is_none():
    assert Canvas.around(np.array([[-50.0, -50.0]]), 4, (32, 32), 8) is None


def test_cells_of_a_fine_canvas_average_to_the_pixels():
    canvas = Canvas.around(np.array([[10.0, 12.0], [16.0, 15.0]]), 2, (32, 32), 8)
    assert canvas is not None
    assert canvas.zoom == 2
    layer = canvas.finish(
        np.concatenate([canvas.grid(), canvas.grid()[..., :1]], axis=-1), np.ones((canvas.height, canvas.width), np.float32)
    )
    np.testing.assert_allclose(layer.colour[..., :2], canvas.region.grid(), atol=1e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(64, 200), st.integers(64, 200), st.one_of(st.none(), st.integers(64, 256)))
def test_sides_are_even_and_never_enlarged(height, width, size):
    made = prepare_portrait(np.zeros((height, width, 3), np.uint8), size)
    assert made.shape[0] % 2 == made.shape[1] % 2 == 0
    assert made.shape[0] <= height
    assert made.shape[1] <= width
    if size is not None and size <= min(height, width):
        assert size - 1 <= min(made.shape[:2]) <= size


def test_too_small_a_size_is_refused():
    with pytest.raises(SettingError) as caught:
        prepare_portrait(np.zeros((100, 100, 3), np.uint8), 32)
    assert caught.value.code == "setting.size"
