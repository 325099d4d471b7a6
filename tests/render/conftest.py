import cv2
import numpy as np
import pytest

from espressivo.media.image import load_image
from espressivo.render.renderer import PortraitRenderer
from espressivo.resources import example_path

SIZE = 176


@pytest.fixture(scope="session")
def photograph():
    """Head and shoulders of the astronaut, 176 pixels high and wide."""
    image = load_image(example_path("astronaut.jpg"))
    height = image.shape[0]
    side = round(height * 0.5)
    left, top = round(image.shape[1] * 0.44 - side / 2), 0
    return np.ascontiguousarray(
        cv2.resize(image[top : top + side, left : left + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    )


@pytest.fixture(scope="session")
def renderer():
    return PortraitRenderer.from_pretrained()


@pytest.fixture(scope="session")
def portrait(renderer, photograph):
    return renderer.fit(photograph)
