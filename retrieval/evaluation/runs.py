"""Runs that other programs made, as judged searches: what was found is told by a file, nothing is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vasari.retrieval.domain import SearchRequest
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation import trec
from vasari.retrieval.evaluation.judgments import Found, JudgedSearch, answerable


@dataclass(frozen=True, slots=True)
class JudgedRuns:
    """The judged topics of a qrels file, and what runs found for them; items are numbered in the order of mention."""

    searches: list[JudgedSearch]
    answers: list[list[Found]]  # by run, then by search
    items: list[str]  # names by number
    empty: int  # judged topics that have no right item, left out


def read_runs(runs: Sequence[Path], qrels: Path, topics: Path | None = None) -> JudgedRuns:
    """Read runs over the same judgments; a topic that a run does not have found nothing there.

    Raises UsageError and NotFoundError for files that cannot be read, and where a run has none of the judged topics.
    """
    grades = trec.read_qrels(qrels)
    words = trec.read_topics(topics) if topics is not None else {}
    numbers: dict[str, int] = {}

    def number(item: str) -> int:
        return numbers.setdefault(item, len(numbers))

    judged = [
        JudgedSearch(
            name, _words(name, words), SearchRequest(), {number(item): grade for item, grade in own.items()}
        )
        for name, own in grades.items()
    ]
    searches, empty = answerable(judged)
    answers = []
    for file in runs:
        found = trec.read_run(file)
        if not found.keys() & grades.keys():
            raise UsageError(f"{file} has none of the topics that {qrels} judges")
        answers.append([[(number(item), 0.0) for item in found.get(one.name, [])] for one in searches])
    return JudgedRuns(searches, answers, list(numbers), empty)


def _words(name: str, topics: Mapping[str, trec.Topic]) -> str:
    return topics[name].query if name in topics else name
