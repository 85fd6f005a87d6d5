"""Queries with their right answers, from files: items by name, until a library says which items these are.

*.jsonl with "query"   {"query": …, "file_names": […]}, or a line a judgment: {"query": …, "item": …, "grade": 1};
                       with "filter" where one holds. `vasari judgments export` writes such a file, `vasari scenes
                       render` another
topics with qrels      TREC's, see `vasari.retrieval.evaluation.trec`
a dataset              each caption is a query, its picture the right answer: `vasari.retrieval.evaluation.datasets`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vasari.retrieval.catalog.judgments import HIGHEST_GRADE
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation import trec
from vasari.retrieval.evaluation.datasets import load_dataset
from vasari.retrieval.evaluation.rows import read_objects


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query, and the grades of items by their names: a number, item:N, a uri, or a path."""

    name: str
    query: str
    grades: Mapping[str, int]
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class QueryFile:
    """The queries of a file, the folder that names of pictures in it are relative to, and what could not be used."""

    queries: tuple[NamedQuery, ...]
    folder: Path
    broken: tuple[str, ...] = ()


def read_query_file(path: Path, qrels: Path | None = None, language: str | None = None) -> QueryFile:
    """Read queries in any of the module's forms, told by the file; raises UsageError and NotFoundError.

    Args:
        path: the file, or a dataset's folder.
        qrels: the judgments of TREC topics.
        language: only queries that name this language or none.
    """
    path = path.expanduser()
    if qrels is not None:
        return QueryFile(tuple(_judged_topics(path, qrels)), qrels.parent)
    if path.suffix == ".jsonl" and path.is_file() and _has_queries(path):
        return _json_lines(path, language)
    dataset = load_dataset(path, language=language)
    captions = zip(dataset.texts, dataset.answers, strict=True)
    queries = (
        NamedQuery(str(number), text, {str(dataset.images[image]): 1})
        for number, (text, image) in enumerate(captions, start=1)
    )
    left_out = (f"{name} is not on disk" for name in dataset.missing)
    return QueryFile(tuple(queries), dataset.directory, (*dataset.broken, *left_out))


def _judged_topics(file: Path, qrels: Path) -> list[NamedQuery]:
    grades = trec.read_qrels(qrels)
    found = [
        NamedQuery(name, topic.query, grades[name], topic.filter)
        for name, topic in trec.read_topics(file).items()
        if name in grades
    ]
    if not found:
        raise UsageError(f"{qrels} judges none of the topics of {file}")
    return found


def _has_queries(file: Path) -> bool:
    """Whether lines of the file have queries; those of a dataset have images."""
    return any("query" in row for row in read_objects(file)[0])


@dataclass(frozen=True, slots=True)
class JudgmentLine:
    """A line of a file of queries: what is judged, and where it is told, by whom, when, and the item's content."""

    query: str
    filter: str | None
    grades: Mapping[str, int]
    language: str | None = None
    who: str | None = None
    at: datetime | None = None
    content_hash: str | None = None


def read_lines(file: Path) -> tuple[list[JudgmentLine], list[str]]:
    """The lines that can be used, and what is wrong with each other one; UsageError where there is none to use."""
    rows, broken = read_objects(file)
    found = []
    for row in rows:
        try:
            found.append(_line(row))
        except ValueError as error:
            broken.append(f"{file.name}: {error}: {json.dumps(row, ensure_ascii=False)[:80]}")
    if not found:
        raise UsageError(f"{file} has no query that can be used{': ' + broken[0] if broken else ''}")
    return found, broken


def _line(row: Mapping[str, Any]) -> JudgmentLine:
    query = row.get("query")
    if not isinstance(query, str) or not query.strip():
        raise ValueError("a line needs a query")
    words = {name: row.get(name) for name in ("filter", "language", "who", "at", "content_hash")}
    for name, value in words.items():
        if not isinstance(value, str | None):
            raise ValueError(f"{name} is no text")  # noqa: TRY004  (a value of a file, not of a program)
    at = words.pop("at")
    moment = None if at is None else datetime.fromisoformat(at)
    narrowed = words.pop("filter") or None
    return JudgmentLine(" ".join(query.split()), narrowed, _grades(row), at=moment, **words)


def _grades(row: Mapping[str, Any]) -> dict[str, int]:
    names, item, grade = row.get("file_names"), row.get("item"), row.get("grade", 1)
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        return dict.fromkeys(names, 1)
    if isinstance(item, bool) or not isinstance(item, str | int) or item == "":
        raise ValueError("a line needs file_names, or an item")
    if isinstance(grade, bool) or not isinstance(grade, int) or not 0 <= grade <= HIGHEST_GRADE:
        raise ValueError(f"a grade is 0 (wrong) to {HIGHEST_GRADE}")
    return {str(item): grade}


def _json_lines(file: Path, language: str | None) -> QueryFile:
    """Lines of one query and filter are put together."""
    lines, broken = read_lines(file)
    queries: dict[tuple[str, str | None], dict[str, int]] = {}
    for line in lines:
        if language is None or line.language in (None, language):
            queries.setdefault((line.query, line.filter), {}).update(line.grades)
    found = (
        NamedQuery(str(number), query, grades, narrowed)
        for number, ((query, narrowed), grades) in enumerate(queries.items(), start=1)
    )
    return QueryFile(tuple(found), file.parent, tuple(broken))
