"""Pieces that several tabs are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from espressivo.errors import SettingError
from espressivo_demo.feeling import Bench, asked_of, shown_values
from espressivo_demo.running import kindly
from espressivo_demo.snippets import Recipe, as_command, as_python
from espressivo_demo.thinking import Thinker, given_plan, jpeg_uri

__all__ = ["CodeBox", "Limits", "Stoppable", "code_box", "frame_html", "seed_box", "seed_of"]


@dataclass(frozen=True)
class Limits:
    """What the server allows, and the page itself.

    Attributes:
        page: The page, for events of its loading.
        num_renders: Renders at the same time, all visitors together.
        num_previews: Previews at the same time.
        max_speech_s: Longest speech.
        max_batch_jobs: Most jobs in one batch run.
        job_timeout_s: Longest a job of a batch may take.
    """

    page: gr.Blocks
    num_renders: int
    num_previews: int
    max_speech_s: float
    max_batch_jobs: int
    job_timeout_s: float


@dataclass(frozen=True)
class CodeBox:
    """The same as a command and as Python."""

    command: gr.Code
    python: gr.Code

    @property
    def boxes(self) -> list[Any]:
        """Both components."""
        return [self.command, self.python]

    @property
    def skipped(self) -> list[Any]:
        """Values that leave both as they are."""
        return [gr.skip(), gr.skip()]

    def filled(self, recipe: Recipe | None) -> list[str | None]:
        """Values for both; nothing where there is no recipe."""
        return [None, None] if recipe is None else [as_command(recipe), as_python(recipe)]


def code_box() -> CodeBox:
    """An accordion with code to copy; it runs where the bundle was unpacked."""
    with gr.Accordion("The same as a command and in Python", open=False, elem_classes="code"):
        gr.Markdown("Unpack the bundle and run this in its folder: same seed, same bytes.", elem_classes="hint")
        options: dict[str, Any] = {"wrap_lines": True, "interactive": False, "buttons": ["copy"]}
        return CodeBox(
            gr.Code(language="shell", label="Command line", lines=2, max_lines=8, **options),
            gr.Code(language="python", label="Python", lines=4, max_lines=24, **options),
        )


class Stoppable:
    """Connects buttons that render to the one queue that they share, thinking first where the words have changed.

    Args:
        thinker: Makes plans.
        bench: Shows them.
        asked: Components that :func:`asked_of` takes.
        limits: What the server allows.
    """

    def __init__(self, thinker: Thinker, bench: Bench, asked: list[Any], limits: Limits) -> None:
        self._thinker = thinker
        self._bench = bench
        self._asked = asked
        self._limits = limits

    def __call__(
        self,
        start: gr.Button,
        stop: gr.Button,
        run: Callable[..., Any],
        inputs: list[Any],
        outputs: list[Any],
        shows: Any,  # noqa: ANN401 - any component
        *,
        thinks: bool = True,
    ) -> None:
        """Let ``start`` run a generator and ``stop`` end it.

        Args:
            start: Button.
            stop: Button, usable while it runs.
            run: Generator function of the inputs.
            inputs: Components.
            outputs: Components.
            shows: Component on which progress is shown.
            thinks: Whether a new plan is made first where the words ask for one.
        """
        shared = {"concurrency_id": "render", "concurrency_limit": self._limits.num_renders}
        private: dict[str, Any] = {"api_visibility": "private"}
        able, unable = (lambda: gr.Button(interactive=True)), (lambda: gr.Button(interactive=False))
        if thinks:
            bench = self._bench
            first = start.click(
                kindly(self._think_if_needed), [bench.plan, bench.planned, *self._asked], [bench.planned, *bench.shown],
                show_progress="hidden", **private,
            ).success(able, None, stop, show_progress="hidden", **private)  # fmt: skip
        else:
            first = start.click(able, None, stop, show_progress="hidden", **private)
        event = first.success(kindly(run), inputs, outputs, show_progress_on=shows, **shared, **private)
        event.then(unable, None, stop, show_progress="hidden", **private)
        stop.click(unable, None, stop, cancels=[event], show_progress="hidden", **private)

    def _think_if_needed(self, text: str, planned: str, *values: Any) -> list[Any]:  # noqa: ANN401 - values of components
        asked = asked_of(*values)
        if not self._thinker.needs_new_plan(asked, given_plan(text) if text else None, planned):
            return [gr.skip()] * (1 + len(self._bench.shown))
        return [asked.key, *shown_values(self._thinker.think(asked), 0)]


def seed_box(elem_id: str) -> gr.Textbox:
    """A seed that may be left out; Gradio's number field cannot be empty."""
    return gr.Textbox("", label="Seed (empty: drawn anew)", max_length=20, elem_id=elem_id, min_width=140)


def seed_of(text: str | None) -> int | None:
    """The seed that was written, ``None`` where none was.

    Raises:
        SettingError: ``setting.seed``.
    """
    written = (text or "").strip()
    if not written:
        return None
    if not written.isdecimal():
        raise SettingError("setting.seed", f"seed is {written!r}; write a whole number, 0 or more, or nothing")
    return int(written)


def frame_html(picture: NDArray[np.uint8], caption: str) -> str:
    """A picture with words below."""
    below = escape(caption)
    return f'<figure class="still"><img src="{jpeg_uri(picture)}" alt="{below}"><figcaption>{below}</figcaption></figure>'
