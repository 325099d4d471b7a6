import numpy as np

from espressivo.render.framing import UpperEdge

STILL = np.zeros(3)


def edge(portrait, cut):
    place = np.array([0, 0, portrait.fit.shift[2]], np.float32)
    return UpperEdge(place, cut, 0.0)


def test_a_head_inside_the_picture_moves_freely(portrait):
    down = portrait.fit.motion(np.array([-0.2, 0, 0]), STILL)
    assert edge(portrait, 0.0).hold(down) is down


def test_a_cut_head_does_not_sink(portrait):
    down = portrait.fit.motion(np.array([-0.2, 0.1, 0]), np.array([0, -0.05, 0]))
    at = edge(portrait, 1.0)
    sinks, held = (float(at.place[1] - m.apply(at.place[None])[0, 1]) for m in (down, at.hold(down)))
    assert sinks > 2
    assert held < 0.2 * sinks
    assert at.hold(down).shift[0] == down.shift[0]


def test_a_cut_head_may_rise(portrait):
    up = portrait.fit.motion(STILL, np.array([0, 0.05, 0]))
    assert edge(portrait, 1.0).hold(up) is up


def test_the_example_is_not_cut(portrait):
    assert portrait.edge.cut < 0.5
