import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.batch.jobs import build_jobs, emotion_of, resolve_input, shard_of
from espressivo.batch.manifest import manifest_schema, read_manifest
from espressivo.emotion.intake import EmotionWords
from espressivo.emotion.request import EmotionRequest
from espressivo.errors import EspressivoError, ManifestError


def write(folder: Path, *rows: object, name: str = "m.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def keys(path: Path, run_seed: int = 0) -> list[str]:
    jobs, bad = build_jobs(read_manifest(path), path.parent, run_seed=run_seed)
    assert not bad
    return [job.key for job in jobs]


def test_the_three_formats_describe_the_same_jobs(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"picture")
    rows = [
        {"kind": "plan", "emotion": "joy", "intensity": 0.5, "seed": 3},
        {"kind": "talk", "portrait": "p.png", "vad": [0.1, 0.2, -0.3], "consent": "own_likeness", "settings": {"size": 128}},
    ]
    jsonl = write(tmp_path, *rows)
    csv = write(
        tmp_path,
        "kind,emotion,intensity,seed,portrait,vad,consent,settings.size",
        "plan,joy,0.5,3,,,,",
        "talk,,,,p.png,0.1 0.2 -0.3,own_likeness,128",
        name="m.csv",
    )
    yaml = write(
        tmp_path,
        "- kind: plan\n  emotion: joy\n  intensity: 0.5\n  seed: 3",
        "- kind: talk\n  portrait: p.png\n  vad: [0.1, 0.2, -0.3]\n  consent: own_likeness\n  settings:\n    size: 128",
        name="m.yaml",
    )
    assert keys(jsonl) == keys(csv) == keys(yaml)
    assert [line for line, _ in read_manifest(jsonl).specs] == [1, 2]
    assert [line for line, _ in read_manifest(csv).specs] == [2, 3]
    assert [line for line, _ in read_manifest(yaml).specs] == [1, 5]


def test_a_matrix_makes_every_combination(tmp_path: Path) -> None:
    path = write(tmp_path, {"kind": "plan", "id": "m", "matrix": {"emotion": ["joy", "fear", "awe"], "seed": [1, 2]}})
    specs = [spec for _, spec in read_manifest(path).specs]
    assert {(spec.emotion, spec.seed) for spec in specs} == {(e, s) for e in ("joy", "fear", "awe") for s in (1, 2)}
    assert [spec.id for spec in specs] == [f"m-{n}" for n in range(1, 7)]
    assert len(set(keys(path))) == 6


def test_every_form_of_the_command_line_is_understood(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("ANNA: We won!\nBEN: I can't believe it.\n", encoding="utf-8")
    path = write(
        tmp_path,
        {"kind": "plan", "emotion": "0:calm,1.5:fear:0.9", "duration_s": 4, "persona": "E=0.5,N=-0.2"},
        {"kind": "plan", "emotion": "sadness", "mask": "joy"},
        {"kind": "plan", "vad": [0.5, 0.2, 0.1], "mask": "joy", "intensity": 0.4},
        {"kind": "plan", "dialogue": "talk.txt"},
    )
    jobs, bad = build_jobs(read_manifest(path), tmp_path, run_seed=0)
    assert not bad
    first, second, third, fourth = (emotion_of(job.spec, job.inputs, job.duration_s) for job in jobs)
    assert isinstance(first, EmotionWords)
    assert first.personality is not None
    assert first.personality.extraversion == 0.5
    assert isinstance(second, EmotionWords)
    assert (second.text, second.mask) == ("sadness", "joy")
    assert isinstance(third, EmotionRequest)
    assert (third.mask, third.intensity) == ("joy", 0.4)
    assert isinstance(fourth, EmotionRequest)
    assert fourth.dialogue is not None
    assert [turn.speaker for turn in fourth.dialogue] == ["ANNA", "BEN"]


def test_how_it_is_borne_changes_the_key_and_does_not_go_with_a_finished_plan(tmp_path: Path) -> None:
    row = {"kind": "plan", "emotion": "sadness", "seed": 1}
    assert len(set(keys(write(tmp_path, row, row | {"mask": "joy"}, row | {"persona": "N=0.9"})))) == 3
    path = write(tmp_path, {"kind": "plan", "plan": "x.json", "mask": "joy"}, row | {"persona": "Q=3"}, row | {"mask": "joyy"})
    manifest = read_manifest(path)
    _, mistakes = build_jobs(manifest, tmp_path, run_seed=0)
    assert [bad.line for bad in (*manifest.bad_rows, *mistakes)] == [1, 2, 3]


def test_a_performance_needs_no_emotion_and_belongs_to_talking_heads(tmp_path: Path) -> None:
    for name in ("p.png", "clip.mp4", "other.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    row = {"kind": "talk", "portrait": "p.png", "consent": "own_likeness", "drive": "clip.mp4", "seed": 1}
    jobs, mistakes = build_jobs(read_manifest(write(tmp_path, row, row | {"emotion": "joy"})), tmp_path, run_seed=0)
    assert mistakes == []
    assert [set(job.inputs) for job in jobs] == [{"portrait", "drive"}] * 2
    assert len(set(keys(write(tmp_path, row, row | {"drive": "other.mp4"}, row | {"emotion": "joy"})))) == 3
    bad = read_manifest(write(tmp_path, row | {"kind": "scene", "emotion": "joy"}, row | {"vad": [0, 0, 0], "emotion": "joy"}))
    assert [bad_row.line for bad_row in bad.bad_rows] == [1, 2]


def test_all_mistakes_are_reported_with_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"x")
    path = write(
        tmp_path,
        {"kind": "plan", "emotion": "joy"},
        {"kind": "dance", "emotion": "joy"},
        "{not json",
        [1, 2],
        {"kind": "plan", "emotion": "joy", "colour": "red"},
        {"kind": "plan"},
        {"kind": "plan", "emotion": "joy", "intensity": 2},
        {"kind": "talk", "emotion": "joy", "portrait": "p.png"},
        {"kind": "compose", "emotion": "joy", "portrait": "p.png"},
        {"kind": "plan", "matrix": {"emotion": []}},
        {"kind": "plan", "emotion": "joy", "matrix": {"emotion": ["fear"]}},
        {"kind": "plan", "emotion": "joy", "id": "../x"},
    )
    found = [(bad.line, bad.field) for bad in read_manifest(path).bad_rows]
    assert found == [
        (2, "kind"), (3, "row"), (4, "row"), (5, "colour"), (6, "row"), (7, "intensity"), (8, "row"), (9, "row"),
        (10, "matrix.emotion"), (11, "matrix.emotion"), (12, "id"),
    ]  # fmt: skip


def test_mistakes_that_need_a_look_at_the_files(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"x")
    (tmp_path / "plan.json").write_text("{}")
    face = {"kind": "talk", "portrait": "p.png", "consent": "own_likeness"}
    path = write(
        tmp_path,
        {"kind": "plan", "emotion": "joyy"},
        {**face, "emotion": "joy", "speech": "none.wav"},
        {**face, "emotion": "joy", "settings": {"size": 3}},
        {"kind": "compose", "emotion": "joy", "music": {"no_such_setting": 1}},
        {"kind": "plan", "plan": "plan.json"},
        {"kind": "plan", "plan": "../plan.json"},
        {"kind": "plan", "vad": [5, 0, 0]},
    )
    jobs, bad = build_jobs(read_manifest(path), tmp_path, run_seed=0)
    assert jobs == []
    assert [(row.line, row.field) for row in bad] == [
        (1, "emotion"), (2, "speech"), (3, "settings"), (4, "music"), (5, "plan"), (6, "plan"), (7, "vad"),
    ]  # fmt: skip


def test_names_must_be_unique(tmp_path: Path) -> None:
    path = write(tmp_path, *[{"kind": "plan", "emotion": "joy", "id": "same"}] * 2)
    assert str(read_manifest(path).bad_rows[0]) == "line 2: id: 'same' is the name of line 1 already"


def test_the_schema_is_published() -> None:
    schema = manifest_schema()
    assert {"kind", "emotion", "portrait", "consent", "matrix"} <= set(schema["properties"])
    json.dumps(schema)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("m.txt", b"x", "manifest.format"),
        ("m.jsonl", b"", "manifest.empty"),
        ("m.jsonl", b"\n\n", "manifest.no_rows"),
        ("m.jsonl", b"\xff\xfe\x00", "manifest.malformed"),
        ("m.yaml", b"a: 1", "manifest.malformed"),
        ("m.yaml", b"- [", "manifest.malformed"),
        ("m.yaml", b"- &a {kind: plan, emotion: joy}\n- *a\n", "manifest.malformed"),
        ("m.yaml", b"- !!python/object/apply:os.getcwd []\n", "manifest.malformed"),
        ("m.csv", b'kind,emotion\n"plan,joy\n', "manifest.malformed"),
    ],
)
def test_files_that_are_no_manifests(name: str, content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path / name)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "/etc/hostname",
        "../x",
        "a/../../x",
        "~/x",
        "C:\\x",
        "C:x",
        "\\\\host\\x",
        "file://x",
        "a\0b",
        "folder",
        "pipe",
        "out",
        "deep/out",
    ],
)
def test_paths_stay_in_the_input_folder(text: str, tmp_path: Path) -> None:
    import os

    root = tmp_path / "in"
    (root / "folder").mkdir(parents=True)
    (root / "deep").symlink_to(tmp_path)
    (tmp_path / "x").touch()
    (tmp_path / "out").touch()
    (root / "out").symlink_to(tmp_path / "out")
    os.mkfifo(root / "pipe")
    with pytest.raises(ManifestError) as caught:
        resolve_input(text, root)
    assert caught.value.code == "manifest.path"


