"""The files of TREC: topics (queries), qrels (judgments) and runs (rankings), as trec_eval reads them.

    topics   301<TAB>a red boat             and, of ours, behind another tab the filter that holds;
                                            or <top> <num> Number: 301 <title> a red boat … </top>,
                                            or <topic number="301"><query>a red boat</query></topic>
    qrels    301 0 42 1                     topic, unused, item, grade
    run      301 Q0 42 1 0.7312 vasari      topic, unused, item, rank (unused), score, name of the run

An item is a word without spaces. Files may be in any encoding of `vasari.retrieval.storage.text_files`. What cannot be
read raises UsageError, which names the line: figures over half a file would be wrong without a sign of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vasari.retrieval.errors import ImageError, NotFoundError, UsageError
from vasari.retrieval.storage.filesystem import readable
from vasari.retrieval.storage.text_files import opened_text, plain

Qrels = dict[str, dict[str, int]]
"""By topic, the grade of each judged item."""
Run = dict[str, list[str]]
"""By topic, the items found, best first."""

_TOP = re.compile(r"<top\b[^>]*>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*([^\s<]+)", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*(?:Topic:)?\s*([^<]*)", re.IGNORECASE)
_TOPIC = re.compile(
    r"<topic\b[^>]*\bnumber\s*=\s*[\"']([^\"']+)[\"'][^>]*>(.*?)</topic>", re.DOTALL | re.IGNORECASE
)
_QUERY = re.compile(r"<(query|title)>([^<]*)</\1>", re.IGNORECASE)


class Topic(NamedTuple):
    """A query, and the filter that holds."""

    query: str
    filter: str | None = None


def read_topics(file: Path) -> dict[str, Topic]:
    """The queries by their topics, in the order of the file."""
    text = plain("".join(_lines(file)))
    reader = _marked_topics if text.lstrip().startswith("<") else _plain_topics
    pairs = list(reader(file, text))
    topics = dict(pairs)
    if not topics:
        raise UsageError(f"{file} has no topics: a line is a number, a tab and the query")
    if len(topics) < len(pairs):
        twice = next(topic for place, (topic, _) in enumerate(pairs) if topic in dict(pairs[:place]))
        raise UsageError(f"{file} has topic {twice} twice")
    return topics


def read_qrels(file: Path) -> Qrels:
    """The judgments by topic; a pair that is judged twice has its last grade."""
    qrels: Qrels = {}
    for number, fields in _fields(file, 4, "topic 0 item grade"):
        topic, _, item, grade = fields
        try:
            qrels.setdefault(topic, {})[item] = int(grade)
        except ValueError:
            raise UsageError(f"{file}, line {number}: the grade {grade!r} is no whole number") from None
    return qrels


def read_run(file: Path) -> Run:
    """The rankings by topic: by falling score in single precision, ties by falling name, as trec_eval sorts them.

    The column of ranks is not looked at, as trec_eval does not either. Raises UsageError for an item that a topic has
    twice.
    """
    scores: dict[str, dict[str, np.float32]] = {}
    for number, (topic, _, item, _rank, score, _name) in _fields(file, 6, "topic Q0 item rank score name"):
        of_topic = scores.setdefault(topic, {})
        if item in of_topic:
            raise UsageError(f"{file}, line {number}: topic {topic} has {item} twice")
        try:
            of_topic[item] = np.float32(score)
        except ValueError:
            raise UsageError(f"{file}, line {number}: the score {score!r} is no number") from None
        if np.isnan(of_topic[item]):
            raise UsageError(f"{file}, line {number}: the score {score!r} is no number")
    return {topic: ranked(of_topic) for topic, of_topic in scores.items()}


def ranked(scores: Mapping[str, float | np.float32]) -> list[str]:
    """Items in trec_eval's order."""
    by_name = sorted(scores, key=_bytes, reverse=True)
    return sorted(by_name, key=lambda item: -np.float32(scores[item]))


def topic_lines(topics: Mapping[str, Topic]) -> Iterator[str]:
    """A topics file, a line each; a tab or line end inside a query becomes a space."""
    for name, topic in topics.items():
        yield "\t".join([name, *(" ".join(text.split()) for text in topic if text)]) + "\n"


def qrels_lines(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """A qrels file, a line each."""
    for topic, grades in qrels.items():
        for item, grade in grades.items():
            yield f"{topic} 0 {item} {grade}\n"


def run_lines(run: Mapping[str, Sequence[tuple[str, float]]], name: str) -> Iterator[str]:
    """A run file, a line each, of items with their scores, best first.

    Programs sort by score alone, and a ranking's scores need not fall: ties are broken by id, words raise some, and the
    reranker's are of another kind. A score that is not below the one before is written as the next smaller number of
    single precision, so that everybody reads the order in which items were found.
    """
    for topic, found in run.items():
        last = np.float32(np.inf)
        for rank, (item, score) in enumerate(found, start=1):
            last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
            yield f"{topic} Q0 {item} {rank} {last:.9g} {name}\n"


def _plain_topics(file: Path, text: str) -> Iterator[tuple[str, Topic]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, query, *more = [*line.split("\t", 2), ""]
        if not query.strip() or len(name.split()) != 1:
            raise UsageError(f"{file}, line {number}: needs a topic without spaces, a tab and the query")
        yield name.strip(), Topic(" ".join(query.split()), more[0].strip() or None)


def _marked_topics(file: Path, text: str) -> Iterator[tuple[str, Topic]]:
    for place, found in enumerate(_TOP.findall(text), start=1):
        number, title = _NUMBER.search(found), _TITLE.search(found)
        if number is None or title is None or not title[1].strip():
            raise UsageError(f"{file}: topic {place} has no <num> or no <title>")
        yield number[1], Topic(_unmarked(title[1]))
    for number_, inner in _TOPIC.findall(text):
        query = _QUERY.search(inner)
        if query is None or not query[2].strip():
            raise UsageError(f"{file}: topic {number_} has neither <query> nor <title>")
        yield number_.strip(), Topic(_unmarked(query[2]))


def _unmarked(text: str) -> str:
    return " ".join(html.unescape(text).split())


def _fields(file: Path, count: int, form: str) -> Iterator[tuple[int, Sequence[str]]]:
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        fields = line.split()
        if len(fields) != count:
            raise UsageError(f"{file}, line {number}: needs {count} columns: {form}")
        yield number, fields


def _lines(file: Path) -> Iterable[str]:
    if not file.is_file():
        raise NotFoundError(f"no such file: {file}")
    try:
        with readable(UsageError), opened_text(str(file)) as lines:
            return list(lines)
    except ImageError as error:
        raise UsageError(f"{file}: {error}") from error


def _bytes(item: str) -> bytes:
    """What strcmp compares."""
    return item.encode("utf-8", "surrogateescape")
