import numpy as np

from espressivo.face.head import expression_weights
from espressivo.face.landmark_groups import FACE_OVAL, OUTER_LIPS
from espressivo.render.fitting import HeadFit


def field_of(portrait, rotation_rad, translation=(0.0, 0.0, 0.0)):
    fit: HeadFit = portrait.fit
    motion = fit.motion(np.array(rotation_rad), np.array(translation))
    points = fit.pose(expression_weights(), motion)
    return points, portrait.warp.field(fit, points, motion, np.ones(len(points), np.float32), 0.0)


def test_the_mouth_does_not_show_through_the_chin_of_a_head_tilted_back(portrait):
    points, field = field_of(portrait, (0.42, 0, 0))
    fit, region = portrait.fit, portrait.warp.region
    x, y, _ = fit.head.landmarks(points)[FACE_OVAL[18]]
    reach = 1.2 * fit.scale
    rows = slice(int(y - 0.5 * fit.scale) - region.top, int(y + reach) - region.top)
    columns = slice(int(x - reach) - region.left, int(x + reach) - region.left)
    assert field.sample[rows, columns, 1].min() > fit.landmarks[list(OUTER_LIPS), 1].max()


def test_what_lies_above_the_picture_is_stretched_out_of_it(portrait):
    _, field = field_of(portrait, (-0.3, 0, 0), (0, -0.2, 0))
    assert field.sample[..., 1].min() > -3
