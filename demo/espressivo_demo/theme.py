"""How the page looks: paper and ink, one warm accent; only fonts that are already on the visitor's machine."""

from __future__ import annotations

from typing import Final

import gradio as gr

__all__ = ["build_theme"]

SANS: Final = ["-apple-system", "BlinkMacSystemFont", "Segoe UI", "Inter", "Roboto", "Helvetica Neue", "sans-serif"]
MONO: Final = ["ui-monospace", "SF Mono", "Cascadia Mono", "Consolas", "monospace"]

VERMILION: Final = gr.themes.Color(
    name="vermilion", c50="#fdf3f0", c100="#fbe3dc", c200="#f6c4b6", c300="#ee9c86", c400="#e27355", c500="#cf5233",
    c600="#b33f23", c700="#90321d", c800="#6d271a", c900="#4d1e16", c950="#2d110c",
)  # fmt: skip
PAPER: Final = gr.themes.Color(
    name="paper", c50="#faf7f2", c100="#f3eee6", c200="#e6ded2", c300="#d3c8b8", c400="#a99c8a", c500="#7d7265",
    c600="#5d544a", c700="#443d36", c800="#2d2924", c900="#1e1b18", c950="#141210",
)  # fmt: skip


def build_theme() -> gr.themes.Base:
    """Light and dark theme of the demo."""
    return gr.themes.Base(
        primary_hue=VERMILION,
        secondary_hue=PAPER,
        neutral_hue=PAPER,
        font=SANS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_background_fill="*neutral_50",
        block_label_background_fill_dark="*neutral_900",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_400",
        block_shadow="none",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_950",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_500",
        button_primary_background_fill_dark="*primary_500",
        button_primary_text_color="white",
        button_secondary_background_fill="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
    )
