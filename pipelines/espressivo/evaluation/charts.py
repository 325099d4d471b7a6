"""A picture of figures beside their baselines and floors, as SVG without anything from outside."""

from __future__ import annotations

import html
from collections.abc import Sequence

from espressivo.evaluation.figures import Figure

__all__ = ["dot_plot"]

ROW_PX, NAME_PX, PLOT_PX, VALUE_PX = 22, 260, 360, 150
MARGIN = 0.08
OWN, OTHER, FLOOR, TEXT = "#3566c9", "#8a8f98", "#c2412d", "#6b7280"


def dot_plot(figures: Sequence[Figure]) -> str:
    """One row a figure, each on its own scale: our value with its interval, baselines hollow, the floor dashed."""
    shown = [figure for figure in figures if figure.value is not None]
    width, height = NAME_PX + PLOT_PX + VALUE_PX, ROW_PX * (len(shown) + 2)
    marks = [_legend()] + [_row(figure, ROW_PX * (index + 2)) for index, figure in enumerate(shown)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}" role="img" aria-label="figures and baselines">'
        f"{''.join(marks)}</svg>\n"
    )


def _legend() -> str:
    parts = [
        (0, f'<circle cx="{{x}}" cy="10" r="4.5" fill="{OWN}"/>', "ours, 95 % interval"),
        (130, f'<circle cx="{{x}}" cy="10" r="3.5" fill="none" stroke="{OTHER}" stroke-width="1.5"/>', "baseline"),
        (215, f'<path d="M{{x}} 3V17" stroke="{FLOOR}" stroke-width="1.5" stroke-dasharray="3 2"/>', "floor"),
    ]
    return "".join(
        shape.format(x=NAME_PX + left) + f'<text x="{NAME_PX + left + 9}" y="14">{name}</text>' for left, shape, name in parts
    )


def _row(figure: Figure, y: float) -> str:
    value = figure.value
    assert value is not None  # noqa: S101 - rows are made of measured figures only
    known = [value, *figure.baselines.values(), *(figure.interval or ()), *([] if figure.floor is None else [figure.floor])]
    low, high = min(known), max(known)
    span = (high - low) or abs(high) or 1.0
    low, span = low - MARGIN * span, span * (1.0 + 2.0 * MARGIN)

    def x(number: float) -> float:
        return float(NAME_PX + PLOT_PX * (number - low) / span)

    marks = [f'<path d="M{NAME_PX} {y}H{NAME_PX + PLOT_PX}" stroke="{OTHER}" stroke-opacity=".25"/>']
    if figure.floor is not None:
        marks.append(f'<path d="M{x(figure.floor):.1f} {y - 8}V{y + 8}" stroke="{FLOOR}" stroke-dasharray="3 2"/>')
    if figure.interval is not None:
        marks.append(f'<path d="M{x(figure.interval[0]):.1f} {y}H{x(figure.interval[1]):.1f}" stroke="{OWN}" stroke-width="3"/>')
    for name, number in figure.baselines.items():
        dot = f'<circle cx="{x(number):.1f}" cy="{y}" r="3.5" fill="none" stroke="{OTHER}" stroke-width="1.5">'
        marks.append(f"{dot}<title>{html.escape(name)} {number:.3g}</title></circle>")
    marks.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="4.5" fill="{OWN}"/>')
    label = html.escape(f"{value:.3g} {figure.unit}".strip())
    return (
        f'<text x="0" y="{y + 4}">{html.escape(figure.name)}</text>{"".join(marks)}'
        f'<text x="{NAME_PX + PLOT_PX + 12}" y="{y + 4}">{label}</text>'
    )
