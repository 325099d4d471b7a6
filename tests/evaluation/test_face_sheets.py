import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from espressivo.cli import app
from espressivo.evaluation.face_sheets import contact_sheets, sheet_tiles


def test_every_emotion_asks_for_another_face():
    tiles = sheet_tiles()
    asked = {(tile.weights.tobytes(), tile.rotation_deg) for tile in tiles}
    assert len(asked) == len(tiles) == 21
    assert all(tile.weights.shape == (52,) and tile.weights.max() <= 1 for tile in tiles)
    assert not tiles[0].weights.any()


@pytest.mark.slow
def test_a_sheet_shows_the_examples_and_says_what_it_refuses(tmp_path):
    folder = tmp_path / "face" / "edge-cases" / "files"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(folder / "wall.png")
    sheets = {sheet.name: sheet for sheet in contact_sheets(tmp_path / "sheets", tmp_path, quick=True)}
    assert sheets["edge-1"].refused == {"wall.png": "image.no_face"}
    assert sheets["examples-1"].shown
    with Image.open(tmp_path / "sheets" / "examples-1.png") as sheet:
        assert sheet.size == (7 * 224, 2 * 3 * 224)


def test_sheets_belong_to_the_face():
    result = CliRunner().invoke(app, ["evaluate", "music", "--sheets", "folder"])
    assert result.exit_code != 0