def test_links_within_the_folder_are_fine(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").symlink_to("a")
    assert resolve_input("b", tmp_path) == (tmp_path / "a").resolve()


FIELDS = {"kind": "plan", "emotion": "joy", "intensity": 0.5, "duration_s": 3.0, "seed": 4}


@given(order=st.permutations(sorted(FIELDS)))
def test_the_key_does_not_depend_on_the_order_of_fields(order: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert keys(write(folder, {name: FIELDS[name] for name in order})) == keys(write(folder, FIELDS))


def test_the_key_depends_on_what_the_result_depends_on(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"one")
    row = {"kind": "talk", "portrait": "p.png", "emotion": "joy", "consent": "own_likeness"}
    (first,) = keys(write(tmp_path, row))
    assert keys(write(tmp_path, {**row, "id": "named", "settings": {"fps": 25}})) == [first]
    changed = [{"intensity": 0.4}, {"seed": 1}, {"settings": {"fps": 30}}, {"consent": "synthetic_person"}, {"emotion": "fear"}]
    others = [keys(write(tmp_path, {**row, **change}))[0] for change in changed]
    (tmp_path / "p.png").write_bytes(b"two")
    others += keys(write(tmp_path, row))
    others += keys(write(tmp_path, row), run_seed=1)
    assert len({first, *others}) == len(others) + 1


def test_seeds_do_not_depend_on_the_place_in_the_manifest(tmp_path: Path) -> None:
    rows = [{"kind": "plan", "emotion": word} for word in ("joy", "fear", "awe")]
    assert sorted(keys(write(tmp_path, *rows))) == sorted(keys(write(tmp_path, *rows[::-1])))


@given(key=st.text("0123456789abcdef", min_size=32, max_size=32), num_shards=st.integers(1, 100))
def test_every_job_belongs_to_one_shard(key: str, num_shards: int) -> None:
    assert 1 <= shard_of(key, num_shards) <= num_shards


@given(
    content=st.binary(max_size=300) | st.text(alphabet='{}[]":,-*& \n\tkindplemo01', max_size=120).map(str.encode),
    suffix=st.sampled_from(["jsonl", "csv", "yaml"]),
)
def test_any_content_gives_rows_or_a_typed_error(content: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz.{suffix}"
    path.write_bytes(content)
    try:
        manifest = read_manifest(path)
    except EspressivoError:
        return
    build_jobs(manifest, path.parent, run_seed=0)
