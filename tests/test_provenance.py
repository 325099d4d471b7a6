import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from espressivo.errors import EspressivoError
from espressivo.face.track import FacialActionTrack
from espressivo.media.audio import save_wav
from espressivo.media.clip import AudioClip
from espressivo.media.image import save_png
from espressivo.media.midi import save_midi
from espressivo.media.video import encode_video
from espressivo.provenance import ConsentBasis, Provenance, describe_run, digest, verify_file


@pytest.fixture
def record() -> Provenance:
    return describe_run(
        kind="talking_head",
        seed=7,
        inputs={"portrait": np.zeros((4, 4, 3), np.uint8), "speech": None, "plan": '{"a": 1}'},
        settings={"fps": "25", "size": None, "gains": [1.0, 0.5]},
        consent=ConsentBasis.SYNTHETIC_PERSON,
    )


def write_all(folder: Path, fields: dict[str, str]) -> list[Path]:
    paths = [folder / name for name in ("a.mp4", "a.wav", "a.mid", "a.png")]
    encode_video(paths[0], [np.zeros((32, 32, 3), np.uint8)] * 3, fps=Fraction(25), metadata=fields)
    save_wav(AudioClip(np.zeros((1, 8_000), np.float32), 8_000), paths[1], fields)
    midi = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(0)
    piano.notes.append(pretty_midi.Note(80, 60, 0, 1))
    midi.instruments.append(piano)
    save_midi(midi, paths[2], fields)
    save_png(np.zeros((32, 32, 3), np.uint8), paths[3], fields)
    return paths


def test_every_kind_of_file_tells_where_it_comes_from(record: Provenance, tmp_path: Path) -> None:
    for path in write_all(tmp_path, record.metadata()):
        report = verify_file(path)
        assert report.found
        assert report.provenance == record
        assert report.comment
        assert report.comment.startswith("AI-generated")
        assert report.digital_source_type == record.digital_source_type
        assert report.sidecar == "none"
        assert report.problems == ()
        text = "\n".join(report.lines())
        assert "seed 7" in text
        assert "synthetic person" in text


def test_unmarked_files_say_nothing(tmp_path: Path) -> None:
    for path in write_all(tmp_path, {}):
        report = verify_file(path)
        assert not report.found
        assert report.provenance is None
        assert "No provenance found" in "\n".join(report.lines())


def test_a_sidecar_speaks_for_files_that_cannot(record: Provenance, tmp_path: Path) -> None:
    track = tmp_path / "actions.safetensors"
    FacialActionTrack.still(5, Fraction(25)).save(track)
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": "1"}')
    assert not verify_file(track).found
    record.save(tmp_path / "provenance.json", outputs={track.name: track, plan.name: plan}, stage_seconds={"move": 1.23456})
    for path in (track, plan):
        report = verify_file(path)
        assert report.found
        assert report.sidecar == "matches"
        assert report.provenance is not None
        assert report.provenance.stage_seconds == {"move": 1.235}
    plan.write_text('{"version": "2"}')
    report = verify_file(plan)
    assert report.sidecar == "differs"
    assert not report.found
    assert "the file was changed" in "\n".join(report.lines())


def test_a_sidecar_can_be_verified_itself(record: Provenance, tmp_path: Path) -> None:
    record.save(tmp_path / "a.mp4.provenance.json")
    report = verify_file(tmp_path / "a.mp4.provenance.json")
    assert report.found
    assert report.kind == "json"
    assert report.provenance == record


def test_a_forged_setting_is_noticed(record: Provenance, tmp_path: Path) -> None:
    forged = json.loads(record.metadata()["espressivo"])
    forged["settings"]["fps"] = "30"
    save_png(np.zeros((32, 32, 3), np.uint8), tmp_path / "a.png", {"espressivo": json.dumps(forged)})
    assert verify_file(tmp_path / "a.png").problems == ("the settings in the embedded record do not match their digest",)


def test_a_broken_record_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    fields = {"comment": "AI-generated", "espressivo": '{"tool": 1}'}
    save_png(np.zeros((32, 32, 3), np.uint8), tmp_path / "a.png", fields)
    report = verify_file(tmp_path / "a.png")
    assert report.found
    assert "cannot be read" in report.problems[0]


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    save_png(np.zeros((32, 32, 3), np.uint8), tmp_path / "a.png", {"comment": "AI-generated\x1b[2J\nProblem: none\u202e"})
    text = verify_file(tmp_path / "a.png").lines()[1]
    assert text.isprintable()


def test_timings_stay_out_of_the_file(record: Provenance) -> None:
    with_times = record.model_copy(update={"stage_seconds": {"render": 1.0}})
    assert with_times.metadata() == record.metadata()


def test_digests_depend_on_content_shape_and_type() -> None:
    zeros = np.zeros((2, 3), np.float32)
    assert digest(zeros) == digest(np.asfortranarray(zeros))
    assert len({digest(zeros), digest(zeros.T), digest(zeros.astype(np.float64)), digest(zeros + 1)}) == 4
    assert digest("abc") == digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest(tmp_path / "a") == digest(b"abc")


@pytest.mark.parametrize("value", ["/data/portrait.png", "~/a", "C:\\a.png", "\\\\host\\share", "file:///a"])
def test_local_paths_are_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="local path"):
        describe_run(kind="music", seed=0, inputs={}, settings={"nested": {"list": [value]}})


def test_words_of_the_user_are_kept_only_when_asked() -> None:
    silent = describe_run(kind="music", seed=0, inputs={"request": "I lost my keys"}, settings={})
    assert "keys" not in silent.to_json()
    assert describe_run(kind="music", seed=0, inputs={}, settings={}, request="I lost my keys").request == "I lost my keys"


def test_source_type_tells_rules_from_learnt_models() -> None:
    by_rules = describe_run(kind="music", seed=0, inputs={}, settings={})
    assert by_rules.digital_source_type.endswith("/algorithmicMedia")
    video = describe_run(kind="scene", seed=0, inputs={}, settings={})
    assert video.digital_source_type.endswith("/compositeWithTrainedAlgorithmicMedia")


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet="abc é\"'%"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    settings=st.dictionaries(st.text("abcdef_", min_size=1, max_size=8), JSON_VALUES, max_size=5), seed=st.integers(0, 2**63 - 1)
)
def test_records_round_trip(settings: dict[str, object], seed: int) -> None:
    record = describe_run(kind="music", seed=seed, inputs={}, settings=settings)
    assert Provenance.model_validate_json(record.to_json()) == record
    assert Provenance.model_validate_json(record.metadata()["espressivo"]) == record
    assert record.metadata()["espressivo"].isascii()


@given(
    content=st.binary(max_size=200),
    start=st.sampled_from([b"", b"MThd", b"\x89PNG\r\n\x1a\n", b"RIFF....WAVE", b"....ftyp", b"{", b"\x10\0\0\0\0\0\0\0{"]),
)
def test_any_file_gives_a_report_or_a_typed_error(content: bytes, start: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(start + content)
    try:
        report = verify_file(path)
    except EspressivoError:
        return
    assert not report.found


def test_deep_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a":' * 100_000)
    with pytest.raises(EspressivoError):
        verify_file(tmp_path / "a.json")
