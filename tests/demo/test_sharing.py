"""Settings, code and bundles that give the same again; folders that go."""

import os
import subprocess
import sys
import time
import zipfile

import gradio as gr
import numpy as np
import pytest

from espressivo import parse_emotion, plan_emotion
from espressivo.errors import SettingError
from espressivo.media.image import decode_image, load_image
from espressivo.music.midi import load_score
from espressivo.music.musicxml import sounding_notes
from espressivo.music.pictures import lead_sheet_png
from espressivo.music.settings import MusicSettings
from espressivo_demo.batching import manifest_of
from espressivo_demo.bundle import gather, pack
from espressivo_demo.comparing import NUM_MOTION_FRAMES, Sheet
from espressivo_demo.composing import Given, can_engrave, compose
from espressivo_demo.parts import seed_of
from espressivo_demo.sharing import PageSettings
from espressivo_demo.snippets import Recipe, as_command, as_python
from espressivo_demo.studio import Kept, Studio

# partitura imports what Python has deprecated.
quiet_notation = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

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
        Recipe("compose", 1, music={"chords": "Am F C G"}, given="fill", bars=(2, 3)),
    ],
)
def test_python_is_python(recipe):
    compile(as_python(recipe), "run.py", "exec")


def composed(folder, plan, settings, given=None):
    """Runs the generator behind the button to its end."""
    steps = compose(Studio(folder, keep_s=100), plan, 4.0, 11, settings, folder, gr.Progress(), given=given)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


@quiet_notation
def test_chords_and_bars_reach_the_music(plan, tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first = composed(folders[0], plan, MusicSettings(chords="F#m"))
    assert {str(span.chord) for span in first.piece.score.chords} == {"F#:min"}
    given = Given("fill", first.midi, (2, 2))
    second = composed(folders[1], plan, MusicSettings(), given)
    start, end = load_score(first.midi).bars()[1]

    def outside(path):
        return [note for note in load_score(path).notes if not start <= note.start_tick < end]

    assert outside(second.midi) == outside(first.midi)
    assert load_score(second.midi).notes != load_score(first.midi).notes
    assert "--fill given.mid --bars 2-2" in as_command(second.recipe)
    made = second.midi.read_bytes()
    second.midi.unlink()
    subprocess.run([sys.executable, "run.py"], cwd=folders[1], check=True, capture_output=True)
    assert second.midi.read_bytes() == made
    with pytest.raises(SettingError, match="bars 9-9"):
        composed(folders[1], plan, MusicSettings(), Given("fill", first.midi, (9, 9)))


@quiet_notation
@pytest.mark.skipif(not can_engrave(), reason="needs the extra 'notation'")
def test_music_comes_as_notation_too(plan, tmp_path):
    made = composed(tmp_path, plan, MusicSettings())
    assert {path.name for path in made.files} >= {"music.musicxml", "lead-sheet.png"}
    assert sounding_notes((tmp_path / "music.musicxml").read_bytes())
    sheet = load_image(tmp_path / "lead-sheet.png")
    here = decode_image(lead_sheet_png(made.piece.score, made.piece.plan), "sheet.png")
    assert np.array_equal(sheet, here), "the thread that works has other fonts"


def test_without_the_extra_notation_is_left_out(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("espressivo_demo.composing.NOTATION", ("a_package_that_is_not_there",))
    made = composed(tmp_path, plan, MusicSettings())
    assert {path.name for path in made.files} == {"music.mid", "music.wav", "plan.json", "bundle.zip"}


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


def test_uploads_go_too_but_not_what_the_page_shows_from_the_start(tmp_path):
    studio = Studio(tmp_path, keep_s=100)
    example, upload = studio.uploads / "a" / "example.png", studio.uploads / "b" / "me.png"
    for file in (example, upload):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"a picture")
        if file is example:
            studio.keep_uploads()
    os.utime(upload, (1.0, 1.0))  # as copies do, it keeps the time of its original
    now_s = time.time()
    assert studio.sweep(now_s) == 0
    assert studio.sweep(now_s + 200) == 1
    assert (example.exists(), upload.exists()) == (True, False)
    studio.sweep(now_s + 400)
    assert not upload.parent.exists()


def test_only_the_latest_are_kept():
    kept = Kept(2)
    made = []
    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]
