"""Judgments: which items people found right and wrong for a query, and how right (qrels).

One query, one item and one person make one judgment; who judges again changes it. Judgments belong to the item, as tags
do: they stay when a file is moved or missing for a while, and count as long as the item is there. A query is what was
typed with the filter that held then; the same words under another filter are another query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select

from vasari.retrieval.catalog.database import Repository, chunks, upserting
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.encoding import stored_text
from vasari.retrieval.catalog.records import JudgedQuery, Judgment
from vasari.retrieval.catalog.tables import KEPT, LIVE, items, judgments
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.storage.file_names import composed

HIGHEST_GRADE = 10
LONGEST_QUERY = 4096  # characters; as of a search
LONGEST_NAME = 200  # characters


class Judgments(Repository):
    """The judgments of a library."""

    def judge(
        self,
        query: str,
        grades: Mapping[ItemId, int],
        who: str,
        filter: str | None = None,  # noqa: A002
        at: datetime | None = None,
    ) -> int:
        """Say how right items are for a query, in place of what the same person said before; says how many.

        A grade is 0 (wrong) to 10; 1 is right. Raises UsageError for another, or for an empty query, NotFoundError
        for an item that is not in the library: then nothing is kept.
        """
        said = _of_query(query, filter, who) | {"at": at or datetime.now(UTC)}
        for grade in grades.values():
            check_grade(grade)
        with self._database.write() as connection:
            for chunk in chunks(grades):
                kept = select(items.c.id).where(among(items.c.id, chunk), KEPT)
                there = set(connection.execute(kept).scalars())
                for item in chunk:
                    if item not in there:
                        raise NotFoundError(f"no item {item} in this library")
                rows = [{**said, "item_id": item, "grade": grades[item]} for item in chunk]
                statement = upserting(connection, judgments)
                changed = statement.on_conflict_do_update(
                    index_elements=[judgments.c.query_key, judgments.c.item_id, judgments.c.who],
                    set_={"grade": statement.excluded.grade, "at": statement.excluded.at},
                )
                connection.execute(changed, rows)
        return len(grades)

    def of(self, ids: Iterable[ItemId]) -> dict[ItemId, list[Judgment]]:
        """What was judged of items, live or missing, by query and person; only items of which anything was."""
        found: dict[ItemId, list[Judgment]] = defaultdict(list)
        query = select(judgments, items.c.modality).join(items, items.c.id == judgments.c.item_id)
        with self._database.read() as connection:
            for chunk in chunks(dict.fromkeys(ids)):
                for row in connection.execute(query.where(among(judgments.c.item_id, chunk))):
                    found[row.item_id].append(_read(row))
        return {
            item: sorted(said, key=lambda one: (one.query, one.filter or "", one.who))
            for item, said in found.items()
        }

    def restore(self, said: Iterable[Judgment]) -> None:
        """Keep what was judged elsewhere of live or missing items; where one person judged twice, the later holds.

        Raises UsageError as `judge` does.
        """
        rows = [_row(one) for one in said]
        if not rows:
            return
        with self._database.write() as connection:
            statement = upserting(connection, judgments)
            later = statement.on_conflict_do_update(
                index_elements=[judgments.c.query_key, judgments.c.item_id, judgments.c.who],
                set_={"grade": statement.excluded.grade, "at": statement.excluded.at},
                where=statement.excluded.at > judgments.c.at,
            )
            connection.execute(later, rows)

    def withdraw(
        self,
        query: str | None = None,
        filter: str | None = None,  # noqa: A002
        ids: Collection[ItemId] | None = None,
        who: str | None = None,
    ) -> int:
        """Forget judgments: those of a query, of items, of a person, or of all that is not named; says how many."""
        conditions = _conditions(query, filter, who)
        forgotten = 0
        with self._database.write() as connection:
            for chunk in chunks(ids) if ids is not None else [None]:
                of_items = [] if chunk is None else [among(judgments.c.item_id, chunk)]
                gone = delete(judgments).where(*conditions, *of_items)
                forgotten += connection.execute(gone).rowcount
        return forgotten

    def all(
        self,
        query: str | None = None,
        filter: str | None = None,  # noqa: A002
        who: str | None = None,
    ) -> list[Judgment]:
        """Judgments of live items: of one query under its filter, of one person, or all; by query, item and person."""
        with self._database.read() as connection:
            asked = (
                select(judgments, items.c.modality)
                .join(items, items.c.id == judgments.c.item_id)
                .where(LIVE, *_conditions(query, filter, who))
            )
            found = [_read(row) for row in connection.execute(asked)]
        return sorted(found, key=lambda one: (one.query, one.filter or "", one.item, one.who))

    def queries(self) -> list[JudgedQuery]:
        """What all people together say of each query, by its words.

        Where they differ on an item it has the median of their grades, the lower one of two in the middle.
        """
        grades: dict[tuple[str, str | None, Modality], dict[ItemId, list[int]]] = {}
        for one in self.all():
            of_query = grades.setdefault((one.query, one.filter, one.modality), defaultdict(list))
            of_query[one.item].append(one.grade)
        return [
            JudgedQuery(*query, {item: _median(said) for item, said in of_items.items()})
            for query, of_items in grades.items()
        ]

    def count(self, who: str | None = None) -> int:
        """How many judgments there are, of one person or all; those of missing items too."""
        asked = select(func.count()).select_from(judgments).where(*_conditions(None, None, who))
        with self._database.read() as connection:
            return connection.execute(asked).scalar_one()


def check_grade(grade: int) -> None:
    """Raise UsageError for a grade that there is not."""
    if not 0 <= grade <= HIGHEST_GRADE:
        raise UsageError(f"a grade is 0 (wrong) to {HIGHEST_GRADE}, and not {grade}: 1 is right")


def usable_query(query: str) -> str:
    """The query as it is kept: composed, spaces single; raises UsageError for an empty or endless one."""
    found = stored_text(composed(" ".join(query.split())))
    if not found:
        raise UsageError("an empty query finds nothing that could be judged")
    if len(found) > LONGEST_QUERY:
        raise UsageError(f"a query takes at most {LONGEST_QUERY} characters")
    return found


def query_key(query: str, filter: str | None) -> bytes:  # noqa: A002
    """BLAKE2b-128 of a query and its filter: PostgreSQL cannot index texts over 2.7 kB."""
    return blake2b(f"{query}\0{filter or ''}".encode(), digest_size=16).digest()


def _filter(given: str | None) -> str | None:
    return stored_text(given.strip()) or None if given else None


def _name(who: str) -> str:
    found = stored_text(" ".join(who.split()))
    if not 0 < len(found) <= LONGEST_NAME:
        raise UsageError(f"who judges has a name of 1 to {LONGEST_NAME} characters")
    return found


def _of_query(query: str, filter: str | None, who: str) -> dict[str, Any]:  # noqa: A002
    """The columns that say for which query, and by whom."""
    query, narrowed = usable_query(query), _filter(filter)
    key = query_key(query, narrowed)
    return {"query_key": key, "query": query, "filter": narrowed, "who": _name(who)}


def _row(said: Judgment) -> dict[str, Any]:
    check_grade(said.grade)
    of_query = _of_query(said.query, said.filter, said.who)
    return of_query | {"item_id": said.item, "grade": said.grade, "at": said.at}


def _conditions(query: str | None, filter: str | None, who: str | None) -> list[ColumnElement[bool]]:  # noqa: A002
    found: list[ColumnElement[bool]] = []
    if query is not None:
        found.append(judgments.c.query_key == query_key(usable_query(query), _filter(filter)))
    if who is not None:
        found.append(judgments.c.who == _name(who))
    return found


def _median(grades: Iterable[int]) -> int:
    ordered = sorted(grades)
    return ordered[(len(ordered) - 1) // 2]


def _read(row: Row[Any]) -> Judgment:
    return Judgment(row.query, row.filter, row.item_id, Modality(row.modality), row.grade, row.who, row.at)
