"""The names that a filter may use: fields of every item, and the attributes that items have.

An attribute is whatever a table's column, EXIF or a person called it, so no list can hold them all. A name that is no
field, that no item has and that nobody marked as one (`attr.NAME`) is a slip of the pen, and is refused with the names
near it: answered, it would leave out every picture, or none, without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from sqlalchemy import Connection, Text, column, exists, func, literal_column, or_, select, type_coerce

from retrieval.catalog.canonical import spellings
from retrieval.catalog.filter_attributes import attribute_exists
from retrieval.catalog.filter_language import ALIASES, FIELDS, And, Exists, Field, Filter, Kind, Near, Not, Or
from retrieval.catalog.schema import items
from retrieval.errors import QueryError
from retrieval.storage.spelling import composed

# What EXIF and people say of pictures: asked for where no picture has it yet, nothing is found, and that is right.
_CAMERA = ["exposure_seconds", "f_number", "focal_length_35mm", "focal_length_mm", "iso", "make", "software"]
_PERSON = ["artist", "copyright", "description", "rating"]
USUAL_ATTRIBUTES = frozenset([*_CAMERA, *_PERSON, "altitude_m", "utc_offset"])
_MOST_NAMES = 1000
_NEAR = (
    0.7  # of difflib's ratio: two letters swapped in a name of five pass, another name of as many does not
)


def check_fields(connection: Connection, found: Filter, text: str) -> None:
    """Raise QueryError, with the column and what could be meant, for a name that is neither field nor attribute."""
    for field in dict.fromkeys(_attributes_in(found)):
        if field.path[0] in USUAL_ATTRIBUTES or _is_there(connection, field):
            continue
        raise QueryError(_unknown(field.name, attribute_counts(connection)), text, field.column)


def attribute_counts(connection: Connection) -> dict[str, int]:
    """Names of the attributes of live items, with how many have each; the most frequent first."""
    if connection.dialect.name == "sqlite":
        names = func.json_each(type_coerce(items.c.attributes, Text())).table_valued(
            column("key", Text()), name="entry"
        )
        name = names.c.key
    else:
        from sqlalchemy.dialects.postgresql import JSONB

        keys = func.jsonb_object_keys(type_coerce(items.c.attributes, JSONB()))
        names = keys.table_valued(column("key", Text()), name="entry").render_derived()
        name = names.c.key
    query = (
        select(name, func.count())
        .select_from(items.join(names, literal_column("true")))
        .where(items.c.deleted_at.is_(None))
        .group_by(name)
        .order_by(func.count().desc(), name)
        .limit(_MOST_NAMES)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _attributes_in(found: Filter) -> Iterator[Field]:
    """The attributes that are named without `attr.`."""
    match found:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _attributes_in(part)
        case Not(part):
            yield from _attributes_in(part)
        case Near():
            return
        case Exists(field) if field.kind is Kind.ANY and not field.marked:
            yield field
        case Exists():
            return
        case _ if found.field.kind is Kind.ANY and not found.field.marked:
            yield found.field


def _is_there(connection: Connection, field: Field) -> bool:
    has = or_(*(attribute_exists(path, connection.dialect.name) for path in spellings(field.path)))
    query = select(exists(select(items.c.id).where(items.c.deleted_at.is_(None), has)))
    return bool(connection.execute(query).scalar())


def _unknown(name: str, attributes: dict[str, int]) -> str:
    known = {composed(known.lower()): known for known in (*USUAL_ATTRIBUTES, *attributes, *ALIASES, *FIELDS)}
    close = [known[near] for near in get_close_matches(composed(name.lower()), known, n=2, cutoff=_NEAR)]
    if near := dict.fromkeys(ALIASES.get(name, name) for name in close):
        return f"there is no field {name!r}: did you mean {' or '.join(near)}?"
    return (
        f"there is no field {name!r}, and no item has such an attribute: `vasari fields` lists what there is"
        f" (attr.{name} is an attribute that may be nowhere)"
    )
