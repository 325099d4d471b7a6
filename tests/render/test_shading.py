import numpy as np

from espressivo.face.head import expression_weights
from espressivo.render.shading import _like_skin, fold_photograph

SKIN = np.array([200, 150, 125], np.float32)


def test_hair_is_not_like_skin_and_shaded_skin_is():
    colours = np.array([[[200, 150, 125], [120, 88, 74], [20, 18, 17], [40, 90, 180]]], np.uint8)
    assert _like_skin(colours, SKIN).round(2).tolist() == [[1, 1, 0, 0]]


def test_folds_deepen_with_their_action_unit(portrait):
    depths = []
    for amount in (0.0, 0.3, 0.6, 1.0):
        folded = fold_photograph(portrait.image, portrait.folds, expression_weights(browInnerUp=amount), portrait.light.tint)
        depths.append(float(np.abs(folded.astype(int) - portrait.image).sum()))
    assert depths[0] == 0
    assert depths == sorted(depths)
    assert depths[1] < depths[-1]


def test_shade_on_skin_is_redder_not_greyer(portrait):
    red, green, blue = portrait.light.tint
    assert red < green <= blue
