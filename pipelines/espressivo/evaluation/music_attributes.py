"""Attributes asked for alone, by rank: does a plan's music have more of one where more is asked for, all else equal?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.evaluation.figures import Figure, bootstrap_interval, share_interval
from espressivo.evaluation.music_pieces import CENTRES, PIANO, SEED, Piece, Writer, Writers, plan_at
from espressivo.music.asked import RANK_TOLERANCE, attribute_rank
from espressivo.music.attributes import NoteTable, measure
from espressivo.music.conditions import CONDITION_NAMES
from espressivo.music.score import Score
from espressivo.seeds import numpy_generator

__all__ = ["FLOOR", "correlation", "measure_attribute_control", "mild_plans", "not_asked"]

Floats = NDArray[np.float64]
FLOOR = 0.7
ASKED: tuple[Writer, Writer] = ("search", "model")
"""The default way of asking, then the transformer's conditions."""


def correlation(asked: Sequence[float] | Floats, given: Sequence[float] | Floats) -> float:
    """Rank correlation (Spearman); 0 where one of them never changes: nothing was followed."""
    if np.ptp(asked) == 0.0 or np.ptp(given) == 0.0:
        return 0.0
    return float(spearmanr(asked, given).statistic)


def mild_plans(num: int, duration_s: float) -> list[Piece]:
    """Plans half as far out as the quadrants' targets, joyful, sad, angry, calm in turn, each with its seed."""
    centres = [CENTRES[quadrant] for quadrant in (1, 3, 2, 4)]
    pieces = []
    for index in range(num):
        valence, arousal = centres[index % len(centres)]
        pieces.append((plan_at(0.5 * valence, 0.5 * arousal, 0.0, duration_s, index), index))
    return pieces


