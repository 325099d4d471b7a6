"""The rooms of the house and the doors between them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pipelines" / "espressivo"

BASE = {"errors", "progress", "seeds", "resources", "threads", "diffusers_core", "pretrained"}
SOURCES = BASE | {"media", "emotion"}
MAY_IMPORT = {
    "errors": set(),
    "progress": {"errors"},
    "seeds": {"errors"},
    "resources": {"errors"},
    "threads": set(),
    "diffusers_core": set(),
    "pretrained": {"diffusers_core", "errors", "resources"},
    "media": BASE,
    "emotion": BASE,
    "provenance": BASE | {"media"},
    "settings": BASE | {"provenance"},
    "face": SOURCES,
    "speech": BASE | {"media", "pretrained"},
    "motion": SOURCES | {"face", "speech", "pretrained"},
    "render": SOURCES | {"face"},
    "music": SOURCES | {"pretrained"},
    "talk_request": SOURCES | {"provenance", "settings", "face", "motion", "render"},
    "film": SOURCES | {"provenance", "settings", "face"},
    "talking_head": SOURCES | {"provenance", "settings", "face", "speech", "motion", "render", "talk_request", "film"},
    "composition": SOURCES | {"provenance", "settings", "music"},
    "scene": SOURCES | {"provenance", "settings", "face", "music", "speech", "film", "talking_head", "composition"},
}
PRODUCT = set(MAY_IMPORT)
MAY_IMPORT |= {
    "batch": PRODUCT,
    "evaluation": PRODUCT | {"batch", "training"},
    "training": PRODUCT,
    "console": BASE,
    "cli": PRODUCT | {"batch", "evaluation", "training", "console"},
    "__main__": {"cli"},
    "__init__": PRODUCT,
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "espressivo" else [node.module]
        rooms |= {name.split(".")[1] for name in names if name.startswith("espressivo.")}
    return rooms


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_dependencies_point_one_way(path: Path) -> None:
    room = room_of(path)
    assert room in MAY_IMPORT, f"a new room {room!r}: say in this test what it may import"
    forbidden = imported_rooms(path) - MAY_IMPORT[room] - {room}
    assert not forbidden, f"{room} must not import {sorted(forbidden)}"


def test_the_rule_catches_a_wrong_door(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from espressivo.render.renderer import PortraitRenderer\n", encoding="utf-8")
    assert imported_rooms(wrong) == {"render"}
    assert "render" not in MAY_IMPORT["emotion"]


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import espressivo", "import espressivo.cli"])
def test_importing_is_cheap(statement: str) -> None:
    heavy = {"torch", "diffusers", "numba", "cv2", "mediapipe", "numpy", "scipy", "gradio", "pydantic", "av"}
    assert not heavy & loaded_after(statement)


def test_the_emotional_side_needs_no_torch() -> None:
    loaded = loaded_after("from espressivo.emotion import plan_emotion, parse_emotion; plan_emotion(parse_emotion('joy'))")
    assert not {"torch", "scipy", "cv2", "mediapipe"} & loaded


def test_speech_with_its_words_needs_no_torch() -> None:
    example = "from espressivo.resources import example_path as path"
    heard = "analyse_speech(load_audio(path('speech.wav')), transcript=path('speech.txt').read_text())"
    code = f"from espressivo.speech.analysis import analyse_speech; from espressivo.media.audio import load_audio; {example}"
    assert "torch" not in loaded_after(f"import espressivo.talking_head; {code}; assert {heard}.method == 'alignment'")


def test_a_talking_head_loads_nothing_slow_that_it_does_not_use() -> None:
    code = "import sys; import espressivo.talking_head, espressivo.motion.diffusion; early = set(sys.modules)"
    unused = "{'torch._dynamo', 'transformers', 'scipy.signal', 'matplotlib', 'gradio'}"
    loaded = loaded_after(f"{code}; assert not early & {unused}, early & {unused}; import torch._dynamo")
    assert {"diffusers", "torch._dynamo"} <= loaded


def test_others_find_diffusers_as_it_is() -> None:
    code = "import espressivo.diffusers_core, diffusers.utils, importlib.util"
    there = "diffusers.utils.is_transformers_available() == (importlib.util.find_spec('transformers') is not None)"
    assert "diffusers" in loaded_after(f"{code}; assert {there}")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_diffusers_comes_through_one_door(path: Path) -> None:
    imported = {node.module for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)}
    assert path.name == "diffusers_core.py" or not any(str(name).split(".")[0] == "diffusers" for name in imported)


FORBIDDEN_CALLS = {"eval", "exec", "pickle", "os.system", "torch.load", "yaml.load", "yaml.unsafe_load", "shelve", "marshal"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_unsafe_is_called(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not {"pickle", "shelve", "marshal"} & {alias.name for alias in node.names}
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN_CALLS
            for keyword in node.keywords:
                value = keyword.value
                is_true = isinstance(value, ast.Constant) and value.value is True
                assert not (keyword.arg in {"shell", "allow_pickle"} and is_true), ast.unparse(node)


def test_no_path_of_a_machine_is_written_down() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    texts = [
        ROOT / name for name in tracked.stdout.split("\0") if name.endswith((".py", ".yaml", ".toml", ".md", ".sh", "Makefile"))
    ]
    roots = tuple(f"/{name}/" for name in ("home", "root", "Users", "work"))
    for path in texts:
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for root in roots:
                start = line.find(root)
                inside_word = start > 0 and (line[start - 1].isalnum() or line[start - 1] in "._-<}*")
                assert start < 0 or inside_word or path.name == Path(__file__).name, (
                    f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
                )
