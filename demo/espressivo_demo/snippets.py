"""What was made on the page, as a command and as Python that make the same bytes from the files of the bundle."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Final, Literal

from espressivo.music.settings import MusicSettings
from espressivo.music.theory import PITCH_CLASS_NAMES
from espressivo.settings import TalkSettings, validated

__all__ = ["GIVEN", "PLAN", "TRANSCRIPT", "GivenUse", "Recipe", "as_command", "as_python"]

Kind = Literal["talk", "scene", "compose"]
GivenUse = Literal["continue", "from", "fill"]
PLAN: Final = "plan.json"
TRANSCRIPT: Final = "transcript.txt"
GIVEN: Final = "given.mid"
# Settings of MusicSettings under the names that the command line has for them.
MUSIC_OPTIONS: Final = {"tonic": "key", "tempo_bpm": "tempo"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a result was made from, under the names that files have in the bundle.

    Attributes:
        kind: The command.
        seed: The seed that was used.
        duration_s: Length where there is no speech, else ``None``.
        talk: Settings of the talking head.
        music: Settings of the music.
        portrait: File name.
        speech: File name.
        has_transcript: Whether :data:`TRANSCRIPT` is there.
        given: What is done with :data:`GIVEN`, where a piece was given.
        bars: First and last bar that are filled, counted from 1.
    """

    kind: Kind
    seed: int
    duration_s: float | None = None
    talk: dict[str, Any] | None = None
    music: dict[str, Any] | None = None
    portrait: str | None = None
    speech: str | None = None
    has_transcript: bool = False
    given: GivenUse | None = None
    bars: tuple[int, int] | None = None


def as_command(recipe: Recipe) -> str:
    """A command line for a POSIX shell."""
    words = ["espressivo", recipe.kind]
    words += _option("portrait", recipe.portrait) + _option("speech", recipe.speech)
    words += _option("transcript", TRANSCRIPT if recipe.has_transcript else None)
    words += _option(recipe.given, GIVEN) if recipe.given else []
    words += _option("bars", "-".join(map(str, recipe.bars)) if recipe.bars else None)
    words += ["--plan", PLAN, *_option("duration", recipe.duration_s)]
    changed = _changed(TalkSettings, recipe.talk) | _changed(MusicSettings, recipe.music)
    for name, value in changed.items():
        words += _option(MUSIC_OPTIONS.get(name, name), PITCH_CLASS_NAMES[value] if name == "tonic" else value)
    outputs = {
        "talk": ["-o", "talk.mp4"],
        "scene": ["--output-folder", "."],
        "compose": ["-o", "music.mid", "--wav", "music.wav"],
    }
    return shlex.join([*words, "--seed", str(recipe.seed), *outputs[recipe.kind]])


def as_python(recipe: Recipe) -> str:
    """Lines of Python that need nothing but the package and the files."""
    makers = {"talk": "TalkingHeadPipeline", "scene": "ScenePipeline", "compose": "MusicPipeline"}
    imports = [f"from espressivo import {makers[recipe.kind]}"]
    inputs = (recipe.portrait, recipe.speech, GIVEN if recipe.given else None)
    arguments = [f'Path("{name}"),' for name in inputs if name]
    if recipe.bars:
        arguments.append(f"bars={recipe.bars!r},")
    arguments.append(f'plan=Path("{PLAN}"),')
    if recipe.has_transcript:
        arguments.append(f'transcript=Path("{TRANSCRIPT}").read_text(encoding="utf-8"),')
    if recipe.duration_s is not None:
        arguments.append(f"duration_s={recipe.duration_s!r},")
    if recipe.talk is not None:
        imports.append("from espressivo.settings import TalkSettings")
        arguments.append(f"settings={_built('TalkSettings', _changed(TalkSettings, recipe.talk))},")
    if recipe.music is not None:
        imports.append("from espressivo.music.settings import MusicSettings")
        name = "music_settings" if recipe.kind == "scene" else "settings"
        arguments.append(f"{name}={_built('MusicSettings', _changed(MusicSettings, recipe.music))},")
    arguments.append(f"seed={recipe.seed},")
    result, after = "", ""
    if recipe.kind == "talk":
        arguments.append('output_path=Path("talk.mp4"),')
    elif recipe.kind == "scene":
        imports.append("from espressivo.scene import SceneFiles")
        arguments.append('files=SceneFiles.in_folder(Path(".")),')
    else:
        result, after = "piece = ", '\npiece.save(midi_path=Path("music.mid"), wav_path=Path("music.wav"))'
    method = {None: "", "continue": ".continue_piece", "from": ".reexpress", "fill": ".fill"}[recipe.given]
    call = "".join(f"\n    {argument}" for argument in arguments)
    lines = "\n".join(["from pathlib import Path", "", *sorted(imports)])
    return f"{lines}\n\npipeline = {makers[recipe.kind]}.from_pretrained()\n{result}pipeline{method}({call}\n){after}\n"


def _changed(model: type[TalkSettings] | type[MusicSettings], settings: dict[str, Any] | None) -> dict[str, Any]:
    """Settings that are not at their default."""
    if settings is None:
        return {}
    default = model().model_dump(mode="json")
    checked = validated(model, settings).model_dump(mode="json")
    return {name: value for name, value in checked.items() if value != default[name]}


def _option(name: str, value: object) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return []
    return [flag] if value is True else [flag, str(value)]


def _built(name: str, values: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in values.items())})"
