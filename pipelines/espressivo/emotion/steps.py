"""The record of the chain of thought, filled in while a plan is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from espressivo.emotion.plan import PlanStep, Provenance, StepKind

__all__ = ["StepRecorder"]

KINDS: tuple[StepKind, ...] = get_args(StepKind)
MAX_TEXT = 1000


def _fit(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1].rstrip() + "…"


class StepRecorder:
    """Collects steps; ids are ``kind-number`` and the order is that of the chain, whatever the order of thinking."""

    def __init__(self) -> None:
        self._steps: dict[StepKind, list[PlanStep]] = {kind: [] for kind in KINDS}

    def add(
        self,
        kind: StepKind,
        observation: str,
        inference: str,
        *,
        clue: str = "",
        source: str = "engineering choice",
        provenance: Provenance = "engineering",
        sets: Iterable[str] = (),
    ) -> str:
        """Record a thought and return its id."""
        steps = self._steps[kind]
        identifier = f"{kind}-{len(steps) + 1}"
        steps.append(
            PlanStep(
                id=identifier,
                kind=kind,
                observation=_fit(observation),
                inference=_fit(inference),
                clue=_fit(clue),
                source=_fit(source),
                provenance=provenance,
                sets=tuple(sets),
            )
        )
        return identifier

    def finished(self) -> tuple[PlanStep, ...]:
        """All steps, tracking first, check last."""
        return tuple(step for kind in KINDS for step in self._steps[kind])
