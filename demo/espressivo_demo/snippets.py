"""The settings of the page as code that does the same."""

from __future__ import annotations

from typing import Any

__all__ = ["as_command", "as_python"]


def _changed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that are not at their default."""
    from espressivo.settings import TalkSettings

    checked = TalkSettings.model_validate(settings)
    default = TalkSettings().model_dump(mode="json")
    return {name: value for name, value in checked.model_dump(mode="json").items() if value != default[name]}


def as_python(seed: float | None, settings: dict[str, Any]) -> str:
    """Lines of Python for the talking head with these settings."""
    options = ", ".join(f"{name}={value!r}" for name, value in _changed(settings).items())
    return f"""from pathlib import Path

from espressivo import TalkingHeadPipeline
from espressivo.settings import TalkSettings

pipeline = TalkingHeadPipeline.from_pretrained()
pipeline(
    Path("portrait.png"),
    Path("speech.wav"),
    plan=Path("plan.json"),
    settings=TalkSettings({options}),
    seed={int(seed or 0)},
    output_path=Path("talk.mp4"),
)"""


def as_command(seed: float | None, settings: dict[str, Any]) -> str:
    """The same on the command line."""
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in _changed(settings).items())
    inputs = "--portrait portrait.png --speech speech.wav --plan plan.json"
    return f"espressivo talk {inputs} {options} --seed {int(seed or 0)} -o talk.mp4"
