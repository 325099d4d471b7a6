"""``espressivo compose`` with everything a user may say to it, in one process where speed allows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from espressivo.cli import app
from espressivo.cli.music_options import parse_register
from espressivo.errors import EspressivoError, SettingError
from espressivo.music.infilling import parse_bars
from espressivo.music.midi import load_score

Compose = Callable[..., Any]


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compose:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Any:
        result = CliRunner().invoke(app, ["compose", *map(str, arguments), "--json"])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return json.loads(result.output)

    return run


def test_constraints_are_kept_and_reported(compose: Compose) -> None:
    told = compose(
        "-e", "sadness", "--duration", 18, "--chords", "Am F C E7", "--key", "A", "--metre", "3/4", "--register", "C4-C6",
        "--dynamics", "mf", "--density", 2.5, "--style", "arpeggio", "--palette", "piano", "--best-of", 3, "--seed", 1,
    )  # fmt: skip
    score = load_score(Path("piece.mid"))
    assert score.duration_s == pytest.approx(18.0, abs=1e-3)
    assert [str(span.chord) for span in score.chords[:4]] == ["A:min", "F:maj", "C:maj", "E:7"]
    assert (score.metres[0].numerator, score.metres[0].denominator) == (3, 4)
    rows = {row["name"]: row for row in told["attributes"]}
    assert (rows["velocity"]["asked"], rows["velocity"]["by_user"]) == (76.0, True)
    assert (rows["register_low"]["asked"], rows["register_high"]["asked"]) == (60, 84)
    assert len(told["candidates"]) == 3
    assert sum(candidate["is_chosen"] for candidate in told["candidates"]) == 1


def test_sliders_go_by_rank(compose: Compose) -> None:
    told = compose("-e", "joy", "--duration", 8, "--set", "onsets_per_s=0.2", "--set", "pitch_p50=0.8", "--seed", 2)
    rows = {row["name"]: row for row in told["attributes"] if row["section"] is None}
    assert rows["onsets_per_s"]["is_met"]
    assert rows["pitch_p50"]["is_met"]


def test_a_given_piece_is_continued_filled_and_put_into_another_emotion(compose: Compose) -> None:
    compose("-e", "joy", "--duration", 16, "--palette", "piano", "--seed", 1, "-o", "mine.mid")
    mine = load_score(Path("mine.mid"))
    told = compose("--continue", "mine.mid", "--duration", 6, "-o", "longer.mid", "--seed", 1)
    assert told["duration_s"] == pytest.approx(22.0, abs=0.01)
    longer = load_score(Path("longer.mid"))
    assert {(n.start_tick, n.pitch) for n in mine.notes} <= {(n.start_tick, n.pitch) for n in longer.notes}
    compose("--fill", "mine.mid", "--bars", "3-4", "-e", "fear", "-o", "filled.mid", "--seed", 1)
    assert load_score(Path("filled.mid")).end_tick == mine.end_tick
    compose("--from", "mine.mid", "-e", "sadness", "-o", "sad.mid", "--seed", 1)
    assert load_score(Path("sad.mid")).keys[0].key.mode == "minor"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-e", "joy", "--chords", "Am Q"), "setting.chords"),
        (("-e", "joy", "--register", "high"), "setting.register"),
        (("-e", "joy", "--register", "C4-D4"), "setting.invalid"),
        (("-e", "joy", "--dynamics", "loud"), "setting.dynamics"),
        (("-e", "joy", "--set", "roughness"), "setting.attribute"),
        (("-e", "joy", "--set", "loudness=1"), "setting.attribute"),
        (("-e", "joy", "--set", "roughness=2"), "setting.invalid"),
        (("-e", "joy", "--style", "polka"), "setting.invalid"),
        (("-e", "joy", "--best-of", "0"), "setting.candidates"),
        (("-e", "joy", "--soundfont", "none.sf2"), "setting.soundfont"),
        (("--fill", "x.mid"), "setting.bars"),
        (("--fill", "x.mid", "--bars", "a-b"), "setting.bars"),
        (("--fill", "x.mid", "--continue", "x.mid", "--bars", "1"), "setting.one_piece"),
        (("--from", "x.mid"), "emotion.one_form"),
        ((), "emotion.one_form"),
        (("--continue", "x.mid"), "midi.missing"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(compose: Compose, arguments: tuple[str, ...], code: str) -> None:
    with pytest.raises(EspressivoError) as caught:
        compose(*arguments)
    assert caught.value.code == code
    assert not list(Path.cwd().iterdir())


def test_words_become_numbers() -> None:
    assert parse_register("C4-C6") == parse_register("60 to 84") == (60, 84)
    assert parse_register("Bb2-F#5") == (46, 78)
    assert parse_bars("9-12") == (9, 12)
    assert parse_bars("9") == (9, 9)
    with pytest.raises(SettingError):
        parse_bars("-3")
