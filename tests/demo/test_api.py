"""The named events, as another program calls them."""

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from espressivo.emotion.plan import EmotionPlan
from espressivo.resources import example_path

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

QUICK = {"consent": "synthetic_person", "size": 160}


@pytest.fixture(scope="module")
def portrait():
    return handle_file(str(example_path("portrait.png")))


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    path = tmp_path_factory.mktemp("grey") / "grey.png"
    Image.fromarray(np.full((256, 256, 3), 128, np.uint8)).save(path)
    return handle_file(str(path))


def talk(client, face, **changes):
    values = {"portrait": face, "speech": None, "emotion": "joy", "plan": None, "transcript": "", "intensity": 0.8,
              "duration_s": 1, "settings": QUICK, "seed": 3} | changes  # fmt: skip
    return client.submit(**values, api_name="/talking_head")


def test_the_api_is_what_it_was(client):
    told = client.view_api(return_format="dict")["named_endpoints"]
    shape = {
        name: {
            "takes": [parameter["parameter_name"] for parameter in event["parameters"]],
            "gives": [value["label"] for value in event["returns"]],
        }
        for name, event in told.items()
    }
    assert shape == json.loads((Path(__file__).parent / "api.json").read_text())


def test_plan(client):
    made = client.predict("joy turning to awe", 0.8, 6, None, "", api_name="/plan")
    plan = EmotionPlan.model_validate(made)
    assert [segment.label for segment in plan.segments] == ["joy", "awe"]
    assert plan.duration_s == 6


def test_talking_head_from_a_plan_with_the_same_seed_twice(client, portrait):
    plan = client.predict("surprise", 0.8, 1, None, "", api_name="/plan")
    first = talk(client, portrait, plan=plan).result()
    again = talk(client, portrait, plan=plan).result()
    assert first[2] == 3
    assert Path(first[0]).read_bytes() == Path(again[0]).read_bytes()
    assert {Path(file).name for file in first[1]} >= {"talk.mp4", "actions.csv", "plan.json", "bundle.zip"}


def test_a_bundle_makes_the_same_film_again(client, portrait, tmp_path):
    made = talk(client, portrait, seed=None).result()
    with zipfile.ZipFile(next(file for file in made[1] if file.endswith("bundle.zip"))) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "talk.mp4").unlink()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "run.sh"], cwd=tmp_path, check=True, capture_output=True, env=os.environ | {"PATH": path})
    assert (tmp_path / "talk.mp4").read_bytes() == Path(made[0]).read_bytes()


def test_compose(client):
    sound, files, told, seed = client.predict("quiet sadness", None, 0.7, 5, {"metre": "3/4"}, 9, api_name="/compose")
    assert Path(sound).stat().st_size > 5 * 44_100
    assert seed == 9
    assert {row["name"] for row in told} >= {"tempo_bpm", "mode"}
    assert any(Path(file).suffix == ".mid" for file in files)


def test_scene(client, portrait):
    video, files, _ = client.predict(
        portrait, None, "awe", None, "", 0.8, 2, QUICK, {"palette": "piano"}, 5, api_name="/scene"
    )  # fmt: skip
    assert Path(video).stat().st_size > 1000
    assert {Path(file).name for file in files} >= {"scene.mp4", "talk.mp4", "music.mid", "music.wav", "plan.json"}


def test_batch(client, tmp_path):
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text('{"kind": "plan", "emotion": "joy"}\n{"kind": "plan", "emotion": "awe", "seed": 4}\n')
    files, records = client.predict(handle_file(str(manifest)), [], 0, api_name="/batch")
    assert [record["state"] for record in records] == ["done", "done"]
    assert {Path(file).name for file in files} == {"report.html", "run.zip"}


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("/plan", ("hapiness", 0.7, 8, None, ""), "emotion.unknown"),
        ("/plan", ("", 0.7, 8, None, ""), "emotion.one_form"),
        ("/compose", ("joy", {"version": "1", "steps": []}, 0.7, 5, {}, 1), "plan.invalid"),
        ("/compose", ("joy", None, 0.7, 5, {"metre": "5/4"}, 1), "setting.invalid"),
        ("/compose", ("joy", None, 0.7, 0.5, {}, 1), "setting.duration"),
    ],
)
def test_mistakes_have_their_code(client, name, values, code):
    with pytest.raises(AppError, match=code.replace(".", r"\.")):
        client.predict(*values, api_name=name)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"settings": {"size": 128}}, "consent.missing"),
        ({"portrait": None}, "image.missing"),
        ({"settings": QUICK | {"head": 9}}, "setting.invalid"),
        ({"settings": QUICK | {"unheard_of": 1}}, "setting.invalid"),
    ],
)
def test_films_that_cannot_be_made_say_why(client, portrait, changes, code):
    with pytest.raises(AppError, match=code.replace(".", r"\.")):
        talk(client, portrait, **changes).result()


def test_no_face(client, grey):
    with pytest.raises(AppError, match=r"image\.no_face"):
        talk(client, grey).result()


def test_a_bad_manifest_tells_every_line(client, tmp_path):
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text('{"kind": "plan", "emotion": "hapiness"}\n{"kind": "nothing"}\n')
    with pytest.raises(AppError, match=r"line 1: emotion.*line 2: "):
        client.predict(handle_file(str(manifest)), [], 0, api_name="/batch")


def test_cancelling_frees_the_slot(client, portrait):
    long = talk(client, portrait, duration_s=60, settings=QUICK | {"size": 512})
    for _ in range(600):
        if (status := long.status()).progress_data and status.progress_data[0].unit == "frames":
            break
        time.sleep(0.1)
    began = time.monotonic()
    long.cancel()
    client.predict("joy", None, 0.7, 4, {}, 1, api_name="/compose")
    assert time.monotonic() - began < 12.0  # a minute of film at 512 pixels would take far longer


def test_two_users_get_their_own(demo_url, portrait):
    found = {}

    def use(name, emotion, seed):
        client = Client(demo_url, verbose=False)
        made = talk(client, portrait, emotion=emotion, seed=seed).result()
        plan = next(file for file in made[1] if file.endswith("plan.json"))
        found[name] = EmotionPlan.from_json(Path(plan).read_text()).segments[0].label, made[2], made[0]

    users = [threading.Thread(target=use, args=args) for args in (("a", "joy", 1), ("b", "anger", 2))]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert found["a"][:2] == ("joy", 1)
    assert found["b"][:2] == ("anger", 2)
    assert Path(found["a"][2]).read_bytes() != Path(found["b"][2]).read_bytes()


def test_a_full_queue_says_so(demo_with, portrait):
    client = Client(demo_with("--max-waiting", "1"), verbose=False)
    long = [talk(client, portrait, duration_s=30, settings=QUICK | {"size": 512}) for _ in range(5)]
    refused = 0
    for job in long:
        for _ in range(100):
            if job.done() or job.status().rank is not None or job.status().progress_data:
                break
            time.sleep(0.05)
        refused += job.done() and "full" in str(job.exception()).lower()
    for job in long:
        job.cancel()
    assert refused >= 2
