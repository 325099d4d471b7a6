"""A plan as the page shows it: cards, timeline, pad, and fields for a segment. Nothing here changes a plan."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import numpy as np

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.editing import BY_HAND
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import EmotionPlan, EmotionSegment, PlanStep
from espressivo.resources import load_config
from espressivo_demo.charts import affect_colour

__all__ = [
    "EMPTY",
    "mixture_text",
    "mixture_view",
    "muscles_view",
    "music_view",
    "pad_view",
    "side_levels",
    "thought_html",
    "timeline_view",
]

EMPTY: Final = '<div class="empty">Say what is felt and press <b>Think</b>: the thought appears here and can be changed.</div>'
CARD_TITLES: Final = {
    "tracking": "What is felt, when",
    "cause": "Why it turns",
    "appraisal": "How it feels inside",
    "muscles": "What the face does",
    "timing": "How it moves",
    "conflicts": "What does not go together",
    "music": "How it sounds",
    "check": "Looked at again",
}
FIRMNESS: Final = {
    "verified": "read in the source",
    "cross_checked": "found in several sources",
    "recalled": "recalled from the literature",
    "engineering": "our own choice",
}
REGION_TITLES: Final = {
    "brow": "Brows",
    "eye": "Eyes",
    "cheek": "Cheeks",
    "nose": "Nose",
    "mouth": "Mouth",
    "chin_jaw": "Chin and jaw",
    "head": "Head",
    "gaze": "Gaze",
}
MODES: Final = ("phrygian", "minor", "dorian", "mixolydian", "major", "lydian")
# name: label, lowest, highest, step - the ranges of MusicAttributes
MUSIC_FIELDS: Final[dict[str, tuple[str, float, float, float]]] = {
    "tempo_bpm": ("Tempo, beats a minute", 30, 220, 1),
    "density_nps": ("Notes a second", 0.25, 16, 0.25),
    "register_low": ("Lowest melody note (MIDI)", 21, 103, 1),
    "register_high": ("Highest melody note (MIDI)", 26, 108, 1),
    "velocity": ("Loudness (velocity)", 1, 127, 1),
    "articulation": ("Short to tied", 0.1, 1.2, 0.05),
    "dissonance": ("Dissonance", 0, 1, 0.05),
    "irregularity": ("Restlessness", 0, 1, 0.05),
}
NUM_CURVE_POINTS: Final = 121

View = dict[str, Any]


def thought_html(plan: EmotionPlan) -> str:
    """The chain of thought as cards, what was edited by hand first; everything in them is escaped."""
    by_hand = [step for step in reversed(plan.steps) if step.clue == BY_HAND]
    return "".join(_card(step) for step in [*by_hand, *(step for step in plan.steps if step.clue != BY_HAND)])


def _card(step: PlanStep) -> str:
    why = " · ".join(escape(part) for part in (step.clue, step.source) if part)
    firmness = FIRMNESS[step.provenance]
    hand = " hand" if step.clue == BY_HAND else ""
    return (
        f'<article class="thought{hand}"><header><span class="kind">{CARD_TITLES[step.kind]}</span>'
        f'<span class="mark" title="{firmness}">{step.provenance.replace("_", " ")}</span></header>'
        f'<p class="inference">{escape(step.inference)}</p><p class="why">{why}</p></article>'
    )


def timeline_view(plan: EmotionPlan, selected: int) -> View:
    """Segments and curves for :func:`widgets.timeline_widget`."""
    vad = EmotionCurve(plan).at(np.linspace(0, plan.duration_s, NUM_CURVE_POINTS)).vad
    return {
        "duration_s": plan.duration_s,
        "selected": selected,
        "names": _emotion_names(),
        "curves": {"valence": vad[:, 0].round(3).tolist(), "arousal": vad[:, 1].round(3).tolist()},
        "segments": [
            {
                "start_s": segment.start_s,
                "end_s": segment.end_s,
                "label": segment.label,
                "emotion": mixture_text(segment),
                "intensity": round(segment.intensity, 2),
                "colour": affect_colour(segment.vad.valence, segment.vad.arousal),
            }
            for segment in plan.segments
        ],
    }


def _emotion_names() -> list[str]:
    return sorted(node.name for node in Ontology.load())


def mixture_text(segment: EmotionSegment) -> str:
    """The mixture as it may be typed: ``joy:0.70+awe:0.30``."""
    if len(segment.distribution) == 1:
        return segment.label
    strongest = sorted(segment.distribution.items(), key=lambda item: -item[1])
    return "+".join(f"{name}:{weight:.2f}" for name, weight in strongest)


def pad_view(plan: EmotionPlan, selected: int) -> View:
    """Where each segment lies in valence and arousal."""
    points = [{"valence": segment.vad.valence, "arousal": segment.vad.arousal} for segment in plan.segments]
    return {"points": points, "selected": selected}


def mixture_view(plan: EmotionPlan, selected: int) -> View:
    """A slider for each emotion of a segment."""
    shares = plan.segments[selected].distribution
    rows = [
        {"id": name, "label": name, "cells": [_slider("share", "", 0, 1, 0.01, share)]}
        for name, share in sorted(shares.items(), key=lambda item: -item[1])
    ]
    others = [[name, name] for name in _emotion_names() if name not in shares]
    return {"groups": [{"title": "", "rows": rows}], "add": {"label": "Mix in another emotion", "options": others}}


def muscles_view(plan: EmotionPlan, selected: int) -> View:
    """Region by region, the highest level that each action unit reaches in a segment, left and right."""
    units = load_config("emotion/action_units.yaml")["action_units"]
    levels = side_levels(plan.segments[selected])
    groups = []
    for region, title in REGION_TITLES.items():
        mine = sorted(unit for unit in levels if units[unit]["region"] == region)
        if mine:
            groups.append({"title": title, "rows": [_muscle_row(unit, units[unit], levels[unit]) for unit in mine]})
    others = [[str(unit), f"AU{unit} {row['name']}"] for unit, row in units.items() if unit not in levels]
    return {"groups": groups, "add": {"label": "Add a movement", "options": others}}


def side_levels(segment: EmotionSegment) -> dict[int, tuple[float, float]]:
    """Action unit to the highest level on the left and on the right."""
    levels: dict[int, tuple[float, float]] = {}
    for action in segment.actions:
        left, right = levels.get(action.action_unit, (0.0, 0.0))
        left = max(left, action.level) if action.side in {"L", "both"} else left
        right = max(right, action.level) if action.side in {"R", "both"} else right
        levels[action.action_unit] = left, right
    return levels


def _muscle_row(unit: int, row: dict[str, str], level: tuple[float, float]) -> View:
    cells = [_slider(side, label, 0, 1, 0.01, value) for side, label, value in zip("LR", ("left", "right"), level, strict=True)]
    return {"id": str(unit), "label": f"AU{unit} {row['name']}", "hint": f"{row['muscle']} {row['does']}", "cells": cells}


def music_view(plan: EmotionPlan, selected: int) -> View:
    """The musical attributes of a segment."""
    music = plan.segments[selected].music
    mode = {"id": "value", "label": "", "options": list(MODES), "value": music.mode}
    rows: list[View] = [{"id": "mode", "label": "Mode, dark to bright", "cells": [mode]}]
    for name, (label, low, high, step) in MUSIC_FIELDS.items():
        rows.append({"id": name, "label": label, "cells": [_slider("value", "", low, high, step, getattr(music, name))]})
    return {"groups": [{"title": "", "rows": rows}], "add": None}


def _slider(name: str, label: str, low: float, high: float, step: float, value: float) -> View:
    return {"id": name, "label": label, "min": low, "max": high, "step": step, "value": round(float(value), 2)}
