"""``espressivo plan``: think, explain, compare."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from espressivo.cli.options import OUTPUT, Asked, JsonOption, asked_emotion, takes
from espressivo.errors import EmotionInputError, SettingError

if TYPE_CHECKING:
    from espressivo.emotion.llm_client import ChatModel
    from espressivo.emotion.plan import EmotionPlan

__all__ = ["plan"]

MODEL = "Language model"
KEY_VARIABLE = "ESPRESSIVO_API_KEY"

Words = Annotated[
    list[str] | None,
    typer.Argument(help='A sentence or what --emotion takes; or "explain PLAN", or "diff PLAN PLAN".', show_default=False),
]


def plan_options(
    emotion: Annotated[
        str | None, typer.Option("--emotion", "-e", help='"joy", "joy:0.7+surprise:0.3", "joy turning to awe".')
    ] = None,
    vad: Annotated[str | None, typer.Option("--vad", help="Valence, arousal, dominance, each -1 to 1.")] = None,
    keyframes: Annotated[str | None, typer.Option("--keyframes", help='Emotions at seconds: "0:calm,2.5:fear:0.9".')] = None,
    dialogue: Annotated[Path | None, typer.Option("--dialogue", help="Text file, a turn a line: SPEAKER: words.")] = None,
    intensity: Annotated[float | None, typer.Option("--intensity", help="0 to 1.")] = None,
    mask: Annotated[str | None, typer.Option("--mask", help="Emotion put on over the felt one.")] = None,
    persona: Annotated[str | None, typer.Option("--persona", help='A persona, or traits: "E=0.5,N=-0.2".')] = None,
) -> dict[str, Any]:
    """The options that become an emotion once the words are known."""
    return {
        "emotion": emotion, "vad": vad, "keyframes": keyframes, "plan": None, "dialogue": dialogue, "intensity": intensity,
        "mask": mask, "persona": persona,
    }  # fmt: skip


@takes(given=plan_options)
def plan(
    given: dict[str, Any],
    words: Words = None,
    duration: Annotated[float | None, typer.Option("--duration", help="Seconds that the plan covers; default 8.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the planner's small variations.")] = 0,
    endpoint: Annotated[
        str | None,
        typer.Option(help=f"OpenAI-compatible server to think with; its key comes from {KEY_VARIABLE}.", rich_help_panel=MODEL),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Its name on that server; or, without an endpoint, a folder with a model.", rich_help_panel=MODEL),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the plan goes.", rich_help_panel=OUTPUT)] = None,
    as_json: JsonOption = False,
) -> None:
    """Think an emotion through, step by step; print or save the plan. Also explains and compares plan files."""
    from espressivo.emotion.explanation import explain
    from espressivo.emotion.plan import save_plan
    from espressivo.media.atomic import atomic_output

    spoken = list(words or ())
    if spoken[:1] == ["diff"] and len(spoken) == 3:
        typer.echo(_difference(Path(spoken[1]), Path(spoken[2])))
        return
    if spoken[:1] == ["explain"] and len(spoken) == 2 and spoken[1].endswith(".json"):
        from espressivo.emotion.plan import load_plan

        thought = load_plan(Path(spoken[1]))
    else:
        thought = _thought(" ".join(spoken), given, duration, seed, endpoint, model)
    if output is not None:
        with atomic_output(output) as temporary:
            save_plan(thought, temporary)
    typer.echo(thought.to_json() if as_json else explain(thought), nl=not as_json)


def _thought(
    text: str, given: dict[str, Any], duration: float | None, seed: int, endpoint: str | None, model: str | None
) -> EmotionPlan:
    from espressivo.emotion.intake import receive, think
    from espressivo.emotion.plan import EmotionPlan
    from espressivo.seeds import resolve_seed

    if text and given["emotion"] is not None:
        raise EmotionInputError("emotion.one_form", "give either words or --emotion, not both")
    asked: Asked = asked_emotion(**(given | ({"emotion": text} if text else {})))
    request = receive(asked.emotion, None, duration_s=duration or _default_duration_s(asked), intensity=asked.intensity)
    if (endpoint is None and model is None) or isinstance(request, EmotionPlan):
        return think(request, seed=resolve_seed(seed))
    from espressivo.emotion.llm_planner import plan_with_language_model

    return plan_with_language_model(request, _language_model(endpoint, model), seed=resolve_seed(seed))


def _language_model(endpoint: str | None, model: str | None) -> ChatModel:
    if model is None:
        raise SettingError("setting.language_model", "--endpoint needs --model, the model's name on that server")
    if endpoint is not None:
        from espressivo.emotion.llm_client import LanguageModel

        return LanguageModel.checked(endpoint=endpoint, model=model, api_key=os.environ.get(KEY_VARIABLE))
    if not Path(model).is_dir():
        raise SettingError(
            "setting.language_model", f"there is no folder {model!r} with a model; or give --endpoint with its name"
        )
    from espressivo.emotion.llm_local import LocalLanguageModel

    return LocalLanguageModel(Path(model))


def _difference(before: Path, after: Path) -> str:
    from espressivo.emotion.editing import describe_changes, diff_plans
    from espressivo.emotion.plan import load_plan

    return describe_changes(diff_plans(load_plan(before), load_plan(after)))


def _default_duration_s(asked: Asked) -> float:
    """Eight seconds, or two more than the last keyframe."""
    keyframes = getattr(asked.emotion, "keyframes", None)
    return 8.0 if keyframes is None else max(8.0, keyframes[-1].time_s + 2.0)
