"""Does fair ranking help here? Measured on queries with known answers, in five folds, by paired bootstrap intervals.

The figure is nDCG@10. Of the candidates by which no kind of query loses, that with the greatest mean gain is taken:
what helps whole sentences may well harm single words. For each fold it is chosen on the other four, and judged on this
one, so that what is said to help was not chosen on what it is judged by; where the bank is made of captions, those of a
fold's pictures are not in the bank that ranks its queries. Differences are taken query by query; queries about one
picture are drawn together (`metrics.interval`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import FairMethod, UnitVectors
from vasari.retrieval.evaluation.metrics import interval, ndcg, precision, rank_queries
from vasari.retrieval.search.fairness import hub_skewness, normalized, shifted
from vasari.retrieval.vectors.hubs import hubness
from vasari.retrieval.vectors.index import Scores

FOLDS = 5
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to rank fairly: λ of DN, or α of NNN and the share of pictures that count as hubs."""

    method: FairMethod
    weight: float
    hubs: float = 0.0

    def __str__(self) -> str:
        if self.method is FairMethod.DN:
            return f"dn, weight {self.weight:g}"
        return f"nnn, weight {self.weight:g}, of {self.hubs:.0%} of the pictures"


CANDIDATES = (
    *(Candidate(FairMethod.DN, weight) for weight in (0.25, 0.5)),
    *(
        Candidate(FairMethod.NNN, weight, hubs)
        for hubs in (0.1, 0.2, 0.5)
        for weight in (0.25, 0.5, 0.75, 1.0)
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Queries of one kind: vectors (n, dim), the right pictures of each by place, folds (n,) and groups (n,)."""

    vectors: UnitVectors
    answers: Sequence[Sequence[int]]
    folds: Numbers
    groups: Numbers


@dataclass(frozen=True, slots=True)
class Effect:
    """What fair ranking does to queries of one kind: figures as it is and with it, and the difference of nDCG@10.

    `difference` is the mean over held-out folds, `low` … `high` its 95 % interval.
    """

    queries: int
    before: Mapping[str, float]  # nDCG@10, R@1, P@10
    after: Mapping[str, float]
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured. `chosen` is the best candidate on all folds, None where none is better than ranking by cosine.

    `gate` is the hub number from which on a picture is a hub for it; `skewness` is that of k-occurrence, as it is and
    with `chosen`.
    """

    pictures: int
    effects: Mapping[str, Effect]
    chosen: Candidate | None
    gate: float
    skewness: tuple[float, float]

    @property
    def helps(self) -> bool:
        """Whether some kind of query gains measurably, and none loses measurably."""
        if self.chosen is None:
            return False
        gains = any(effect.low > 0 for effect in self.effects.values())
        return gains and not any(effect.high < 0 for effect in self.effects.values())


def measure(
    pictures: UnitVectors,
    asked: Mapping[str, Asked],
    bank: UnitVectors,
    bank_folds: Numbers | None = None,
    report: Callable[[int], None] = lambda _done: None,
) -> Verdict:
    """Measure all candidates on queries by kind.

    Args:
        pictures: (n, dim).
        asked: queries by kind, at least one of each.
        bank: (m, dim).
        bank_folds: (m,) the fold of the picture that each text of the bank is about; None: they are about none.
        report: called with the queries done since, `FOLDS` times a kind.
    """
    folds = [_Fold.of(pictures, bank, bank_folds, fold) for fold in range(FOLDS)]
    tables = {kind: _table(pictures, one, folds, report) for kind, one in asked.items()}
    best = _best([_gains(table) for table in tables.values()])
    chosen = CANDIDATES[best - 1] if best else None
    picks = [_pick(tables, asked, fold) for fold in range(FOLDS)]
    effects = {kind: _effect(tables[kind], asked[kind], best, picks) for kind in asked}
    whole = _Fold.of(pictures, bank, None, 0)
    scores = np.concatenate([one.vectors for one in asked.values()]) @ pictures.T
    after = scores if chosen is None else whole.ranked(chosen, scores, pictures, asked)
    gate = whole.gate(chosen) if chosen is not None else -1.0
    return Verdict(len(pictures), effects, chosen, gate, (hub_skewness(scores), hub_skewness(after)))


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """What the queries of one fold are ranked by: a bank without the captions of its pictures."""

    bank: UnitVectors
    hubs: Scores  # (pictures,)

    @classmethod
    def of(cls, pictures: UnitVectors, bank: UnitVectors, bank_folds: Numbers | None, fold: int) -> _Fold:
        kept = bank if bank_folds is None else UnitVectors(bank[bank_folds != fold])
        return cls(kept, hubness(pictures, kept))

    def gate(self, candidate: Candidate) -> float:
        """The hub number from which on a picture is a hub."""
        return float(np.quantile(self.hubs, 1 - candidate.hubs))

    def scores(
        self, candidate: Candidate, queries: UnitVectors, cosines: Scores, pictures: UnitVectors
    ) -> Scores:
        """Scores (queries, pictures) by a candidate."""
        if candidate.method is FairMethod.DN:
            return np.asarray(shifted(queries, self.bank, candidate.weight) @ pictures.T, np.float32)
        return normalized(cosines, np.maximum(self.hubs - self.gate(candidate), 0), candidate.weight)

    def ranked(
        self, candidate: Candidate, cosines: Scores, pictures: UnitVectors, asked: Mapping[str, Asked]
    ) -> Scores:
        """The same of all queries."""
        queries = UnitVectors(np.concatenate([one.vectors for one in asked.values()]))
        return self.scores(candidate, queries, cosines, pictures)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Figures (1 + candidates, queries): the first row is ranking by cosine."""

    ndcg: NDArray[np.float64]
    first: NDArray[np.float64]  # 1 where a right picture comes first
    precision: NDArray[np.float64]


def _table(
    pictures: UnitVectors, asked: Asked, folds: Sequence[_Fold], report: Callable[[int], None]
) -> _Table:
    table = _Table(*(np.zeros((1 + len(CANDIDATES), len(asked.answers))) for _ in range(3)))
    for fold, ranker in enumerate(folds):
        places = np.flatnonzero(asked.folds == fold)
        if len(places):
            answers = [asked.answers[place] for place in places.tolist()]
            for row, scores in enumerate(_all_scores(ranker, UnitVectors(asked.vectors[places]), pictures)):
                ranking = rank_queries(scores, answers)
                table.ndcg[row, places] = ndcg(ranking)
                table.first[row, places] = ranking.ranks == 1
                table.precision[row, places] = precision(ranking)
        report(len(places))
    return table


def _all_scores(fold: _Fold, queries: UnitVectors, pictures: UnitVectors) -> Iterator[Scores]:
    cosines = queries @ pictures.T
    yield cosines
    for candidate in CANDIDATES:
        yield fold.scores(candidate, queries, cosines, pictures)


def _gains(table: _Table, among: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """The mean difference (candidates,) of nDCG@10 to ranking by cosine."""
    values = table.ndcg if among is None else table.ndcg[:, among]
    gains: NDArray[np.float64] = (values[1:] - values[0]).mean(axis=1)
    return gains


def _pick(tables: Mapping[str, _Table], asked: Mapping[str, Asked], fold: int) -> int:
    """The row of the best candidate on all folds but one; 0 where ranking by cosine is."""
    others = {kind: one.folds != fold for kind, one in asked.items()}
    return _best([_gains(tables[kind], among) for kind, among in others.items() if among.any()])


def _best(gains: Sequence[NDArray[np.float64]]) -> int:
    """The row of the candidate with the greatest mean of the gains (candidates,) by kind, if no kind loses by it."""
    if not gains:
        return 0
    usable = np.where(np.min(gains, axis=0) >= 0, np.mean(gains, axis=0), 0.0)
    best = int(np.argmax(usable))
    return best + 1 if usable[best] > 0 else 0


def _effect(table: _Table, asked: Asked, best: int, picks: Sequence[int]) -> Effect:
    queries = np.arange(len(asked.answers))
    held_out = table.ndcg[np.array(picks)[asked.folds], queries] - table.ndcg[0]
    low, high = interval(held_out, groups=asked.groups.tolist())
    return Effect(len(queries), _figures(table, 0), _figures(table, best), float(held_out.mean()), low, high)


def _figures(table: _Table, row: int) -> dict[str, float]:
    values = {"nDCG@10": table.ndcg, "R@1": table.first, "P@10": table.precision}
    return {name: float(value[row].mean()) for name, value in values.items()}
