"""Text in pictures (OCR): what was read in them, by whom, line by line.

A reading belongs to the content that was read: it goes along when the file moves, and is dropped when the picture is
edited, which then waits to be read again. A picture without text has a reading without lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select

from vasari.retrieval.catalog import trigrams
from vasari.retrieval.catalog.database import Repository, chunks
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.folding import letters_of
from vasari.retrieval.catalog.full_text import refresh
from vasari.retrieval.catalog.tables import LIVE, items, readings
from vasari.retrieval.domain import Item, ItemId, Modality, TextLine


class Readings(Repository):
    """The text that was read in a library's pictures."""

    def of(self, ids: Iterable[ItemId]) -> dict[ItemId, tuple[TextLine, ...]]:
        """The lines of those items that were read, from top to bottom; none where there is no text."""
        found = {}
        query = select(readings.c.item_id, readings.c.lines)
        with self._database.read() as connection:
            for chunk in chunks(dict.fromkeys(ids)):
                rows = connection.execute(query.where(among(readings.c.item_id, chunk)))
                found.update({row.item_id: tuple(map(_line, row.lines)) for row in rows})
        return found

    def beside(self, known: Iterable[Item]) -> list[Item]:
        """The items with the text that was read in them."""
        known = list(known)
        lines = self.of(item.id for item in known)
        return [replace(item, text_lines=lines.get(item.id)) for item in known]

    def count(self) -> tuple[int, int]:
        """How many live pictures were read, and in how many of them there is text."""
        query = select(func.count(), func.count().filter(readings.c.letters != ""))
        with self._database.read() as connection:
            there = query.select_from(readings).join(items, items.c.id == readings.c.item_id).where(LIVE)
            read, with_text = connection.execute(there).one()
            return read, with_text

    def unread(self, reader: str | None = None) -> Iterator[ItemId]:
        """Live pictures that nobody has read; with `reader`, also those that another has. By id."""
        unread = readings.c.item_id.is_(None)
        query = (
            select(items.c.id)
            .outerjoin(readings, readings.c.item_id == items.c.id)
            .where(items.c.modality == Modality.IMAGE.value, LIVE)
            .where(unread if reader is None else or_(unread, readings.c.reader != reader))
        )
        return (row.id for page in self._database.pages(query, items.c.id) for row in page)

    def note(self, reader: str, lines: Mapping[ItemId, Sequence[TextLine]]) -> None:
        """Take down what was read in live items, in place of what was read before."""
        if not lines:
            return
        with self._database.change() as connection:
            for chunk in chunks(lines):
                query = select(items.c.id).where(among(items.c.id, chunk), LIVE)
                alive = list(connection.execute(query).scalars())
                forget(connection, alive)
                _insert(connection, reader, {item: lines[item] for item in alive})
                refresh(connection, alive)


def forget(connection: Connection, ids: Iterable[ItemId]) -> None:
    """Drop what was read in these items: they hold something else now."""
    for chunk in chunks(ids):
        connection.execute(delete(readings).where(among(readings.c.item_id, chunk)))


def _insert(connection: Connection, reader: str, lines: Mapping[ItemId, Sequence[TextLine]]) -> None:
    letters = {item: _letters(read) for item, read in lines.items()}
    rows = [
        {"item_id": item, "reader": reader, "lines": list(map(_stored, read)), "letters": letters[item]}
        for item, read in lines.items()
    ]
    if rows:
        connection.execute(insert(readings), rows)
        trigrams.index(connection, letters)


def _letters(lines: Sequence[TextLine]) -> str:
    """The folded letters of all lines, each between two line ends; empty where there are none."""
    each = [letters for line in lines if (letters := letters_of(line.text))]
    return "\n{}\n".format("\n".join(each)[: trigrams.MOST_LETTERS]) if each else ""


def _stored(line: TextLine) -> dict[str, Any]:
    return {"text": line.text, "confidence": round(line.confidence, 4), "corners": line.corners}


def _line(stored: Mapping[str, Any]) -> TextLine:
    corners = tuple((x, y) for x, y in stored["corners"])
    return TextLine(stored["text"], stored["confidence"], corners)
