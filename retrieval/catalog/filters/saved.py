"""Saved searches in filters: `album:X` means what was put into X, or what the filter saved as X accepts now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, or_, select

from vasari.retrieval.catalog.filters.parser import And, Filter, Not, Or, Test, check_size, parse_filter
from vasari.retrieval.catalog.filters.sql import is_album
from vasari.retrieval.catalog.tables import albums
from vasari.retrieval.errors import QueryError, Sentence


def with_searches(connection: Connection, found: Filter, text: str, *, quiet: bool = False) -> Filter:
    """The filter with the saved filters that it names by `album` in their place, those that these name too.

    Raises QueryError where one names itself, or has words, by which pictures are ranked and not chosen; with `quiet`
    such a one accepts nothing, as whoever asks is not to learn what albums there are.
    """
    whole = _Expansion(connection, text, quiet).of(found)
    check_size(whole, text)
    return whole


@dataclass(frozen=True, slots=True)
class _Expansion:
    """`inside` are the saved filters that are being put in."""

    connection: Connection
    text: str
    quiet: bool
    inside: tuple[int, ...] = ()

    def of(self, found: Filter) -> Filter:
        match found:
            case And(parts):
                return And(tuple(map(self.of, parts)))
            case Or(parts):
                return Or(tuple(map(self.of, parts)))
            case Not(part):
                return Not(self.of(part))
            case Test(field) if field.name == "album" and not field.path:
                saved = self._saved(found)
                return Or((found, *saved)) if saved else found
            case _:
                return found

    def _saved(self, test: Test) -> list[Filter]:
        """The filters of the saved searches whose name the test accepts."""
        searched = or_(albums.c.filter.is_not(None), albums.c.query.is_not(None))
        query = select(albums.c.id, albums.c.name, albums.c.query, albums.c.filter)
        filters = []
        for album in self.connection.execute(query.where(searched, is_album(test))).all():
            trouble = self._trouble(album.id, album.name, album.query)
            if trouble is None:
                inner = replace(self, inside=(*self.inside, album.id))
                filters.append(inner.of(parse_filter(album.filter)))
            elif not self.quiet:
                raise QueryError(trouble, self.text, test.field.column)
        return filters

    def _trouble(self, album: int, name: str, query: str | None) -> str | None:
        """Why a saved search cannot be put in."""
        if query is not None:
            return Sentence(
                "the album {name!r} is a search for words, which no filter can hold: search for them",
                name=name,
            )
        return (
            Sentence("the album {name!r} names itself in its filter", name=name)
            if album in self.inside
            else None
        )
