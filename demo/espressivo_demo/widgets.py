"""The page's own controls: a segment timeline, a valence-arousal pad and rows of fields, each a script in ``assets``.

Values are plain JSON and are drawn with ``textContent`` only, so that nothing a visitor typed can become markup. What the visitor
does arrives as the event ``edit`` with its details (see :class:`Edit`).
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import gradio as gr

__all__ = ["asset", "fields_widget", "gallery_widget", "pad_widget", "timeline_widget"]

PACKAGE: Final = "espressivo_demo"


def asset(name: str) -> str:
    """Text of a file in ``assets``."""
    return (files(PACKAGE) / "assets" / name).read_text(encoding="utf-8")


def timeline_widget(value: dict[str, Any] | None, **options: Any) -> gr.HTML:  # noqa: ANN401 - options of gr.HTML
    """Segments that can be selected, moved, split and renamed; value from :func:`views.timeline_view`."""
    return _widget("timeline", "timeline.js", value, options)


def pad_widget(value: dict[str, Any] | None, **options: Any) -> gr.HTML:  # noqa: ANN401 - as above
    """Valence and arousal of a segment; value from :func:`views.pad_view`."""
    return _widget("pad", "pad.js", value, options)


def fields_widget(value: dict[str, Any] | None, **options: Any) -> gr.HTML:  # noqa: ANN401 - as above
    """Groups of sliders and choices; value from the other functions of :mod:`views`."""
    return _widget("rows", "fields.js", value, options)


def gallery_widget(value: list[dict[str, str]], **options: Any) -> gr.HTML:  # noqa: ANN401 - as above
    """Pictures to choose from, each with ``label`` and ``src``."""
    return _widget("gallery", "gallery.js", value, options)


def _widget(css_class: str, script: str, value: object, options: dict[str, Any]) -> gr.HTML:
    template = f'<div class="{css_class}"></div>'
    return gr.HTML(value, html_template=template, js_on_load=asset(script), apply_default_css=False, **options)
