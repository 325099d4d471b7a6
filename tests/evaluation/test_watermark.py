from pathlib import Path

import numpy as np

from espressivo.evaluation.watermark import DAMAGES, outlived, psnr_db
from espressivo.media.image import load_image
from espressivo.resources import example_path


def test_a_still_portrait_keeps_its_mark_where_it_should_and_not_when_cropped(tmp_path: Path) -> None:
    clip = [load_image(example_path("portrait.png"))[::2, ::2].copy()] * 3
    found = outlived([clip], tmp_path, marks_per_clip=1)
    assert set(found) == set(DAMAGES)
    assert found["as_written"] == found["encoded_again_crf_23"] == found["size_75_crf_23"] == [True]
    assert found["cropped_10_crf_23"] == [False]
    assert 38 < np.mean(psnr_db([clip])) < 50
