"""Speech from text, by a synthesiser that the user has installed: flite (English) or espeak-ng (some hundred languages).

Both are run as programs, with the text in a file, so that nothing in it can be taken for an option.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Final

from espressivo.errors import SettingError
from espressivo.media.audio import load_audio, save_wav
from espressivo.media.clip import AudioClip

__all__ = ["MAX_TEXT_CHARACTERS", "installed_voices", "save_spoken", "speak"]

MAX_TEXT_CHARACTERS: Final = 5_000
TIME_LIMIT_S: Final = 120.0
Command = Callable[[str, Path, Path], list[str]]
COMMANDS: Final[dict[str, Command]] = {
    "flite": lambda voice, text, sound: ["flite", "-voice", voice, "-f", str(text), "-o", str(sound)],
    "espeak-ng": lambda voice, text, sound: ["espeak-ng", "-v", voice, "-f", str(text), "-w", str(sound)],
}
VOICES: Final = {
    "flite": ("slt", "rms", "awb"),
    "espeak-ng": ("en", "en-us", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "ru", "tr", "cmn", "ja", "hi", "ar"),
}
"""The voices offered. flite's ``slt`` is a woman, ``rms`` and ``awb`` are men; espeak-ng's are named by language."""
HOW_TO_INSTALL: Final = "install the system package flite or espeak-ng, or give a recording"


def installed_voices() -> list[str]:
    """Voices that can speak now, the best first, as ``program/voice``; empty where no synthesiser is installed."""
    return [f"{program}/{voice}" for program, voices in VOICES.items() if shutil.which(program) for voice in voices]


def speak(text: str, voice: str | None = None) -> AudioClip:
    """Say a text. The same text and voice give the same samples.

    Args:
        text: What to say; at most :data:`MAX_TEXT_CHARACTERS`. Its pronunciation follows the voice's language.
        voice: One of :func:`installed_voices`; ``None`` takes the first.

    Returns:
        Mono speech at the synthesiser's own rate, 16 or 22.05 kHz.

    Raises:
        SettingError: ``setting.voice`` where there is no such voice, ``setting.words`` where the text is empty or too long or the
            program makes nothing of it.
        AudioInputError: What the program wrote holds no speech, such as that of ``"..."``.
    """
    words = _spoken(text)
    program, _, name = _chosen(voice).partition("/")
    with tempfile.TemporaryDirectory(prefix="espressivo-speech-") as folder:
        script, sound = Path(folder, "words.txt"), Path(folder, "speech.wav")
        script.write_text(words, encoding="utf-8")
        try:
            subprocess.run(  # noqa: S603 - a fixed program; the text comes in a file
                COMMANDS[program](name, script, sound),
                check=True,
                timeout=TIME_LIMIT_S,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise SettingError("setting.words", f"{program} made nothing of the text ({type(error).__name__})") from error
        return load_audio(sound, require_signal=True)


def save_spoken(text: str, path: Path, voice: str | None = None) -> AudioClip:
    """Say a text into a WAV file, which tells that its voice is synthetic; arguments and errors as for :func:`speak`.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
    """
    clip = speak(text, voice)
    save_wav(clip, path, {"comment": f"Synthesised speech: {_chosen(voice)}"})
    return clip


def _chosen(voice: str | None) -> str:
    voices = installed_voices()
    if not voices:
        raise SettingError("setting.voice", f"no synthesiser was found on this machine; {HOW_TO_INSTALL}")
    if voice is not None and voice not in voices:
        raise SettingError("setting.voice", f"voice is {voice[:40]!r}; installed: {', '.join(voices)}")
    return voice or voices[0]


def _spoken(text: str) -> str:
    """The text without control characters, in one line."""
    plain = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
    words = " ".join(plain.split())
    if not words or len(words) > MAX_TEXT_CHARACTERS:
        raise SettingError("setting.words", f"there are {len(words)} characters to say; accepted: 1 to {MAX_TEXT_CHARACTERS}")
    return words
