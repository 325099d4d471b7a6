"""A small fixed subset of all topics that tells within two minutes whether something got worse; needs no data.

espressivo evaluate regression                              # exit status 1 when a figure is worse than its noise explains
python -m espressivo.evaluation.regression --seeds 8        # measures value and noise anew and prints the rows of the table
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import yaml

from espressivo.evaluation.figures import Figure
from espressivo.evaluation.regression_subset import measured
from espressivo.resources import load_config

__all__ = ["Expected", "evaluate", "expectations", "main"]

TABLE: Final = "evaluation/regression.yaml"
SEED: Final = 1
# Of a normally distributed figure one run in 740 lies further from the mean on the worse side.
NUM_DEVIATIONS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Expected:
    """A row of the table.

    Attributes:
        value: Mean over the seeds.
        deviation: Standard deviation of one seed.
        resolution: The smallest change that counts, where seeds differ less than that.
        better: Which direction is good.
        unit: Of the value.
        source: What is measured.
    """

    value: float
    deviation: float
    resolution: float
    better: Literal["higher", "lower"]
    unit: str
    source: str

    @property
    def floor(self) -> float:
        """What a run must reach not to be worse than noise explains."""
        noise = max(NUM_DEVIATIONS * self.deviation, self.resolution)
        return self.value - noise if self.better == "higher" else self.value + noise


def expectations() -> dict[str, Expected]:
    """The rows of ``configs/evaluation/regression.yaml`` by name."""
    return {name: Expected(**row) for name, row in load_config(TABLE)["figures"].items()}


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """One seed of the subset, each figure with the floor that its noise allows.

    Args:
        data: Not needed.
        quick: Already quick.
    """
    del data, quick
    table, found = expectations(), measured(SEED)
    if table.keys() != found.keys():
        message = f"{TABLE} and the subset differ: {sorted(table.keys() ^ found.keys())}"
        raise RuntimeError(message)
    return [
        Figure(name, found[name], row.unit, row.better, row.floor, None, {"usual": row.value}, row.source)
        for name, row in table.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: the rows of the table with value and deviation measured anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8, help="how many, from 1")
    runs = [measured(seed) for seed in range(1, parser.parse_args(arguments).seeds + 1)]
    rows: dict[str, dict[str, Any]] = load_config(TABLE)["figures"]
    for name, row in rows.items():
        values = [run[name] for run in runs]
        row |= {"value": round(float(np.mean(values)), 4), "deviation": round(float(np.std(values, ddof=1)), 4)}
    sys.stdout.write(yaml.safe_dump({"figures": rows}, sort_keys=False, width=120))


if __name__ == "__main__":
    main()
