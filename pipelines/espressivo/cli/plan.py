"""``espressivo plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from espressivo.cli.options import OUTPUT, Asked, JsonOption, asked_emotion
from espressivo.errors import EmotionInputError

__all__ = ["plan"]


def plan(
    text: Annotated[str | None, typer.Argument(help="A sentence or scene, or what --emotion takes.", show_default=False)] = None,
    emotion: Annotated[
        str | None, typer.Option("--emotion", "-e", help='"joy", "joy:0.7+surprise:0.3", "joy turning to awe".')
    ] = None,
    vad: Annotated[str | None, typer.Option("--vad", help="Valence, arousal, dominance, each -1 to 1.")] = None,
    keyframes: Annotated[str | None, typer.Option("--keyframes", help='Emotions at seconds: "0:calm,2.5:fear:0.9".')] = None,
    plan_file: Annotated[Path | None, typer.Option("--plan", help="A plan file to check and explain.")] = None,
    intensity: Annotated[float | None, typer.Option("--intensity", help="0 to 1.")] = None,
    duration: Annotated[float | None, typer.Option("--duration", help="Seconds that the plan covers; default 8.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the planner's small variations.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the plan goes.", rich_help_panel=OUTPUT)] = None,
    as_json: JsonOption = False,
) -> None:
    """Think an emotion through, step by step; print or save the plan."""
    from espressivo.emotion.explanation import explain
    from espressivo.emotion.intake import receive, think
    from espressivo.emotion.plan import load_plan, save_plan
    from espressivo.media.atomic import atomic_output
    from espressivo.seeds import resolve_seed

    if text is not None and emotion is not None:
        raise EmotionInputError("emotion.one_form", "give either words or --emotion, not both")
    asked: Asked = asked_emotion(emotion if text is None else text, vad, keyframes, plan_file, intensity)
    if duration is None:
        duration = load_plan(asked.plan).duration_s if asked.plan else _default_duration_s(asked)
    thought = think(receive(asked.emotion, asked.plan, duration_s=duration, intensity=intensity), seed=resolve_seed(seed))
    if output is not None:
        with atomic_output(output) as temporary:
            save_plan(thought, temporary)
    typer.echo(thought.to_json() if as_json else explain(thought), nl=not as_json)


def _default_duration_s(asked: Asked) -> float:
    """Eight seconds, or two more than the last keyframe."""
    keyframes = None if asked.emotion is None or isinstance(asked.emotion, str) else asked.emotion.keyframes
    return 8.0 if keyframes is None else max(8.0, keyframes[-1].time_s + 2.0)
