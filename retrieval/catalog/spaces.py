"""Embedding spaces."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from vasari.retrieval.catalog.statements import reserve
from vasari.retrieval.catalog.tables import (
    counters,
    dead_rows,
    embeddings,
    generations,
    items,
    library,
    segments,
    spaces,
)
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import NotFoundError, UsageError

LOST = "lost vectors"  # a counter: how many were lost by a repair, ever

_SPACE = select(
    spaces.c.name,
    spaces.c.model,
    spaces.c.weights_fingerprint,
    spaces.c.preprocessing_fingerprint,
    spaces.c.dim,
)


def ensure_space(connection: Connection, space: EmbeddingSpace) -> EmbeddingSpace:
    """Register `space` unless it is; the first one becomes the library's default.

    A model that was remembered by a relative path is from now on by its absolute one.
    """
    known = find_space(connection, space.name)
    if known is None:
        facts = {column.name: getattr(space, column.name) for column in _SPACE.selected_columns}
        connection.execute(insert(spaces).values(**facts, created_at=datetime.now(UTC)))
        connection.execute(
            update(library).where(library.c.default_space.is_(None)).values(default_space=space.name)
        )
        return space
    for fact in ("weights_fingerprint", "preprocessing_fingerprint", "dim"):
        if getattr(known, fact) != getattr(space, fact):
            raise UsageError(
                f"the space {space.name!r} was made with another model ({known.model}; {fact} differs): "
                "vectors of two models cannot be mixed, so give the new one a space of its own"
            )
    if _is_absolute(space.model) and not _is_absolute(known.model):
        connection.execute(update(spaces).where(spaces.c.name == space.name).values(model=space.model))
        return space
    return known


def _is_absolute(reference: str) -> bool:
    """Whether a model's reference is a path that means the same from every folder."""
    return reference.startswith("/") or ":/" in reference


def find_space(connection: Connection, name: str) -> EmbeddingSpace | None:
    """The space of this name."""
    row = connection.execute(_SPACE.where(spaces.c.name == name)).first()
    return None if row is None else EmbeddingSpace(*row)


def all_spaces(connection: Connection) -> list[EmbeddingSpace]:
    """All spaces, oldest first."""
    return [EmbeddingSpace(*row) for row in connection.execute(_SPACE.order_by(spaces.c.id))]


def space_named(connection: Connection, name: str) -> EmbeddingSpace:
    """The space of this name; raises NotFoundError."""
    found = find_space(connection, name)
    if found is None:
        raise _no_space(name)
    return found


def space_id(connection: Connection, name: str) -> int:
    """The key of a space; raises NotFoundError."""
    found = connection.scalar(select(spaces.c.id).where(spaces.c.name == name))
    if found is None:
        raise _no_space(name)
    return found


def default_space(connection: Connection) -> EmbeddingSpace | None:
    """The space in which searches and jobs run unless told otherwise."""
    row = connection.execute(_SPACE.join(library, library.c.default_space == spaces.c.name)).first()
    return None if row is None else EmbeddingSpace(*row)


def set_default_space(connection: Connection, name: str) -> None:
    """Make `name` the default; raises NotFoundError."""
    space_id(connection, name)
    connection.execute(update(library).values(default_space=name))


def switch_when_complete(connection: Connection, name: str) -> dict[Modality, int]:
    """Make `name` the default if all live items have a vector there; else says how many of which kind have none."""
    absent = without_vector(connection, name)
    if not absent:
        set_default_space(connection, name)
    return absent


def without_vector(connection: Connection, name: str) -> dict[Modality, int]:
    """How many live items of each kind have no vector in the space; kinds of which none lacks one are left out."""
    there = select(embeddings.c.item_id).where(embeddings.c.space_id == space_id(connection, name))
    query = (
        select(items.c.modality, func.count())
        .where(items.c.deleted_at.is_(None), items.c.id.not_in(there))
        .group_by(items.c.modality)
    )
    return {Modality(modality): count for modality, count in connection.execute(query)}


def may_lack_vectors(connection: Connection) -> bool:
    """Whether some item may have no vector in some space: there are several, or vectors were lost."""
    lost = select(counters.c.name).where(counters.c.name == LOST)
    several = connection.execute(select(func.count()).select_from(spaces)).scalar_one() > 1
    return several or connection.execute(lost).first() is not None


def note_loss(connection: Connection, count: int) -> None:
    """Take down that items lost their vectors."""
    if count:
        reserve(connection, LOST, count)


def drop_space(connection: Connection, name: str) -> None:
    """Forget a space and all its vectors; the library has no default then if it was the default.

    Items keep what is said of them. Numbers of segments and generations are not given out again.
    """
    key = space_id(connection, name)
    for table in (embeddings, dead_rows, generations, segments):
        connection.execute(delete(table).where(table.c["space_id"] == key))
    connection.execute(update(library).where(library.c.default_space == name).values(default_space=None))
    connection.execute(delete(spaces).where(spaces.c.id == key))


def _no_space(name: str) -> NotFoundError:
    return NotFoundError(f"this library has no space {name!r}: `vasari status` lists its spaces")
