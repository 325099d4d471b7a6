import shutil

import numpy as np
import pytest

from espressivo.errors import AudioInputError, SettingError
from espressivo.media.audio import load_audio
from espressivo.speech import voices
from espressivo.speech.voices import installed_voices, speak

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="needs flite")
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")


@needs_flite
def test_words_are_said_the_same_every_time():
    clip = speak("Hello there, we made it.")
    assert 1.0 < clip.duration_s < 4.0
    assert clip.samples.shape[0] == 1
    assert np.array_equal(clip.samples, speak("Hello   there,\nwe made it.").samples)
    assert speak("Hello there, we made it. We did.").duration_s > clip.duration_s


@needs_espeak
def test_languages_sound_different():
    assert not np.array_equal(speak("Paris", "espeak-ng/fr").samples, speak("Paris", "espeak-ng/de").samples)


@needs_flite
def test_nothing_in_the_words_is_an_option(tmp_path):
    target = tmp_path / "stolen.wav"
    assert speak(f"-o {target} --help $(touch {target})").duration_s > 1.0
    assert not target.exists()


@pytest.mark.parametrize("text", ["", " \n\t", "\0\x1b", "a" * 5001])
def test_what_cannot_be_said_is_refused(text):
    with pytest.raises(SettingError, match="characters to say") as caught:
        speak(text)
    assert caught.value.code == "setting.words"


@needs_flite
def test_words_without_sound_and_unknown_voices_are_refused():
    with pytest.raises(AudioInputError):
        speak("...")
    with pytest.raises(SettingError, match="installed: flite/slt"):
        speak("Hello", "flite/../../bin")


def test_without_a_synthesiser_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(voices.shutil, "which", lambda _name: None)
    assert installed_voices() == []
    with pytest.raises(SettingError, match="install the system package flite"):
        speak("Hello")


@needs_flite
def test_the_command_writes_sound_and_words(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from espressivo.cli import app

    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["speak", "We made it!", "-o", "speech.wav"])
    assert done.exit_code == 0, done.output
    assert "--speech speech.wav --transcript speech.txt" in done.output
    assert load_audio(tmp_path / "speech.wav").duration_s > 0.5
    assert (tmp_path / "speech.txt").read_text() == "We made it!\n"


@needs_flite
def test_other_words_and_other_kinds_of_file_are_left_alone(tmp_path):
    from espressivo.cli.speak import speak as command

    (tmp_path / "speech.txt").write_text("precious\n")
    for name in ("speech.wav", "speech.txt"):
        with pytest.raises(SettingError) as caught:
            command("We made it!", tmp_path / name)
        assert caught.value.code == "setting.output_path"
    assert [path.name for path in tmp_path.iterdir()] == ["speech.txt"]
    assert (tmp_path / "speech.txt").read_text() == "precious\n"
