"""Embedding spaces."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from retrieval.catalog.schema import library, spaces
from retrieval.domain import EmbeddingSpace
from retrieval.errors import NotFoundError, UsageError

_SPACE = select(
    spaces.c.name,
    spaces.c.model,
    spaces.c.weights_fingerprint,
    spaces.c.preprocessing_fingerprint,
    spaces.c.dim,
)


def ensure_space(connection: Connection, space: EmbeddingSpace) -> EmbeddingSpace:
    """Register `space` unless it is; the first one becomes the library's default."""
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
    return known


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


def _no_space(name: str) -> NotFoundError:
    return NotFoundError(f"this library has no space {name!r}: `vasari status` lists its spaces")
