"""The query log: what was searched for in words, and how well the best answer matched. Off unless it is asked for.

A file of JSON lines in the library, `queries.jsonl`, that nobody but its owner may read; nothing of it leaves the
machine. At 16 MiB it is set aside as `queries.1.jsonl`, in the place of the one before.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vasari.retrieval.domain import SearchRequest, SearchResponse
from vasari.retrieval.search.query import written

GOOD = 0.8  # relevance: a good match beats the best one of four in five unrelated queries
FILE, OLDER = "queries.jsonl", "queries.1.jsonl"
_LOG = logging.getLogger(__name__)
_MOST = 16 * 1024 * 1024  # bytes
_TYPING = timedelta(seconds=5)  # between two searches of somebody who is still typing


@dataclass(frozen=True, slots=True)
class LoggedQuery:
    """One search: `relevance` is that of the best hit, in [0, 1]; None where it cannot be told."""

    at: datetime
    query: str
    filter: str | None
    hits: int  # on the first page
    relevance: float | None

    @property
    def is_answered(self) -> bool:
        """Whether it found something that matches, as far as that can be told."""
        return self.hits > 0 and (self.relevance is None or self.relevance >= GOOD)


class QueryLog:
    """The log of one library."""

    def __init__(self, root: Path) -> None:
        self._file, self._older = root / FILE, root / OLDER

    @staticmethod
    def asking(request: SearchRequest) -> SearchRequest:
        """The request as it is to be asked, so that its answer tells how well it matches."""
        return replace(request, relevance=True) if _is_logged(request) else request

    def noted(self, request: SearchRequest, response: SearchResponse) -> SearchResponse:
        """Write a search down, if it has words and is no further page; the answer as it was asked for."""
        if not _is_logged(request):
            return response
        known = [hit.relevance for hit in response.hits if hit.relevance is not None]
        best = round(max(known), 4) if known else None
        query = LoggedQuery(
            datetime.now(UTC), written(request.terms), request.filter, len(response.hits), best
        )
        try:
            self._append(json.dumps(asdict(query) | {"at": query.at.isoformat()}, ensure_ascii=False))
        except OSError as error:  # a full disk takes nobody's answer away
            _LOG.warning("a search was not written to %s: %s", self._file, error)
        if request.relevance:
            return response
        return replace(response, hits=tuple(replace(hit, relevance=None) for hit in response.hits))

    def _append(self, line: str) -> None:
        """One write of a whole line, so that the lines of several processes do not mix."""
        file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{line}\n".encode("utf-8", "replace"))
            full = os.fstat(file).st_size > _MOST
        finally:
            os.close(file)
        if full and self._file.exists():
            self._file.replace(self._older)

    def read(self) -> list[LoggedQuery]:
        """What was searched for, in the order of time; without what somebody had typed of the search after it."""
        found: list[LoggedQuery] = []
        for query in self._lines():
            if found and _was_typing(found[-1], query):
                found.pop()
            found.append(query)
        return found

    def unanswered(self) -> list[tuple[LoggedQuery, int]]:
        """Queries whose last search found no good match, and how often each was asked; the most asked first."""
        last: dict[tuple[str, str | None], LoggedQuery] = {}
        times: dict[tuple[str, str | None], int] = {}
        for query in self.read():
            key = " ".join(query.query.casefold().split()), query.filter
            last[key], times[key] = query, times.get(key, 0) + 1
        found = [(query, times[key]) for key, query in last.items() if not query.is_answered]
        return sorted(found, key=lambda one: (-one[1], one[0].query, one[0].filter or ""))

    def clear(self) -> int:
        """Forget all; says how many searches that were."""
        count = sum(1 for _ in self._lines())
        for file in (self._file, self._older):
            file.unlink(missing_ok=True)
        return count

    def _lines(self) -> Iterator[LoggedQuery]:
        for file in (self._older, self._file):
            if file.is_file():
                for line in file.read_text("utf-8").splitlines():
                    if (query := _parsed(line)) is not None:
                        yield query


def _is_logged(request: SearchRequest) -> bool:
    return request.offset == 0 and any(term.text is not None for term in request.terms)


def _parsed(line: str) -> LoggedQuery | None:
    """None for a line that was cut short when the disk was full."""
    try:
        row = json.loads(line)
        return LoggedQuery(**row | {"at": datetime.fromisoformat(row["at"])})
    except (ValueError, TypeError, KeyError):
        return None


def _was_typing(before: LoggedQuery, query: LoggedQuery) -> bool:
    return (
        before.filter == query.filter
        and before.query != query.query
        and query.query.startswith(before.query)
        and query.at - before.at < _TYPING
    )
