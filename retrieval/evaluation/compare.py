"""Paired comparison of two settings over the same queries: the difference of a figure, its interval, and a test.

The test is Fisher's randomisation test: were the two settings alike, each query's difference could as well have had the
other sign (Smucker, Allan & Carterette, CIKM 2007, who recommend it for retrieval). The interval holds the differences
that this test would not refuse; its ends are order statistics of the mean differences of random subsets of the queries
(Hartigan, JASA 1969), so interval and test cannot contradict each other.

Queries of one group change sign together: captions of one picture succeed and fail alike, so it is pictures
that are drawn.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
SUBSETS = 9_999
_Z = 1.959964 + 0.841621  # normal quantiles of 97.5 % (two-sided 5 %) and of 80 % power
_EXACT = 13  # groups: all their subsets are fewer than SUBSETS
_ZERO = 1e-12  # sums of differences that cancel out
_PART = 4_000_000  # numbers that are held at once


class Verdict(StrEnum):
    """What the comparison shows, at a significance level of 5 %."""

    BETTER = "better"  # the second setting
    WORSE = "worse"
    NONE = "no difference shown"
    TOO_FEW = "too few queries"  # whatever they showed, it could not be told from chance


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a figure of the second setting differs from that of the first.

    `detectable` is the true difference that this many queries show with a probability of 80 %, by the scatter seen.
    """

    first: float
    second: float
    difference: float  # second - first
    interval: tuple[float, float]  # 95 %
    p: float  # two-sided
    detectable: float
    groups: int
    verdict: Verdict


def compare(
    first: Sequence[float] | NDArray[np.float64],
    second: Sequence[float] | NDArray[np.float64],
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> Comparison:
    """Compare the figures of two settings, those of the same query at the same place.

    Args:
        first: a figure in [0, 1] of each query (n,), n ≥ 1.
        second: the same of the other setting.
        groups: what each query belongs to, such as its right items; by default each stands for itself.
        seed: of the random subsets.
    """
    values = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    sums, counts = _grouped(values, groups)
    means = _subset_means(sums, counts, np.random.default_rng(seed))
    # The empty subset, no sign changed, is what was observed: one of the test's outcomes, too.
    positive = (1 + (means <= _ZERO).sum()) / (1 + len(means))
    negative = (1 + (means >= -_ZERO).sum()) / (1 + len(means))
    p = float(min(1.0, 2 * min(positive, negative)))
    difference = float(values.mean())
    return Comparison(
        float(np.mean(first)),
        float(np.mean(second)),
        difference,
        _interval(np.sort(means)),
        p,
        _detectable(sums, counts, difference),
        len(sums),
        _verdict(p, difference, len(sums)),
    )


def _grouped(
    values: NDArray[np.float64], groups: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and number of the values of each group."""
    places: dict[Hashable, int] = {}
    named = range(len(values)) if groups is None else groups
    group = np.array([places.setdefault(name, len(places)) for name in named], np.int64)
    sums, counts = np.bincount(group, weights=values), np.bincount(group).astype(np.float64)
    return np.asarray(sums, np.float64), counts


def _subset_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Mean differences of subsets of the groups, those whose sign changes: of all but the empty one, or random ones."""
    if len(sums) <= _EXACT:
        numbers = np.arange(1, 2 ** len(sums))
        return _means((numbers[:, None] >> np.arange(len(sums))) & 1, sums, counts)
    part = max(1, _PART // len(sums))
    found: list[NDArray[np.float64]] = []
    for start in range(0, SUBSETS, part):
        size = (min(part, SUBSETS - start), len(sums))
        found.append(_means(generator.integers(0, 2, size, dtype=np.int8), sums, counts))
    return np.concatenate(found)


def _means(
    chosen: NDArray[np.signedinteger], sums: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of subsets (n, groups) of 0 and 1; one that chance left empty (1 in 16,384 at most) counts as no difference."""
    members = chosen.astype(np.float64)
    means: NDArray[np.float64] = (members @ sums) / np.maximum(members @ counts, 1)
    return means


def _interval(ordered: NDArray[np.float64]) -> tuple[float, float]:
    outside = int((1 - LEVEL) / 2 * (len(ordered) + 1))
    if not outside:  # too few to exclude any difference
        return -1.0, 1.0
    return float(ordered[outside - 1]), float(ordered[-outside])


def _detectable(sums: NDArray[np.float64], counts: NDArray[np.float64], difference: float) -> float:
    """The normal approximation, by the scatter of the groups."""
    many = len(sums)
    if many < 2:
        return 1.0
    scatter = np.sqrt(((sums - difference * counts) ** 2).sum() * many / (many - 1))
    return float(min(1.0, _Z * scatter / counts.sum()))


def _verdict(p: float, difference: float, groups: int) -> Verdict:
    if 2.0 ** (1 - groups) > 1 - LEVEL:
        return Verdict.TOO_FEW
    if p > 1 - LEVEL:
        return Verdict.NONE
    return Verdict.BETTER if difference > 0 else Verdict.WORSE
