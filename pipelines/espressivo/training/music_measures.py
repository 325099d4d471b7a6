"""What the bars of the prepared corpus are like: the conditions around each pair of bars, as places in a table of quantiles.

python -m espressivo.training.music_measures --work WORK [--workers N]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from espressivo.music.conditions import CONDITION_NAMES, NUM_BUCKETS, Quantiles, condition_values
from espressivo.music.tokens import BAR, decode
from espressivo.training.music_batches import OCTAVE_SHARES, PITCHED, UNKNOWN

__all__ = ["main", "song_values"]

SHARED_BARS = 2
"""Bars that share one measurement: they and their neighbours are its window."""
Floats = NDArray[np.float64]


def song_values(words: list[int]) -> Floats:
    """Values around every bar of a song, ``(N, A)``; NaN where there are too few notes."""
    bars = decode(words)
    values = np.full((len(bars), len(CONDITION_NAMES)), np.nan)
    for first in range(0, len(bars), SHARED_BARS):
        measured = condition_values(bars, first)
        if measured is not None:
            values[first : first + SHARED_BARS] = measured
    return values


def _songs(columns: dict[str, NDArray[np.generic]]) -> list[list[int]]:
    words = columns["words"].astype(np.int64)
    song_of_word = columns["song_of"].astype(np.int64)[np.cumsum(words == BAR) - 1]
    borders = np.flatnonzero(np.diff(song_of_word)) + 1
    return [part.tolist() for part in np.split(words, borders)]


def _in_octaves(values: Floats) -> Floats:
    """Values as training meets them: with a share of the music an octave lower or higher."""
    pitched = np.isin(CONDITION_NAMES, PITCHED)
    return np.concatenate([values[:: round(1.0 / share)] + shift * pitched for shift, share in OCTAVE_SHARES.items()])


def main(arguments: Sequence[str] | None = None) -> None:
    """Add ``levels`` to both splits and write ``corpus.json``."""
    parser = argparse.ArgumentParser(
        prog="python -m espressivo.training.music_measures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, required=True, help="folder written by music_corpus")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args(arguments)
    splits = {name: load_file(options.work / f"{name}.safetensors") for name in ("train", "held_out")}
    values: dict[str, Floats] = {}
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
        for name, columns in splits.items():
            values[name] = np.concatenate(list(pool.map(song_values, _songs(columns), chunksize=4)))
    known = values["train"][~np.isnan(values["train"]).any(axis=1)]
    table = np.quantile(known, (np.arange(UNKNOWN) + 0.5) / UNKNOWN, axis=0).T
    for name, columns in splits.items():
        places = np.stack([np.searchsorted(row[1:], column) for row, column in zip(table, values[name].T, strict=True)], axis=1)
        places[np.isnan(values[name]).any(axis=1)] = UNKNOWN
        save_file({**columns, "levels": places.astype(np.uint8)}, options.work / f"{name}.safetensors")
    facts = {
        "attributes": list(CONDITION_NAMES),
        "num_buckets": NUM_BUCKETS,
        "borders": Quantiles.of(CONDITION_NAMES, _in_octaves(known)).borders.tolist(),
        "table": table.tolist(),
    }
    (options.work / "corpus.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
