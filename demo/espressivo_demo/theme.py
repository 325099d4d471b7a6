"""How the page looks: paper and ink, one warm accent; only fonts that are already on the visitor's machine."""

from __future__ import annotations

from typing import Final

import gradio as gr

__all__ = ["CSS", "build_theme"]

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
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
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


CSS: Final = """
.gradio-container {
  box-sizing: border-box; width: 100% !important; min-width: 0 !important; max-width: min(1320px, 100vw) !important;
  margin: 0 auto; padding: 0 clamp(2px, 1.4vw, 18px) 40px !important;
}
.gradio-container .main { padding: clamp(6px, 1.4vw, 18px) !important; max-width: 100% !important; box-sizing: border-box; }
.gradio-container .wrap, .gradio-container .contain, .gradio-container .row, .gradio-container .column { min-width: 0; }
.gradio-container .contain { max-width: 100%; }
#masthead { padding: 26px 0 6px; }
#masthead h1 {
  font-family: 'Iowan Old Style', 'Palatino Linotype', Palatino, Georgia, serif;
  font-size: clamp(32px, 5vw, 44px); font-weight: 500; font-style: italic; letter-spacing: -0.01em; margin: 0; line-height: 1.05;
}
#masthead p { margin: 8px 0 0; color: var(--body-text-color-subdued); font-size: 16px; max-width: 62ch; }
.thought { border-left: 3px solid var(--color-accent); padding: 2px 0 8px 14px; margin: 0 0 8px; }
.thought .kind {
  font-size: 12px; letter-spacing: .08em; text-transform: uppercase; color: var(--color-accent); font-weight: 600;
}
.thought .inference { font-size: 15px; margin: 3px 0; }
.thought .why { font-size: 13px; color: var(--body-text-color-subdued); }
.thought .mark {
  font-size: 11px; padding: 1px 7px; border: 1px solid var(--border-color-primary); border-radius: 20px; margin-left: 6px;
}
.empty { padding: 34px 18px; text-align: center; color: var(--body-text-color-subdued); }
button:focus-visible, input:focus-visible, textarea:focus-visible, [tabindex]:focus-visible {
  outline: 2px solid var(--color-accent); outline-offset: 2px;
}
footer { opacity: .7; }
"""
