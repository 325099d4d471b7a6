"""How far a batch run can be trusted, and what it costs beside the rendering itself."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from espressivo.evaluation.batch_costs import measure_costs, measure_rendering
from espressivo.evaluation.batch_soak import soak
from espressivo.evaluation.batch_trust import measure_engines, measure_poison, measure_resuming
from espressivo.evaluation.figures import Figure
from espressivo.evaluation.fuzzing import fuzz_readers
from espressivo.evaluation.watermark import measure_watermark

__all__ = ["evaluate"]

MEBIBYTE = 1024 * 1024
SOAK_JOBS = 300
SHOWN = 5


def evaluate(data: Path | None, *, quick: bool, soak_minutes: float | None = None) -> list[Figure]:
    """Measure overhead, throughput, memory, resuming, poison, engines, the invisible mark and the robustness of the readers.

    Args:
        data: Adds portraits and unmarked videos to those that the invisible mark is tried on; the jobs are made here.
        quick: Fewer jobs, kills and inputs.
        soak_minutes: Instead of all that, disturb a run for so long.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if soak_minutes is not None:
            return _soaked(folder, seconds=soak_minutes * 60)
        costs = measure_costs(folder, num_jobs=60 if quick else 2000, num_alone=2 if quick else 5)
        overhead_ms = next(figure.value for figure in costs if figure.name == "batch.overhead_per_job")
        return [
            *costs,
            *measure_rendering(folder, num_clips=2 if quick else 12, num_alone=1 if quick else 4, overhead_ms=overhead_ms or 0.0),
            *measure_resuming(folder, num_jobs=24 if quick else 200, num_kills=2 if quick else 50),
            measure_engines(folder, num_jobs=10 if quick else 40, with_ray=not quick),
            *measure_poison(folder, num_jobs=50 if quick else 200),
            *measure_watermark(data, folder, quick=quick),
            *_robustness(folder, seconds=6.0 if quick else 300.0),
        ]


def _soaked(folder: Path, *, seconds: float) -> list[Figure]:
    result = soak(folder, seconds=seconds, num_jobs=SOAK_JOBS)
    disturbed = ", ".join(f"{count} x {kind}" for kind, count in sorted(result.episodes.items()))
    source = f"{SOAK_JOBS} quick jobs, a tenth of them poison, two workers, {seconds:g} s of {disturbed}; all checked"

    def count(name: str, items: Sequence[str] | int) -> Figure:
        number, examples = (items, "") if isinstance(items, int) else (len(items), "; ".join(items[:SHOWN]))
        return Figure(f"batch.soak_{name}", float(number), "", "lower", 0.0, None, {}, f"{source}. {examples}".rstrip(". "))

    return [
        count("half_results", result.num_half_results),
        count("second_runners_let_in", result.num_intruders),
        count("jobs_that_ended_wrongly", result.wrong),
        count("results_that_differ", result.different),
        count("leftovers", result.leftovers),
    ]


def _robustness(folder: Path, *, seconds: float) -> list[Figure]:
    result = fuzz_readers(folder, seconds=seconds)
    kinds = ", ".join(f"{n} {kind}" for kind, n in result.per_kind.items())
    source = f"{result.num_inputs} damaged files in {seconds:g} s: {kinds}"
    return [
        Figure(
            "media.untyped_errors", float(result.num_untyped), "", "lower", 0.0, None, {}, f"{source}; a count, so no interval"
        ),
        Figure("media.slowest_input", result.slowest_s, "s", "lower", 1.0, None, {}, f"{source}; a maximum, so no interval"),
        Figure(
            "media.memory_growth", result.growth_bytes / MEBIBYTE, "MB", "lower", 500.0, None, {},
            f"{source}; peak of the process afterwards minus before; one run",
        ),
    ]  # fmt: skip
