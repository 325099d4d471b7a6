"""Settings, code and bundles that give the same again; folders that go."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from espressivo import parse_emotion, plan_emotion
from espressivo.errors import SettingError
from espressivo_demo.batching import manifest_of
from espressivo_demo.bundle import gather, pack
from espressivo_demo.comparing import NUM_MOTION_FRAMES, Sheet
from espressivo_demo.parts import seed_of
from espressivo_demo.sharing import PageSettings
from espressivo_demo.snippets import Recipe, as_command, as_python
from espressivo_demo.studio import Kept, Studio

TALK = {"size": 256, "fps": "25", "consent": "synthetic_person", "head": 1.5, "label": True}


@pytest.fixture(scope="module")
def plan():
    return plan_emotion(parse_emotion("joy turning to fear", duration_s=4))


def test_code_names_only_what_is_not_usual():
    recipe = Recipe("talk", 4, None, TALK, portrait="portrait.png", speech="speech.wav")
    assert as_command(recipe) == (
        "espressivo talk --portrait portrait.png --speech speech.wav --plan plan.json --size 256 --head 1.5 --label "
        "--consent synthetic_person --seed 4 -o talk.mp4"
    )
    assert "size=256" in as_python(recipe)
    assert "fps" not in as_python(recipe)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("talk", 1, 2.0, TALK, portrait="portrait.png"),
        Recipe("scene", 1, None, TALK, {"tonic": 6, "palette": "piano"}, "portrait.png", "speech.wav", has_transcript=True),
        Recipe("compose", 1, 30.0, music={"tempo_bpm": 90.0, "metre": "3/4"}),
        Recipe("compose", 1, 30.0, music={}, given="continue"),
        Recipe("compose", 1, 30.0, music={}, given="from"),
    ],
)
def test_python_is_python(recipe):
    compile(as_python(recipe), "run.py", "exec")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["run.sh", "run.py"])
def test_a_bundle_of_music_runs_as_it_is(plan, tmp_path, how):
    made = tmp_path / "made"
    made.mkdir()
    gather(made, plan, portrait=None, speech=None, transcript=None)
    bundle = pack(made, Recipe("compose", 11, 4.0, music={"tonic": 6, "metre": "3/4", "palette": "piano"}))
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "again")
    run = ["sh", how] if how.endswith(".sh") else [sys.executable, how]
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"  # noqa: PTH120 - as a shell sees it
    subprocess.run(run, cwd=tmp_path / "again", check=True, env=os.environ | {"PATH": path}, capture_output=True)
    assert (tmp_path / "again" / "music.mid").stat().st_size > 200
    assert (tmp_path / "again" / "music.wav").stat().st_size > 4 * 44_100


def test_settings_survive_a_round_trip(plan, tmp_path):
    settings = PageSettings.of(
        emotion="joy turning to fear", intensity=0.7, length_s=4.0, plan=plan, talk={"size": 256}, music={"metre": "3/4"},
        talk_seed=None, music_seed=7,
    )  # fmt: skip
    path = tmp_path / "settings.json"
    path.write_text(settings.to_json(), encoding="utf-8")
    assert PageSettings.load(path) == settings


@pytest.mark.parametrize(
    "text", ["", "{}", "nonsense", '{"version": "2"}', '{"emotion": "joy", "intensity": 9}', "[" * 5000, '{"unknown": 1}']
)
def test_other_documents_are_refused(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError):
        PageSettings.load(path)


@pytest.mark.parametrize(("text", "seed"), [("", None), (None, None), (" 7 ", 7), ("0", 0)])
def test_seeds(text, seed):
    assert seed_of(text) == seed


@pytest.mark.parametrize("text", ["-1", "1.5", "seven", "1e3"])
def test_no_seeds(text):
    with pytest.raises(SettingError):
        seed_of(text)


def test_a_manifest_has_a_job_for_every_combination():
    rows = manifest_of(
        "scene", ["joy", "awe"], [0.4, 1.0], duration_s=8.0, portrait="portrait.png", speech="speech.wav", talk=TALK,
        music={"metre": "3/4", "tonic": None},
    ).splitlines()  # fmt: skip
    assert len(rows) == 4
    assert "tonic" not in rows[0]
    assert "duration_s" not in rows[0]


def test_a_moving_sheet_goes_there_and_back(tmp_path):
    from PIL import Image

    pictures = tuple(np.full((16, 16, 3), 20 * step, np.uint8) for step in range(NUM_MOTION_FRAMES))
    Sheet(pictures[-1], pictures).save_gif(tmp_path / "sheet.gif")
    with Image.open(tmp_path / "sheet.gif") as moving:
        assert moving.n_frames == 2 * NUM_MOTION_FRAMES - 2


def test_results_go_when_their_time_is_over_and_others_stay(tmp_path):
    studio = Studio(tmp_path, keep_s=100)
    old, new = studio.new_folder("ada"), studio.new_folder("bob")
    os.utime(old, (1.0, 1.0))
    assert studio.sweep() == 1
    assert (old.exists(), new.exists()) == (False, True)
    studio.forget("bob")
    assert not new.exists()


def test_only_the_latest_are_kept():
    kept = Kept(2)
    made = []
    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]
