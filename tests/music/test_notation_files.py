"""Scores as files for people: MusicXML, pictures, sound; what they say is what the score says."""

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import SettingError
from espressivo.media.audio import load_audio, save_flac, save_sound
from espressivo.media.clip import AudioClip
from espressivo.music.compose import compose
from espressivo.music.pictures import piano_roll, piano_roll_svg
from espressivo.music.score import AI_MARK, Score
from espressivo.music.settings import MusicSettings

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def two_sections(make_plan: Any) -> tuple[Any, Score]:
    plan = make_plan(("sadness", 9.0), ("joy", 8.0))
    return plan, compose(plan, seed=2, settings=MusicSettings())


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 99),
    metre=st.sampled_from(["2/4", "3/4", "4/4", "6/8"]),
    emotions=st.lists(st.sampled_from(["joy", "fear", "sadness", "awe"]), min_size=1, max_size=2),
)
def test_score_midi_and_musicxml_hold_the_same_notes(make_plan: Any, seed: int, metre: Any, emotions: list[str]) -> None:
    pytest.importorskip("partitura")
    from espressivo.music.musicxml import score_to_musicxml, sounding_notes

    plan = make_plan(*((emotion, 5.0) for emotion in emotions))
    written = compose(plan, seed=seed, settings=MusicSettings(metre=metre))
    score = Score.from_midi_bytes(written.to_midi_bytes())
    last = -(-score.end_tick // 120) - 1
    expected = {(score.parts[n.part].name, min(round(n.start_tick / 120), last), n.pitch) for n in score.notes}
    data = score_to_musicxml(score)
    assert sounding_notes(data) == sorted(expected)
    assert score_to_musicxml(score) == data
    root = ET.fromstring(data)  # noqa: S314 - our own file
    assert len(root.findall("part")[0].findall("measure")) == len(score.bars())
    assert len(root.findall(".//harmony")) == len(score.chords)
    assert [mark.text for mark in root.iter("rehearsal")] == [section.label for section in score.sections]


def test_harmony_is_as_the_standard_wants_it(two_sections: tuple[Any, Score]) -> None:
    pytest.importorskip("partitura")
    from espressivo.music.musicxml import score_to_musicxml

    root = ET.fromstring(score_to_musicxml(two_sections[1], lead_sheet=True))  # noqa: S314 - our own file
    for harmony in root.iter("harmony"):
        assert [child.tag for child in harmony][:2] == ["root", "kind"]
    assert len(root.findall("part")) == 1
    for measure in root.iter("measure"):
        heights = [note for note in measure.findall("note") if note.find("chord") is None]
        assert heights


def test_lead_sheets_are_engraved(two_sections: tuple[Any, Score]) -> None:
    pytest.importorskip("verovio")
    pytest.importorskip("resvg_py")
    from espressivo.media.image import decode_image
    from espressivo.music.pictures import lead_sheet_png, lead_sheet_svg

    plan, score = two_sections
    svg = lead_sheet_svg(score, plan, title="A < B")
    assert svg == lead_sheet_svg(score, plan, title="A < B")
    root = ET.fromstring(svg)  # noqa: S314 - our own file
    assert "A < B" in [text.text for text in root.iter(f"{SVG}text")]
    picture = decode_image(lead_sheet_png(score, plan, width=700), "sheet.png")
    assert picture.shape[1] == 700
    assert (picture.min(axis=2) < 60).mean() > 0.005  # ink


def test_without_the_extra_it_is_said_what_to_install(two_sections: tuple[Any, Score], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from espressivo.music.musicxml import score_to_musicxml

    monkeypatch.setitem(sys.modules, "partitura", None)
    with pytest.raises(SettingError, match=r"espressivo\[notation\]") as caught:
        score_to_musicxml(two_sections[1])
    assert caught.value.code == "setting.extra"


def test_the_roll_is_the_same_picture_in_both_forms(two_sections: tuple[Any, Score]) -> None:
    plan, score = two_sections
    root = ET.fromstring(piano_roll_svg(score, plan, width=600, height=400))  # noqa: S314 - our own file
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert root.findtext(f"{SVG}desc") == AI_MARK
    assert {"sadness · " + str(score.keys[0].key).replace(":", " "), "valence", "arousal"} <= set(texts)
    rounded = [shape for shape in root.iter(f"{SVG}rect") if shape.get("rx") == "2" and shape.get("fill-opacity")]
    assert len(rounded) == sum(note.velocity < 127 for note in score.notes)
    pixels = piano_roll(score, plan, width=600, height=400)
    note = max((n for n in score.notes if score.parts[n.part].role == "bass"), key=lambda n: n.duration_ticks)
    left = 44 + (600 - 14 - 44) * score.seconds(note.start_tick + note.duration_ticks // 2) / score.duration_s
    column = pixels[50:270, round(left)].astype(int)
    assert (np.abs(column - (66, 66, 84)).sum(axis=1) < 220).any()
    with pytest.raises(SettingError):
        piano_roll_svg(score, width=10)


def test_flac_is_lossless_and_marked(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    clip = AudioClip((0.3 * random.standard_normal((2, 30_000))).clip(-1, 1).astype(np.float32), 44_100)
    for name in ("a.flac", "b.flac"):
        save_flac(clip, tmp_path / name, {"comment": "AI-generated"})
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()
    again = load_audio(tmp_path / "a.flac")
    assert again.samples.shape == clip.samples.shape
    save_sound(clip, tmp_path / "a.wav")
    assert np.array_equal(again.samples, load_audio(tmp_path / "a.wav").samples)
    from espressivo.media.metadata import read_metadata

    metadata = read_metadata(tmp_path / "a.flac")
    assert metadata.kind == "sound"
    assert metadata.fields["comment"] == "AI-generated"
    with pytest.raises(SettingError):
        save_sound(clip, tmp_path / "a.mp3")


def test_a_piece_is_saved_in_every_form_or_in_none(tmp_path: Path) -> None:
    from espressivo import MusicPipeline
    from espressivo.provenance import verify_file

    piece = MusicPipeline.from_pretrained()("joy", duration_s=4.0, seed=1)
    with pytest.raises(SettingError):
        piece.save(midi_path=tmp_path / "x.mid", roll_path=tmp_path / "x.gif")
    assert not list(tmp_path.iterdir())
    piece.save(wav_path=tmp_path / "x.flac", abc_path=tmp_path / "x.abc", roll_path=tmp_path / "x.png")
    assert (tmp_path / "x.abc").read_text().startswith("X:1")
    assert verify_file(tmp_path / "x.flac").found
    assert verify_file(tmp_path / "x.png").found
    assert io.BytesIO((tmp_path / "x.png").read_bytes()).read(4) == b"\x89PNG"
