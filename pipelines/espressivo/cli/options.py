"""Groups of options that several commands share.

A group is a function: its parameters are the options, its result is the checked value. ``takes`` puts the options of a
group among those of a command and hands the command the result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from espressivo.errors import EmotionInputError, SettingError

if TYPE_CHECKING:
    from espressivo.emotion.intake import EmotionWords
    from espressivo.emotion.request import EmotionRequest
    from espressivo.settings import TalkSettings

__all__ = [
    "Asked",
    "DurationOption",
    "JsonOption",
    "PortraitOption",
    "QuietOption",
    "SeedOption",
    "SpeechOption",
    "TranscriptOption",
    "asked_emotion",
    "asked_emotion_or_none",
    "read_text_file",
    "takes",
    "talk_settings",
]

EMOTION = "Emotion (exactly one)"
HOW = "How it is felt"
FACE = "Face"
OUTPUT = "Output"

PortraitOption = Annotated[Path, typer.Option("--portrait", "-p", help="Picture of one face.")]
SpeechOption = Annotated[Path | None, typer.Option("--speech", "-s", help="Sound file; decides the length.")]
TranscriptOption = Annotated[Path | None, typer.Option("--transcript", help="Text file with the words spoken (English).")]
DurationOption = Annotated[float | None, typer.Option("--duration", help="Seconds, where there is no speech.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Same seed, same bytes; drawn and reported if not given.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=OUTPUT)]

Command = Callable[..., None]


def takes(**groups: Callable[..., object]) -> Callable[[Command], Command]:
    """Give a command the options of each group; the command gets the group's result under the group's name."""

    def decorate(command: Command) -> Command:
        own = _parameters(command)
        shared = {name: _parameters(group) for name, group in groups.items()}

        @wraps(command)
        def run(**values: Any) -> None:  # noqa: ANN401 - the command's own signature has the types
            for name, group in groups.items():
                values[name] = group(**{option: values.pop(option) for option in shared[name]})
            command(**values)

        merged = [parameter for name, parameter in own.items() if name not in groups]
        for parameters in shared.values():
            merged.extend(parameters.values())
        merged.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)
        run.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]  # typer reads it, functions may have it
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in merged}
        del run.__wrapped__  # else inspect would look at the undecorated command
        return run

    return decorate


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    hints = get_type_hints(function, globalns=function.__globals__ | _type_names(), include_extras=True)
    return {
        name: parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
    }


def _type_names() -> dict[str, object]:
    """Results of groups are only named in annotations; their modules are too heavy to load for ``--help``."""
    return {"TalkSettings": object, "MusicSettings": object, "EmotionRequest": object}


@dataclass(frozen=True, slots=True)
class Asked:
    """The emotion a command was given: words or a request, or a plan file."""

    emotion: EmotionWords | EmotionRequest | None
    plan: Path | None
    intensity: float | None


def asked_emotion(
    emotion: Annotated[
        str | None,
        typer.Option(
            "--emotion", "-e", help='"joy", "joy:0.7+surprise:0.3", "joy turning to awe", a sentence.', rich_help_panel=EMOTION
        ),
    ] = None,
    vad: Annotated[
        str | None, typer.Option("--vad", help="Valence, arousal, dominance, each -1 to 1.", rich_help_panel=EMOTION)
    ] = None,
    keyframes: Annotated[
        str | None, typer.Option("--keyframes", help='Emotions at seconds: "0:calm,2.5:fear:0.9".', rich_help_panel=EMOTION)
    ] = None,
    plan: Annotated[Path | None, typer.Option("--plan", help="A plan file, edited or not.", rich_help_panel=EMOTION)] = None,
    dialogue: Annotated[
        Path | None, typer.Option("--dialogue", help="Text file, a turn a line: SPEAKER: words.", rich_help_panel=EMOTION)
    ] = None,
    intensity: Annotated[float | None, typer.Option("--intensity", help="0 to 1.", rich_help_panel=HOW)] = None,
    mask: Annotated[str | None, typer.Option("--mask", help="Emotion put on over the felt one.", rich_help_panel=HOW)] = None,
    persona: Annotated[
        str | None, typer.Option("--persona", help='A persona, or traits: "E=0.5,N=-0.2".', rich_help_panel=HOW)
    ] = None,
) -> Asked:
    """Exactly one form of emotion, and how it is borne."""
    from espressivo.emotion.intake import EmotionWords
    from espressivo.emotion.parse import parse_dialogue, parse_keyframes, parse_personality, parse_vad
    from espressivo.emotion.request import EmotionRequest, Personality

    given = [value for value in (emotion, vad, keyframes, plan, dialogue) if value is not None]
    if len(given) != 1:
        options = "--emotion, --vad, --keyframes, --dialogue, --plan"
        raise EmotionInputError("emotion.one_form", f"give one of {options}; got {len(given)} of them")
    if plan is not None and (mask or persona or intensity is not None):
        raise EmotionInputError("emotion.one_form", "--mask, --persona and --intensity shape a thought; --plan is a finished one")
    personality = parse_personality(persona) if persona else Personality()
    if emotion is not None:
        return Asked(EmotionWords(emotion, mask, personality), None, intensity)
    shared: dict[str, Any] = {"mask": mask, "personality": personality}
    if vad is not None:
        return Asked(EmotionRequest(vad=parse_vad(vad), **shared), None, intensity)
    if keyframes is not None:
        frames = parse_keyframes(keyframes)
        return Asked(EmotionRequest(keyframes=frames, duration_s=frames[-1].time_s + 1.0, **shared), None, intensity)
    if dialogue is not None:
        return Asked(EmotionRequest(dialogue=parse_dialogue(read_text_file(dialogue) or ""), **shared), None, intensity)
    return Asked(None, plan, intensity)


@wraps(asked_emotion)
def asked_emotion_or_none(**values: Any) -> Asked | None:  # noqa: ANN401 - the options of asked_emotion
    """As :func:`asked_emotion`, for commands that also work without an emotion."""
    return asked_emotion(**values) if any(value is not None for value in values.values()) else None


def talk_settings(
    size: Annotated[
        int | None, typer.Option(help="Shorter side in pixels, never enlarged; default: the portrait's.", rich_help_panel=FACE)
    ] = None,
    fps: Annotated[str, typer.Option(help="Frames a second, e.g. 25 or 30000/1001.", rich_help_panel=FACE)] = "25",
    face: Annotated[str, typer.Option(help="only | largest: which face of the picture.", rich_help_panel=FACE)] = "only",
    guidance_speech: Annotated[float, typer.Option(help="Gain of the lips, 0 to 3.", rich_help_panel=FACE)] = 1.0,
    guidance_emotion: Annotated[float, typer.Option(help="Gain of the global emotion, 0 to 3.", rich_help_panel=FACE)] = 1.0,
    guidance_muscles: Annotated[float, typer.Option(help="Gain of single muscles, 0 to 3.", rich_help_panel=FACE)] = 1.0,
    head: Annotated[float, typer.Option(help="Gain of head movement, 0 to 3.", rich_help_panel=FACE)] = 1.0,
    gaze: Annotated[float, typer.Option(help="Gain of gaze shifts, 0 to 3.", rich_help_panel=FACE)] = 1.0,
    blinks: Annotated[float, typer.Option(help="Gain of the blink rate, 0 to 3.", rich_help_panel=FACE)] = 1.0,
    own_expression: Annotated[
        float, typer.Option(help="How much of the photograph's expression stays, 0 to 1.", rich_help_panel=FACE)
    ] = 1.0,
    motion: Annotated[str, typer.Option(help="diffusion | procedural: what moves the face.", rich_help_panel=FACE)] = "diffusion",
    steps: Annotated[int, typer.Option(help="Denoising steps of diffusion, 1 to 50.", rich_help_panel=FACE)] = 6,
    mouth: Annotated[
        str, typer.Option(help="articulated | captured: phones, or as filmed speakers do.", rich_help_panel=FACE)
    ] = "articulated",
    label: Annotated[
        bool, typer.Option("--label", help="Say in a corner that it is AI-generated.", rich_help_panel=FACE)
    ] = False,
    watermark: Annotated[
        bool, typer.Option("--watermark", help="Mark the pictures invisibly; `verify` finds it.", rich_help_panel=FACE)
    ] = False,
    consent: Annotated[
        str | None,
        typer.Option(
            help="own_likeness | written_permission | synthetic_person | public_domain_artwork: why you may use the portrait.",
            rich_help_panel=FACE,
        ),
    ] = None,
) -> TalkSettings:
    """Settings of the talking head, checked."""
    from espressivo.settings import TalkSettings, validated

    return validated(
        TalkSettings,
        {
            "size": size,
            "fps": fps,
            "face": face,
            "guidance_speech": guidance_speech,
            "guidance_emotion": guidance_emotion,
            "guidance_muscles": guidance_muscles,
            "head": head,
            "gaze": gaze,
            "blinks": blinks,
            "own_expression": own_expression,
            "motion": motion,
            "steps": steps,
            "mouth": mouth,
            "label": label,
            "watermark": watermark,
            "consent": consent,
        },
    )


def read_text_file(path: Path | None) -> str | None:
    """The words of a text file of at most 100 kB.

    Raises:
        SettingError: ``setting.transcript``.
    """
    if path is None:
        return None
    try:
        if path.stat().st_size > 100_000:
            raise SettingError("setting.transcript", f"{path.name} is over 100 kB; it should hold only words")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("setting.transcript", f"cannot read {path.name}: {type(error).__name__}") from error
