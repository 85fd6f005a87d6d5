"""Relevance feedback: does a search find more of what somebody means after thumbs on its first answer?

    vasari scenes render --count 400 --seed 7 ./scenes && vasari index ./scenes --model scenes -L ./library
    python -m benchmarks.feedback ./scenes -L ./library

Two kinds of wishes, drawn from the typed queries of a drawn collection. *Beyond the words*: somebody types one query
("vehicles") and means another, of which all right pictures are right for the first, too ("two trains"). *The words*:
somebody means what they typed. Of the first 20 pictures, so many right and wrong ones get a thumb; the figure is
nDCG@10 of the pictures without thumbs, before and after.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.measuring import finish
from vasari.retrieval.domain import SearchRequest, Term, TermKind
from vasari.retrieval.evaluation.compare import compare
from vasari.retrieval.evaluation.graded import GradedRanking, ndcg
from vasari.retrieval.evaluation.judgments import JudgedSearch, answerable
from vasari.retrieval.library.judging import searches
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.feedback import with_feedback

SHOWN = 20  # pictures that may get a thumb
WISHES = 100
THUMBS = (1, 2, 4)
Wish = tuple[JudgedSearch, JudgedSearch]  # typed, meant


def wishes(judged: Sequence[JudgedSearch]) -> dict[str, list[Wish]]:
    """Typed and meant queries, drawn by a fixed seed."""
    right = [set(one.right) for one in judged]
    narrower = [
        (one, other)
        for one, of_one in zip(judged, right, strict=True)
        for other, of_other in zip(judged, right, strict=True)
        if len(of_other) >= 4 and of_other < of_one and len(of_one) >= 1.5 * len(of_other)
    ]
    same = [(one, one) for one in judged if len(one.right) >= 4]
    generator = np.random.default_rng(0)
    return {
        kind: [pairs[place] for place in generator.permutation(len(pairs))[:WISHES]]
        for kind, pairs in (("beyond the words", narrower), ("the words", same))
    }


def figures(library: Library, wish: Wish, thumbs: int) -> tuple[float, float] | None:
    """nDCG@10 of the pictures without thumbs, before and after; None where nothing right was shown."""
    typed, meant = wish
    everything = library.catalog.items.count(typed.request.modality)

    def found(more: Sequence[int], less: Sequence[int]) -> list[int]:
        sides = ([Term(TermKind.ITEM, item=item) for item in ids] for ids in (more, less))
        terms = with_feedback(typed.request.terms, *sides)
        request = SearchRequest(terms, limit=min(everything, 1000), hybrid=False)
        return [hit.item.id for hit in library.search(request).hits]

    before = found((), ())
    right = [item for item in before[:SHOWN] if item in meant.right][:thumbs]
    wrong = [item for item in before[:SHOWN] if item not in meant.right][:thumbs]
    if not right:
        return None
    judged = {*right, *wrong}
    grades = {item: 1 for item in meant.right if item not in judged}
    first, second = (
        ndcg(GradedRanking.of([item for item in order if item not in judged], grades), 10)
        for order in (before, found(right, wrong))
    )
    return first, second


def main() -> None:
    """Print a line for each kind of wish and number of thumbs, and JSON."""
    parser = ArgumentParser()
    parser.add_argument("scenes", type=Path)
    parser.add_argument("-L", "--library", type=Path, required=True)
    given = parser.parse_args()
    report = []
    with Library.open(given.library) as library:
        judged, _ = answerable(searches(library, str(given.scenes / "queries.jsonl"))[0])
        for kind, drawn in wishes(judged).items():
            for thumbs in THUMBS:
                pairs = [pair for wish in drawn if (pair := figures(library, wish, thumbs)) is not None]
                one = compare([before for before, _ in pairs], [after for _, after in pairs])
                report.append({
                    "wish": kind, "thumbs": thumbs, "searches": len(pairs), "before": one.first,
                    "after": one.second, "difference": one.difference, "interval": one.interval,
                })  # fmt: skip
                low, high = one.interval
                print(
                    f"{kind:17} {thumbs} thumbs: {one.first:.3f} → {one.second:.3f} [{low:+.3f}, {high:+.3f}]"
                )
    finish("feedback", wishes=report)


if __name__ == "__main__":
    main()
