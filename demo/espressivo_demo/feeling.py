"""What is felt: the words at the top of the page, and the bench on which the thought is looked at and changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from espressivo.emotion.personality import persona, persona_names
from espressivo.emotion.plan import EmotionPlan, Side, load_plan
from espressivo.emotion.request import Personality
from espressivo.errors import PlanError
from espressivo_demo import editing, views
from espressivo_demo.running import kindly
from espressivo_demo.thinking import Asked, Thinker, given_plan, personality_of
from espressivo_demo.widgets import fields_widget, pad_widget, timeline_widget

__all__ = ["Bench", "Words", "asked_of", "build_bench", "build_words", "event_number", "shown_values", "wire_feeling"]

STARTERS: Final = [
    "joy turning to awe",
    "I can't believe we won!",
    "calm -> panic -> relief",
    "joy:0.7+surprise:0.3",
    "quiet sadness",
]
AVERAGE: Final = "an average person"
# Save what the visitor has, without a file on the server.
SAVE_PLAN_JS: Final = """(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "plan.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


@dataclass(frozen=True)
class Words:
    """The row at the top."""

    words: gr.Textbox
    intensity: gr.Slider
    think: gr.Button


@dataclass(frozen=True)
class Bench:
    """The thought and its tools; ``plan`` holds it as JSON, ``planned`` what it was made from."""

    plan: gr.Textbox
    planned: gr.State
    selected: gr.State
    timeline: gr.HTML
    thought: gr.HTML
    pad: gr.HTML
    mixture: gr.HTML
    muscles: gr.HTML
    music: gr.HTML
    traits: list[gr.Slider]

    @property
    def shown(self) -> list[Any]:
        """Everything that shows the plan, in the order of :func:`shown_values`."""
        return [
            self.plan, self.selected, self.timeline, self.thought, self.pad, self.mixture, self.muscles, self.music,
        ]  # fmt: skip


def build_words() -> Words:
    """The words, how strongly, and the button."""
    with gr.Row(elem_id="asking", equal_height=True):
        words = gr.Textbox(
            value=STARTERS[0], label="What is felt", placeholder="a word, a mixture, an arc, a sentence", lines=1, max_lines=4,
            max_length=2000, elem_id="words", scale=6, min_width=260, autofocus=False,
        )  # fmt: skip
        intensity = gr.Slider(0, 1, value=0.75, step=0.05, label="How strongly", elem_id="intensity", scale=2, min_width=150)
        think = gr.Button("Think", elem_id="think", scale=1, min_width=90)
    starters = gr.Dataset(
        components=[gr.Textbox(render=False)], samples=[[starter] for starter in STARTERS], type="values", label="Try",
        show_label=False, elem_id="starters", container=False,
    )  # fmt: skip
    starters.click(lambda sample: sample[0], starters, words, api_visibility="private")
    return Words(words, intensity, think)


def build_bench(plan: EmotionPlan, planned: str) -> Bench:
    """The thought, ready to be changed.

    Args:
        plan: What is shown first.
        planned: :attr:`Asked.key` of what it was made from.
    """
    gr.HTML("<h2>The thought behind it</h2>", elem_classes="heading")
    timeline = timeline_widget(views.timeline_view(plan, 0), elem_id="timeline", label="Timeline")
    with gr.Tabs(elem_id="bench"):
        with gr.Tab("Thought"):
            thought = gr.HTML(views.thought_html(plan), elem_id="thought", max_height=560)
        with gr.Tab("Face"):
            muscles = fields_widget(views.muscles_view(plan, 0), elem_id="muscles", label="Muscles")
        with gr.Tab("Music"):
            music = fields_widget(views.music_view(plan, 0), elem_id="attributes", label="Music")
        with gr.Tab("Mixture"):
            pad = pad_widget(views.pad_view(plan, 0), elem_id="pad", label="Valence and arousal")
            mixture = fields_widget(views.mixture_view(plan, 0), elem_id="mixture", label="Mixture")
        with gr.Tab("Person"):
            who = gr.Dropdown([AVERAGE, *persona_names()], value=AVERAGE, label="Whose feeling it is", elem_id="persona")
            traits = [gr.Slider(-1, 1, value=0, step=0.1, label=name.capitalize()) for name in Personality.model_fields]
            gr.Markdown("Used at the next *Think* and by every edit.", elem_classes="hint")
    who.input(_traits_of, who, traits, api_visibility="private")
    with gr.Row(elem_classes="quiet-row"):
        save = gr.Button("Save the plan", size="sm", elem_id="save-plan")
        upload = gr.UploadButton("Open a plan", size="sm", file_types=[".json"], elem_id="open-plan")
    text = gr.Textbox(plan.to_json(), visible="hidden", elem_id="plan-text", label="Plan as JSON")
    bench = Bench(
        text, gr.State(planned), gr.State(0), timeline, thought, pad, mixture, muscles, music, traits,
    )  # fmt: skip
    save.click(None, text, js=SAVE_PLAN_JS, api_visibility="private")
    upload.upload(kindly(lambda path: shown_values(load_plan(Path(path)), 0)), upload, bench.shown, api_visibility="private")
    return bench


def wire_feeling(
    thinker: Thinker, words: Words, bench: Bench, length: gr.Slider, speech: gr.Audio, transcript: gr.Textbox
) -> list[Any]:
    """Connect words and bench; returns the inputs that :func:`asked_of` takes."""
    asked = [words.words, words.intensity, length, speech, transcript, *bench.traits]

    def think(*values: Any) -> tuple[Any, ...]:  # noqa: ANN401 - values of components
        wanted = asked_of(*values)
        return (wanted.key, *shown_values(thinker.think(wanted), 0))

    gr.on([words.think.click, words.words.submit], kindly(think), asked, [bench.planned, *bench.shown], api_visibility="private")
    _wire_edit(bench, bench.timeline, _edit_timeline)
    _wire_edit(bench, bench.pad, _edit_point)
    _wire_edit(bench, bench.mixture, _edit_mixture)
    _wire_edit(bench, bench.muscles, _edit_muscle)
    _wire_edit(bench, bench.music, _edit_music)
    return asked


def asked_of(words: str, intensity: float, length_s: float, speech: str | None, transcript: str | None, *traits: float) -> Asked:
    """What the page asks for at this moment."""
    said = (transcript or "").strip() or None
    return Asked(words, intensity, length_s, Path(speech) if speech else None, said if speech else None, personality_of(traits))


Edit = Callable[[EmotionPlan, int, Personality, gr.EventData], tuple[EmotionPlan, int]]


def _wire_edit(bench: Bench, widget: gr.HTML, edit: Edit) -> None:
    def act(event: gr.EventData, text: str, selected: int, *traits: float) -> tuple[Any, ...]:
        return shown_values(*edit(given_plan(text), selected, personality_of(traits), event))

    inputs = [bench.plan, bench.selected, *bench.traits]
    widget.edit(kindly(act), inputs, bench.shown, api_visibility="private", show_progress="hidden")


def shown_values(plan: EmotionPlan, selected: int) -> tuple[Any, ...]:
    """The plan for every place of :attr:`Bench.shown`."""
    return (
        plan.to_json(),
        selected,
        views.timeline_view(plan, selected),
        views.thought_html(plan),
        views.pad_view(plan, selected),
        views.mixture_view(plan, selected),
        views.muscles_view(plan, selected),
        views.music_view(plan, selected),
    )


def _edit_timeline(plan: EmotionPlan, selected: int, person: Personality, event: gr.EventData) -> tuple[EmotionPlan, int]:
    what, index = _detail(event, "what"), int(event_number(event, "index"))
    if what == "select":
        return plan, min(max(index, 0), len(plan.segments) - 1)
    if what == "border":
        return editing.move_border(plan, index, event_number(event, "value"), person), selected
    if what == "emotion":
        return editing.rename_segment(plan, index, str(_detail(event, "value")), person), selected
    if what == "intensity":
        return editing.set_intensity(plan, index, event_number(event, "value"), person), selected
    if what == "split":
        return editing.split_segment(plan, index, person), selected
    if what == "remove":
        return editing.remove_segment(plan, index, person), max(0, index - 1)
    raise PlanError("plan.edit", f"a timeline knows no edit {str(what)[:40]!r}")


def _edit_point(plan: EmotionPlan, selected: int, person: Personality, event: gr.EventData) -> tuple[EmotionPlan, int]:
    return editing.set_point(plan, selected, event_number(event, "valence"), event_number(event, "arousal"), person), selected


def _edit_mixture(plan: EmotionPlan, selected: int, person: Personality, event: gr.EventData) -> tuple[EmotionPlan, int]:
    share = None if _detail(event, "cell") == "add" else event_number(event, "value")
    return editing.set_mixture(plan, selected, str(_detail(event, "row")), share, person), selected


def _edit_muscle(plan: EmotionPlan, selected: int, _person: Personality, event: gr.EventData) -> tuple[EmotionPlan, int]:
    unit, cell = int(event_number(event, "row")), _detail(event, "cell")
    if cell == "add":
        return editing.set_muscle(plan, selected, unit, "both", editing.NEW_LEVEL), selected
    side: Side = "L" if cell == "L" else "R"
    return editing.set_muscle(plan, selected, unit, side, event_number(event, "value")), selected


def _edit_music(plan: EmotionPlan, selected: int, _person: Personality, event: gr.EventData) -> tuple[EmotionPlan, int]:
    return editing.set_music(plan, selected, str(_detail(event, "row")), _detail(event, "value")), selected


def _detail(event: gr.EventData, name: str) -> object:
    """A detail of an event, which came from a browser and may be anything."""
    details = event._data
    if not isinstance(details, dict) or name not in details:
        raise PlanError("plan.edit", f"the edit says no {name}")
    return details[name]


def event_number(event: gr.EventData, name: str) -> float:
    """A number that an event says.

    Raises:
        PlanError: ``plan.edit`` where it says none.
    """
    value = _detail(event, name)
    try:
        return float(value)  # type: ignore[arg-type]  # whatever is no number is refused below
    except (TypeError, ValueError) as error:
        raise PlanError("plan.edit", f"{name} is {str(value)[:40]!r}, which is no number") from error


def _traits_of(name: str) -> list[float]:
    found = Personality() if name == AVERAGE else persona(name)
    return list(found.model_dump().values())
