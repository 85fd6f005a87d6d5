"""How many candidates are reranked in a space, and what the reranker weighs: measured, and kept for its searches.

The depth comes from the first stage's own recall, the weight from both stages' scores on a sample of queries with known
answers (`evaluation.second_looks`). A greater depth costs time, so it has to be measurably better than the usual one; a
smaller one saves some, and is taken where it surely loses next to nothing. All is asked by vectors alone: the words of
a caption would find its picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import (
    USUAL_TOP,
    EmbeddingSpace,
    ItemId,
    Modality,
    Rerank,
    Term,
    TermKind,
    TunedRerank,
    UnitVectors,
)
from vasari.retrieval.evaluation.embeddings import Report
from vasari.retrieval.evaluation.metrics import interval
from vasari.retrieval.evaluation.second_looks import (
    MOST,
    Compared,
    WeightChoice,
    choose_depth,
    choose_weight,
    ndcg,
)
from vasari.retrieval.library.known_answers import KnownAnswers, some
from vasari.retrieval.models.registry.presets import rerank_weight
from vasari.retrieval.search.fairness import FairQuery
from vasari.retrieval.search.reranking import rerank
from vasari.retrieval.vectors.index import Ids, Scores

if TYPE_CHECKING:
    from vasari.retrieval.library.library import Library

MOST_ASKED = 120
"""Queries that are reranked. A weight that brings 0.03 of nDCG@10 is found with so many."""

_NOTHING = 0.01  # of nDCG@10


@dataclass(frozen=True, slots=True)
class RerankVerdict:
    """What was measured on `queries`, in nDCG@10.

    `chosen` is how to rerank from now on. `depth` candidates have 95 % of the right answers that the first `MOST` have;
    `gain` is the difference that this depth makes to the usual one, with its 95 % interval, by the chosen weight.
    """

    queries: int
    chosen: TunedRerank
    depth: int
    first_stage: float
    usual: float
    tuned: float
    weight: WeightChoice
    gain: tuple[float, float, float]

    @property
    def is_usual(self) -> bool:
        """Whether nothing else is better than what is usual."""
        return (self.chosen.top, self.chosen.weight) == (USUAL_TOP, rerank_weight(self.chosen.model))


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A query in words, its vector (dim,), its right items, and the group it is drawn with."""

    text: str
    vector: NDArray[np.float32]
    right: set[ItemId]
    group: tuple[str, int]


def measured(
    library: Library,
    space: EmbeddingSpace,
    known: KnownAnswers,
    report: Report = lambda _done: None,
) -> RerankVerdict:
    """Measure depth and weight, by the reranker of the library; ModelUnavailableError where there is none.

    `report` is told of the queries that were reranked, of `asked_of(known)`.
    """
    every = _questions(known)
    ids, cosines = _first_stage(library, space, known, every)
    depth = choose_depth(_ranks(ids, every))
    places = _sample(every)
    asked, compared = [every[place] for place in places], []
    for place, question in zip(places, asked, strict=True):
        deep = slice(0, max(depth, USUAL_TOP))
        compared.append(_compared(library, question, ids[place, deep], cosines[place, deep]))
        report(1)
    names = {group: number for number, group in enumerate(dict.fromkeys(one.group for one in asked))}
    groups = [names[one.group] for one in asked]
    name = library.reranker_name()
    usual = rerank_weight(name)
    weight = choose_weight(compared, usual, groups=groups)

    def each(top: int, share: float) -> NDArray[np.float64]:
        return np.array([ndcg(one, share, top) for one in compared])

    difference = each(depth, weight.weight) - each(USUAL_TOP, weight.weight)
    low, high = interval(difference, groups=groups)
    top = depth if low > (0 if depth > USUAL_TOP else -_NOTHING) else USUAL_TOP
    return RerankVerdict(
        len(asked),
        TunedRerank(top, weight.weight, name),
        depth,
        float(each(depth, 0.0).mean()),
        float(each(USUAL_TOP, usual).mean()),
        float(each(top, weight.weight).mean()),
        weight,
        (float(difference.mean()), low, high),
    )


def asked_of(known: KnownAnswers) -> int:
    """How many queries `measured` reranks."""
    return len(_sample(_questions(known)))


def keep(library: Library, space: EmbeddingSpace, verdict: RerankVerdict | None) -> TunedRerank | None:
    """Have searches in the space rerank so from now on, or (None) as usual; LibraryLockedError while a job writes."""
    tuned = None if verdict is None or verdict.is_usual else verdict.chosen
    with library.catalog.lease.acquire("vasari tune ranking"):
        library.catalog.spaces.set_reranking(space.name, tuned)
    return tuned


def _questions(known: KnownAnswers) -> list[_Question]:
    return [
        _Question(text, vector, {int(known.pictures[place]) for place in right}, (kind, group))
        for kind, asked in known.asked.items()
        for text, vector, right, group in zip(
            known.texts[kind], asked.vectors, asked.answers, asked.groups.tolist(), strict=True
        )
    ]


def _sample(questions: Sequence[_Question]) -> list[int]:
    """The places of as many of each kind, evenly from all of them."""
    kinds = np.array([question.group[0] for question in questions])
    names = dict.fromkeys(kinds.tolist())
    return [
        place
        for kind in names
        for place in some(np.flatnonzero(kinds == kind), MOST_ASKED // len(names)).tolist()
    ]


def _first_stage(
    library: Library, space: EmbeddingSpace, known: KnownAnswers, questions: Sequence[_Question]
) -> tuple[Ids, Scores]:
    """The first `MOST` of the known pictures (n, k) for each query, ranked as the space ranks, and their scores."""
    gallery = library.gallery(Modality.IMAGE, space)
    vectors = UnitVectors(np.stack([question.vector for question in questions]))
    asked = FairQuery.of(gallery, vectors)
    ids, scores, _ = asked.search(min(MOST, len(known.pictures)), known.pictures)
    return ids, scores


def _ranks(ids: Ids, questions: Sequence[_Question]) -> NDArray[np.int64]:
    """The 1-based rank (n,) of the first right answer of each query; one more than there are where it has none."""
    right = np.array([np.isin(row, list(one.right)) for row, one in zip(ids, questions, strict=True)])
    return np.where(right.any(axis=1), right.argmax(axis=1) + 1, MOST + 1).astype(np.int64)


def _compared(library: Library, question: _Question, ids: Ids, cosines: Scores) -> Compared:
    """A query's candidates with the reranker's probabilities; those whose pictures cannot be read are left out."""
    candidates = list(zip(ids.tolist(), cosines.tolist(), strict=True))
    term = Term(TermKind.TEXT, text=question.text)
    alone = Rerank(top=len(candidates), weight=1.0)
    found = rerank((term,), None, candidates, library.items(ids.tolist()), alone, library.rerank_stage())
    probabilities = dict(found.ranked)
    kept = np.array([item in found.scored for item, _ in candidates], np.bool_)
    return Compared(
        cosines[kept],
        np.array([probabilities[item] for item in ids[kept].tolist()], np.float32),
        np.isin(ids[kept], list(question.right)),
        len(question.right),
    )
