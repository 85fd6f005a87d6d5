"""The tables, as typed columns of SQLAlchemy Core.

Core and not the ORM: a one-shot search pays for every import, and `sqlalchemy.orm` costs half as much again as
`sqlalchemy` itself. Items keep their integer key for ever; it is also their id in every vector index.
Indexes that hold only some of the rows stand in `indexes.py`.

Column types mean the same on SQLite and PostgreSQL. They give SQLAlchemy their conversions as plain functions
(`bind_processor`, `result_processor`), not by `process_bind_param`: that saves a call for each of the millions of
values of a large library.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    Table,
    Text,
    TypedColumns,
    TypeDecorator,
    literal_column,
    or_,
    type_coerce,
)
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

from vasari.retrieval.catalog.dialects import ByDialect
from vasari.retrieval.catalog.encoding import original_uri, stored_text, stored_uri

HEAD = "0016"  # the newest migration; a test holds it equal to migrations/versions

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# SQLite makes only INTEGER PRIMARY KEY the rowid itself; BIGINT would cost a second index.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Uri(TypeDecorator[str]):
    """A uri with any characters, lone surrogates included."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """Escape what the database refuses."""
        return lambda value: None if value is None else stored_uri(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """Give back the very characters that were stored."""
        return lambda value: None if value is None else original_uri(value)


class Prose(TypeDecorator[str]):
    """Text for people: what the database refuses is replaced."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """Replace what the database refuses."""
        return lambda value: None if value is None else stored_text(value)


class Attributes(TypeDecorator[Any]):
    """JSON: text on SQLite, JSONB on PostgreSQL; `encoding.json_text` writes it."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSONB where there is one; imported here, for it costs a SQLite user 60 ms."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Compare `column["key"]` as JSON does."""
        return self.impl_instance.coerce_compared_value(op, value)


class Moment(TypeDecorator[datetime]):
    """A point in time, always in UTC; SQLite, which keeps no zone, has ISO text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Convert to UTC; a time without a zone is taken as UTC."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else _utc_text(value)
        return lambda value: None if value is None else _utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        """Mark as UTC."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)
        return lambda value: None if value is None else _utc(value)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@lru_cache(maxsize=16)
def _utc_text(moment: datetime) -> str:
    """ISO text in UTC; remembered, for a commit has one moment for thousands of rows."""
    return _utc(moment).replace(tzinfo=None).isoformat(" ", "microseconds")


class LibraryColumns(TypedColumns):
    """One row: the state of the whole library, and the lock every writer takes first on PostgreSQL."""

    id = Column(Integer, primary_key=True, autoincrement=False)
    revision = Column(BigInteger, nullable=False)
    default_space: Named[str | None] = Column(Text)


class CounterColumns(TypedColumns):
    """Numbers that are given out once and never again: item ids, segments, generations."""

    name = Column(Text, primary_key=True)
    next = Column(BigInteger, nullable=False)


class LeaseColumns(TypedColumns):
    """One row: who may write. `token` grows with every acquisition and fences off a holder that lost it."""

    id = Column(Integer, primary_key=True, autoincrement=False)
    token = Column(BigInteger, nullable=False)
    command: Named[str | None] = Column(Prose)  # null: free
    host: Named[str | None] = Column(Text)
    machine: Named[str | None] = Column(Text)  # where `pid` has a meaning: boot and process namespace
    pid: Named[int | None] = Column(BigInteger)
    process_started: Named[str | None] = Column(Text)
    since: Named[datetime | None] = Column(Moment)
    heartbeat: Named[float | None] = Column(Float(53))  # seconds since 1970


class SpaceColumns(TypedColumns):
    """Embedding spaces."""

    id = Column(Integer, primary_key=True)
    name = Column(Text, nullable=False, unique=True)
    model = Column(Text, nullable=False)
    weights_fingerprint = Column(Text, nullable=False)
    preprocessing_fingerprint = Column(Text, nullable=False)
    dim = Column(Integer, nullable=False)
    created_at = Column(Moment, nullable=False)
    fair_ranking: Named[str | None] = Column(Text)  # JSON of `domain.FairRanking`; null: off
    reranking: Named[str | None] = Column(Text)  # JSON of `domain.TunedRerank`; null: as usual


class ItemColumns(TypedColumns):
    """Pictures and texts. `attributes` is what the file says, overlaid with what its source and what people say.

    An item whose file is gone is missing: `deleted_at` hides it as it hides one that a person removed, `missing_since`
    tells that it comes back with its content. A key that is null in `user_attributes` was taken away by a person.
    """

    id = Column(RowId, primary_key=True, autoincrement=False)
    modality = Column(Text, nullable=False)
    uri = Column(Uri, nullable=False)
    uri_key = Column(LargeBinary(16), nullable=False)
    content_hash = Column(Text, nullable=False)
    bytes = Column(BigInteger, nullable=False)
    mtime_ns = Column(BigInteger, nullable=False)
    ctime_ns = Column(BigInteger, nullable=False, server_default="0")  # see `records.KnownFile`
    width: Named[int | None] = Column(Integer)
    height: Named[int | None] = Column(Integer)
    format: Named[str | None] = Column(Text)
    text: Named[str | None] = Column(Prose)
    attributes: Named[dict[str, Any]] = Column(Attributes, nullable=False)
    user_attributes: Named[dict[str, Any]] = Column(Attributes, nullable=False)
    added_at = Column(Moment, nullable=False)
    # Another one with every change of `attributes`: see `filters.groups`.
    updated_at = Column(Moment, nullable=False)
    deleted_at: Named[datetime | None] = Column(Moment)
    missing_since: Named[datetime | None] = Column(Moment)


class FormerContentColumns(TypedColumns):
    """What edited items held when people wrote about them, until their words were handed on: `former_contents`."""

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True)
    content_hash = Column(Text, primary_key=True, index=True)


class DescriptionColumns(TypedColumns):
    """What a source says of an item, apart from what people do: only of items that a source has spoken of.

    The captions are in `captions`; `digest` tells whether the source says something else than before, `stamp` whether
    it has to be listened to at all.
    """

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True, autoincrement=False)
    teller = Column(Uri, nullable=False)  # the table; empty: what lies beside the picture
    stamp = Column(BigInteger, nullable=False)
    digest = Column(BigInteger, nullable=False)
    attributes: Named[dict[str, Any]] = Column(Attributes, nullable=False)
    facts: Named[dict[str, Any]] = Column(Attributes, nullable=False)  # what the file itself says


class CaptionColumns(TypedColumns):
    """Sentences about items."""

    id = Column(RowId, primary_key=True)
    item_id = Column(RowId, ForeignKey("items.id"), nullable=False, index=True)
    text = Column(Prose, nullable=False)
    language: Named[str | None] = Column(Prose)
    source = Column(Text, nullable=False)


class TagColumns(TypedColumns):
    """Words people put on items."""

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True)
    tag = Column(Prose, primary_key=True)


class AlbumColumns(TypedColumns):
    """Albums: by hand, or saved searches, which have a query, a filter or both."""

    id = Column(RowId, primary_key=True, autoincrement=False)
    name = Column(Prose, nullable=False)
    query: Named[str | None] = Column(Prose)
    filter: Named[str | None] = Column(Prose)
    created_at = Column(Moment, nullable=False)
    updated_at = Column(Moment, nullable=False)


class AlbumItemColumns(TypedColumns):
    """Which items people put into which albums."""

    album_id = Column(RowId, ForeignKey("albums.id"), primary_key=True)
    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True, index=True)


class JudgmentColumns(TypedColumns):
    """Which items people found right and wrong for which queries: see `judgments`."""

    query_key = Column(LargeBinary(16), primary_key=True)
    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True, index=True)
    who = Column(Prose, primary_key=True)
    query = Column(Prose, nullable=False)
    filter: Named[str | None] = Column(Prose)
    grade = Column(Integer, nullable=False)
    at = Column(Moment, nullable=False)


class ReadingColumns(TypedColumns):
    """The text that was read in pictures, also where there was none: see `readings`."""

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True, autoincrement=False)
    reader = Column(Text, nullable=False)  # its name and version
    lines: Named[list[dict[str, Any]]] = Column(Attributes, nullable=False)
    letters = Column(Prose, nullable=False)  # folded, a line each, between line ends; empty: no text


class UnreadFactColumns(TypedColumns):
    """Items whose files are still to be asked for all that they say: see `unread_facts`."""

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True, autoincrement=False)


class FingerprintColumns(TypedColumns):
    """Perceptual hashes of pictures, and which of them are near-duplicates of each other."""

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True, autoincrement=False)
    hash = Column(BigInteger, nullable=False)  # 64 bits as a signed number
    group_id: Named[int | None] = Column(BigInteger)  # null: alone, or not compared yet
    compared = Column(Integer, nullable=False)  # 1 or 0; -1: of a missing item


class StackItemColumns(TypedColumns):
    """Which pictures are shown as one: see `stacks`. `stack_id` is null where people took an item out of all."""

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True, autoincrement=False)
    stack_id: Named[int | None] = Column(BigInteger, index=True)
    rule = Column(Text, nullable=False)


class EmbeddingColumns(TypedColumns):
    """Where the one valid vector of an item in a space lies."""

    item_id = Column(RowId, ForeignKey("items.id"), primary_key=True)
    space_id = Column(Integer, ForeignKey("spaces.id"), primary_key=True)
    segment = Column(BigInteger, nullable=False)
    row = Column(Integer, nullable=False)


class DeadRowColumns(TypedColumns):
    """Rows of segments whose vector no longer stands for its item: deleted, changed or embedded anew."""

    space_id = Column(Integer, ForeignKey("spaces.id"), primary_key=True)
    modality = Column(Text, primary_key=True)
    segment = Column(BigInteger, primary_key=True)
    row = Column(Integer, primary_key=True)
    item_id = Column(RowId, nullable=False)


class SegmentColumns(TypedColumns):
    """Committed segments."""

    space_id = Column(Integer, ForeignKey("spaces.id"), primary_key=True)
    modality = Column(Text, primary_key=True)
    number = Column(BigInteger, primary_key=True, autoincrement=False)
    rows = Column(BigInteger, nullable=False)
    checksum = Column(Text, nullable=False)
    created_at = Column(Moment, nullable=False)


class GenerationColumns(TypedColumns):
    """Built indexes; at most one per space and modality is active."""

    space_id = Column(Integer, ForeignKey("spaces.id"), primary_key=True)
    modality = Column(Text, primary_key=True)
    number = Column(BigInteger, primary_key=True, autoincrement=False)
    high_water = Column(BigInteger, nullable=False)
    kind = Column(Text, nullable=False)
    rows = Column(BigInteger, nullable=False)
    active = Column(Integer, nullable=False)  # 1 or 0
    created_at = Column(Moment, nullable=False)


class FailureColumns(TypedColumns):
    """The ledger of files that could not be used."""

    uri_key = Column(LargeBinary(16), primary_key=True)
    uri = Column(Uri, nullable=False)
    stage = Column(Text, nullable=False)
    reason = Column(Prose, nullable=False)
    attempts = Column(Integer, nullable=False)
    at = Column(Moment, nullable=False)
    # The file as it was listed then; zeros where that is not known.
    bytes = Column(BigInteger, nullable=False, server_default="0")
    mtime_ns = Column(BigInteger, nullable=False, server_default="0")
    ctime_ns = Column(BigInteger, nullable=False, server_default="0")


class JobColumns(TypedColumns):
    """Bulk jobs, running and past."""

    id = Column(RowId, primary_key=True)
    kind = Column(Text, nullable=False)
    params: Named[dict[str, Any]] = Column(Attributes, nullable=False)
    state = Column(Text, nullable=False)
    progress: Named[dict[str, Any]] = Column(Attributes, nullable=False)
    started_at = Column(Moment, nullable=False)
    heartbeat_at = Column(Moment, nullable=False)
    finished_at: Named[datetime | None] = Column(Moment)


class ApiKeyColumns(TypedColumns):
    """Keys of the HTTP service; only the SHA-256 of a key is kept."""

    id = Column(RowId, primary_key=True)
    name = Column(Prose, nullable=False)
    key_hash = Column(Text, nullable=False, unique=True)
    scopes: Named[list[str]] = Column(Attributes, nullable=False)
    created_at = Column(Moment, nullable=False)
    revoked_at: Named[datetime | None] = Column(Moment)
    filter: Named[str | None] = Column(Prose)  # null: it sees the whole library
    expires_at: Named[datetime | None] = Column(Moment)
    last_used_at: Named[datetime | None] = Column(Moment)
    requests_a_day: Named[int | None] = Column(BigInteger)
    upload_bytes_a_day: Named[int | None] = Column(BigInteger)
    upload_pictures_a_day: Named[int | None] = Column(BigInteger)


class KeyUsageColumns(TypedColumns):
    """What each key has asked for on a day (of UTC)."""

    key_id = Column(RowId, ForeignKey("api_keys.id"), primary_key=True, autoincrement=False)
    day = Column(Text, primary_key=True)
    requests = Column(BigInteger, nullable=False)
    upload_bytes = Column(BigInteger, nullable=False)
    upload_pictures = Column(BigInteger, nullable=False)


library = Table("library", metadata, LibraryColumns, CheckConstraint("id = 1", name="single"))
counters = Table("counters", metadata, CounterColumns)
lease = Table("lease", metadata, LeaseColumns, CheckConstraint("id = 1", name="single"))
spaces = Table("spaces", metadata, SpaceColumns)
items = Table("items", metadata, ItemColumns)
former_contents = Table("former_contents", metadata, FormerContentColumns, sqlite_with_rowid=False)
descriptions = Table("descriptions", metadata, DescriptionColumns)
captions = Table("captions", metadata, CaptionColumns)
tags = Table("tags", metadata, TagColumns, sqlite_with_rowid=False)
albums = Table("albums", metadata, AlbumColumns)
album_items = Table("album_items", metadata, AlbumItemColumns, sqlite_with_rowid=False)
judgments = Table("judgments", metadata, JudgmentColumns, sqlite_with_rowid=False)
readings = Table("readings", metadata, ReadingColumns)
unread_facts = Table("unread_facts", metadata, UnreadFactColumns)
fingerprints = Table("fingerprints", metadata, FingerprintColumns)
stack_items = Table("stack_items", metadata, StackItemColumns)
embeddings = Table("embeddings", metadata, EmbeddingColumns, sqlite_with_rowid=False)
dead_rows = Table("dead_rows", metadata, DeadRowColumns, sqlite_with_rowid=False)
segments = Table("segments", metadata, SegmentColumns)
generations = Table("generations", metadata, GenerationColumns)
failures = Table("failures", metadata, FailureColumns)
jobs = Table("jobs", metadata, JobColumns)
api_keys = Table("api_keys", metadata, ApiKeyColumns)
key_usage = Table("key_usage", metadata, KeyUsageColumns)

Index("ix_items_content_hash", items.c.content_hash)
Index("ix_tags_tag", tags.c.tag, tags.c.item_id)

LIVE = items.c.deleted_at.is_(None)
KEPT = or_(LIVE, items.c.missing_since.is_not(None))  # live or missing: not removed by a person


def _keyed_in_postgres() -> ColumnElement[bool]:
    from sqlalchemy.dialects.postgresql import JSONB  # costs a SQLite user 60 ms

    found: ColumnElement[bool] = type_coerce(items.c.attributes, JSONB()).has_key("keywords")
    return found


# Items whose files brought keywords: on SQLite in the words of the index of only these (migration 0006).
KEYED = ByDialect(
    lambda: literal_column("json_type(items.attributes, '$.\"keywords\"') IS NOT NULL", Boolean()),
    _keyed_in_postgres,
)
