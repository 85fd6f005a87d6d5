"""Embedding spaces."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from vasari.retrieval.catalog.database import Repository, reserve
from vasari.retrieval.catalog.records import fair_of, fair_text
from vasari.retrieval.catalog.tables import (
    LIVE,
    counters,
    dead_rows,
    embeddings,
    generations,
    items,
    library,
    segments,
    spaces,
)
from vasari.retrieval.domain import EmbeddingSpace, FairRanking, Modality, TunedRerank
from vasari.retrieval.errors import NotFoundError, UsageError

LOST = "lost vectors"  # a counter: how many were lost by a repair, ever

_SPACE = select(
    spaces.c.name,
    spaces.c.model,
    spaces.c.weights_fingerprint,
    spaces.c.preprocessing_fingerprint,
    spaces.c.dim,
)
_DEFAULT = _SPACE.join(library, library.c.default_space == spaces.c.name)


class Spaces(Repository):
    """The embedding spaces of a library. Methods raise NotFoundError for one that is not there."""

    def ensure(self, space: EmbeddingSpace) -> EmbeddingSpace:
        """Register `space`, or check it against the one of that name (UsageError); the first is the default.

        A model that was remembered by a relative path is from now on by its absolute one.
        """
        with self._database.write() as connection:
            known = _find(connection, space.name)
            if known is None:
                facts = {column.name: getattr(space, column.name) for column in _SPACE.selected_columns}
                connection.execute(insert(spaces).values(**facts, created_at=datetime.now(UTC)))
                first = update(library).where(library.c.default_space.is_(None))
                connection.execute(first.values(default_space=space.name))
                return space
            _check_same(known, space)
            if _is_absolute(space.model) and not _is_absolute(known.model):
                connection.execute(
                    update(spaces).where(spaces.c.name == space.name).values(model=space.model)
                )
                return space
            return known

    def all(self) -> list[EmbeddingSpace]:
        """All spaces, oldest first."""
        with self._database.read() as connection:
            return [EmbeddingSpace(*row) for row in connection.execute(_SPACE.order_by(spaces.c.id))]

    def get(self, name: str) -> EmbeddingSpace:
        """The space of this name."""
        with self._database.read() as connection:
            found = _find(connection, name)
        if found is None:
            raise _no_space(name)
        return found

    def default(self) -> EmbeddingSpace | None:
        """The space that searches and jobs use unless told otherwise; None in a new library."""
        with self._database.read() as connection:
            row = connection.execute(_DEFAULT).first()
        return None if row is None else EmbeddingSpace(*row)

    def set_default(self, name: str) -> None:
        """Switch the default."""
        with self._database.change() as connection:
            _set_default(connection, name)

    def switch_when_complete(self, name: str) -> dict[Modality, int]:
        """Switch the default if all items have a vector in the space; else says how many of which kind have none."""
        with self._database.change() as connection:
            absent = _without_vectors(connection, name)
            if not absent:
                _set_default(connection, name)
            return absent

    def without_vectors(self, name: str) -> dict[Modality, int]:
        """How many live items of each kind have no vector in the space; kinds of which none lacks one are left out."""
        with self._database.read() as connection:
            return _without_vectors(connection, name)

    def may_lack_vectors(self) -> bool:
        """Whether some item may have no vector in some space: there are several, or vectors were lost."""
        lost = select(counters.c.name).where(counters.c.name == LOST)
        with self._database.read() as connection:
            several = connection.execute(select(func.count()).select_from(spaces)).scalar_one() > 1
            return several or connection.execute(lost).first() is not None

    def fair_ranking(self, name: str) -> FairRanking | None:
        """How the space ranks fairly; None where it does not."""
        with self._database.read() as connection:
            return fair_ranking(connection, name)

    def set_fair_ranking(self, name: str, fair: FairRanking | None) -> None:
        """Have searches in the space rank fairly from now on, or not."""
        text = None if fair is None else fair_text(fair)
        with self._database.change() as connection:
            key = space_id(connection, name)
            connection.execute(update(spaces).where(spaces.c.id == key).values(fair_ranking=text))

    def reranking(self, name: str) -> TunedRerank | None:
        """How candidates are reranked in the space; None where that was not measured, or is as usual."""
        with self._database.read() as connection:
            text = connection.scalar(select(spaces.c.reranking).where(spaces.c.name == name))
        return None if text is None else TunedRerank(**json.loads(text))

    def set_reranking(self, name: str, tuned: TunedRerank | None) -> None:
        """Have candidates in the space reranked so from now on."""
        text = None if tuned is None else json.dumps(asdict(tuned))
        with self._database.change() as connection:
            key = space_id(connection, name)
            connection.execute(update(spaces).where(spaces.c.id == key).values(reranking=text))

    def drop(self, name: str) -> None:
        """Forget a space and all its vectors; the library has no default then if it was the default.

        Items keep what is said of them. Numbers of segments and generations are not given out again.
        """
        with self._database.change() as connection:
            key = space_id(connection, name)
            for table in (embeddings, dead_rows, generations, segments):
                connection.execute(delete(table).where(table.c["space_id"] == key))
            was_default = update(library).where(library.c.default_space == name)
            connection.execute(was_default.values(default_space=None))
            connection.execute(delete(spaces).where(spaces.c.id == key))


def space_id(connection: Connection, name: str) -> int:
    """The key of a space; raises NotFoundError."""
    found = connection.scalar(select(spaces.c.id).where(spaces.c.name == name))
    if found is None:
        raise _no_space(name)
    return found


def fair_ranking(connection: Connection, name: str) -> FairRanking | None:
    """How a space ranks fairly; None where it does not, or is not there."""
    return fair_of(connection.scalar(select(spaces.c.fair_ranking).where(spaces.c.name == name)))


def note_loss(connection: Connection, count: int) -> None:
    """Take down that items lost their vectors."""
    if count:
        reserve(connection, LOST, count)


def _find(connection: Connection, name: str) -> EmbeddingSpace | None:
    row = connection.execute(_SPACE.where(spaces.c.name == name)).first()
    return None if row is None else EmbeddingSpace(*row)


def _check_same(known: EmbeddingSpace, space: EmbeddingSpace) -> None:
    for fact in ("weights_fingerprint", "preprocessing_fingerprint", "dim"):
        if getattr(known, fact) != getattr(space, fact):
            raise UsageError(
                f"the space {space.name!r} was made with another model ({known.model}; {fact} differs): "
                "vectors of two models cannot be mixed, so give the new one a space of its own"
            )


def _is_absolute(reference: str) -> bool:
    """Whether a model's reference is a path that means the same from every folder."""
    return reference.startswith("/") or ":/" in reference


def _set_default(connection: Connection, name: str) -> None:
    space_id(connection, name)
    connection.execute(update(library).values(default_space=name))


def _without_vectors(connection: Connection, name: str) -> dict[Modality, int]:
    there = select(embeddings.c.item_id).where(embeddings.c.space_id == space_id(connection, name))
    query = select(items.c.modality, func.count()).where(LIVE, items.c.id.not_in(there))
    counted = connection.execute(query.group_by(items.c.modality))
    return {Modality(modality): count for modality, count in counted}


def _no_space(name: str) -> NotFoundError:
    return NotFoundError(f"this library has no space {name!r}: `vasari status` lists its spaces")