def measure_attribute_control(
    writers: Writers, num_attributes: int, num_plans: int, num_ranks: int, duration_s: float
) -> list[Figure]:
    """Each attribute that the transformer knows, asked for alone by rank: of the rule composer's search and of the transformer.

    A plan and its seed stay the same while the rank asked for rises, so what is correlated is what asking changes. Beside them
    stand pieces of the same plans of which nothing is asked and whose seeds differ, and the search's pieces in random order.

    Args:
        writers: Who write.
        num_attributes: Attributes measured, spread over :data:`CONDITION_NAMES`; the others are reported as skipped.
        num_plans: Plans for each attribute.
        num_ranks: Ranks asked for in each plan.
        duration_s: Length of the pieces.
    """
    names = CONDITION_NAMES[:: len(CONDITION_NAMES) // num_attributes][:num_attributes]
    ranks = (np.arange(num_ranks) + 0.5) / num_ranks
    plans = mild_plans(num_plans, duration_s)
    given: dict[str, Floats] = {writer: _asked(writers, writer, names, plans, ranks) for writer in ASKED}
    given["no control"] = _by_chance(writers, names, plans, num_ranks)
    given["shuffled"] = numpy_generator(SEED, "shuffled").permuted(given["search"], axis=2)
    followed = {way: _followed(ranks, values) for way, values in given.items()}
    size = f"{num_ranks} ranks in each of {num_plans} plans of {duration_s:g} s"
    source = (
        "default composer: rules, by the search that --set starts (model: by its conditions); Spearman of rank asked and value "
        f"measured over {size}, the same seed; mean of the plans"
    )
    return [
        _median(followed, f"{source}; median of {len(names)} attributes, interval by drawing them anew"),
        _failing("control.attributes.failing", names, followed["search"], source),
        _failing("control.attributes.failing_model", names, followed["model"], f"the model, by its conditions, {size}"),
        _met(names, ranks, given),
        *(_attribute(name, names, followed, source) for name in CONDITION_NAMES),
    ]


def _asked(writers: Writers, writer: Writer, names: Sequence[str], plans: Sequence[Piece], ranks: Floats) -> Floats:
    """``(A, P, R)`` values of each attribute where it is asked for."""
    asks = [(name, piece, rank) for name in names for piece in plans for rank in ranks.tolist()]
    settings = [PIANO.model_copy(update={"attributes": {name: rank}}) for name, _, rank in asks]
    scores = writers.write([piece for _, piece, _ in asks], writer, settings)
    values = [_measured(score)[name] for score, (name, _, _) in zip(scores, asks, strict=True)]
    return np.array(values).reshape(len(names), len(plans), len(ranks))


def not_asked(plans: Sequence[Piece], num: int) -> list[Piece]:
    """Each plan ``num`` times with other seeds: what changes by chance where nothing is asked."""
    return [(plan, num * seed + turn) for plan, seed in plans for turn in range(num)]


def _by_chance(writers: Writers, names: Sequence[str], plans: Sequence[Piece], num_ranks: int) -> Floats:
    """``(A, P, R)`` values of each attribute in pieces of the rule composer of which nothing is asked."""
    rows = [_measured(score) for score in writers.write(not_asked(plans, num_ranks), "rules")]
    return np.array([[row[name] for row in rows] for name in names]).reshape(len(names), len(plans), num_ranks)


def _measured(score: Score) -> dict[str, float]:
    return measure(NoteTable.of_score(score))


def _followed(ranks: Floats, values: Floats) -> Floats:
    """``(A, P)`` correlations within each plan of ``(A, P, R)`` values."""
    return np.apply_along_axis(lambda given: correlation(ranks, given), 2, values)


def _median(followed: dict[str, Floats], source: str) -> Figure:
    by_way = {way: values.mean(axis=1) for way, values in followed.items()}
    own = by_way.pop("search")
    draws = numpy_generator(SEED, "median").choice(own, (2000, len(own)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5]).tolist()
    others = {way: float(np.median(values)) for way, values in by_way.items()}
    return Figure("control.attributes.median", float(np.median(own)), "", "higher", FLOOR, (low, high), others, source)


def _failing(figure: str, names: Sequence[str], followed: Floats, source: str) -> Figure:
    means = dict(zip(names, followed.mean(axis=1).tolist(), strict=True))
    failing = {name: value for name, value in sorted(means.items(), key=lambda item: item[1]) if value < FLOOR}
    note = f"below {FLOOR:g}: those named; the rest of {len(means)} reach it; {source}"
    return Figure(figure, float(len(failing)), "attributes", "lower", baselines=failing, source=note)


def _met(names: Sequence[str], ranks: Floats, given: dict[str, Floats]) -> Figure:
    """Shuffled targets are not drawn: every piece is compared with every rank."""
    achieved = {
        way: np.array([[attribute_rank(name, value) for value in rows.ravel()] for name, rows in zip(names, values, strict=True)])
        for way, values in given.items()
    }
    near = {way: np.abs(values.reshape(len(names), -1, len(ranks)) - ranks) <= RANK_TOLERANCE for way, values in achieved.items()}
    own = near["search"]
    chance = np.abs(achieved["search"][:, :, None] - ranks) <= RANK_TOLERANCE
    others = {way: float(near[way].mean()) for way in ("model", "no control")} | {"shuffled targets": float(chance.mean())}
    source = f"default composer: rules, by search; ranks within {RANK_TOLERANCE:g} of the one asked for, the same pieces"
    return Figure("control.sliders.met", float(own.mean()), "", "higher", None, share_interval(own), others, source)


def _attribute(name: str, names: Sequence[str], followed: dict[str, Floats], source: str) -> Figure:
    if name not in names:
        return Figure(f"control.{name}", None, "", "higher", source="skipped: a quick run asks for few attributes")
    by_way = {way: values[names.index(name)] for way, values in followed.items()}
    own = by_way.pop("search")
    interval = bootstrap_interval(own.tolist()) if own.size > 1 else None
    others = {way: float(values.mean()) for way, values in by_way.items()}
    return Figure(f"control.{name}", float(own.mean()), "", "higher", None, interval, others, source)
