from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from espressivo.media.label import labelled
from espressivo.media.video import encode_video
from espressivo.media.video_reader import read_frames

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")


@pytest.mark.parametrize("corner", CORNERS)
def test_only_the_corner_changes(corner: str) -> None:
    frame = np.full((200, 300, 3), 90, np.uint8)
    (marked,) = labelled([frame], corner=corner)  # type: ignore[arg-type]
    changed = np.argwhere((marked != frame).any(axis=2))
    assert (frame == 90).all()
    assert len(changed) > 200
    rows, columns = changed[:, 0], changed[:, 1]
    assert (rows.max() < 60) if corner.startswith("top") else (rows.min() > 140)
    assert (columns.max() < 150) if corner.endswith("left") else (columns.min() > 150)


@pytest.mark.parametrize("background", [0, 128, 255])
def test_it_can_be_read_on_any_background_and_after_encoding(background: int, tmp_path: Path) -> None:
    frames = [np.full((256, 256, 3), background, np.uint8)] * 5
    encode_video(tmp_path / "a.mp4", labelled(frames), fps=Fraction(25))
    last = list(read_frames(tmp_path / "a.mp4"))[-1].mean(axis=2)[200:, 128:]
    letters = np.quantile(last, 0.99)
    plate = np.median(last[last < letters - 40]) if background else 0.0
    assert letters > 200
    assert letters - plate > 90


def test_frames_smaller_than_the_label_and_other_sizes_on_the_way() -> None:
    frames = [np.zeros((16, 20, 3), np.uint8), np.zeros((100, 100, 3), np.uint8)]
    assert [marked.shape for marked in labelled(frames)] == [frame.shape for frame in frames]
