"""The values that cross the catalog's boundary, beside those of `vasari.retrieval.domain`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from vasari.retrieval.catalog.encoding import json_text
from vasari.retrieval.domain import Caption, CaptionSource, FairMethod, FairRanking, Item, ItemId, Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


FACTS = ("uri", "content_hash", "bytes", "mtime_ns", "width", "height", "format", "text")
"""What is known of an item's file: columns of `items`, and fields of `Item`, `NewItem` and exported records."""

ITEM_COLUMNS = ("id", "modality", *FACTS, "attributes", "added_at", "updated_at")


def item_of(row: Mapping[str, Any], captions: Iterable[Caption], tags: Iterable[str]) -> Item:
    """An item from its row of `ITEM_COLUMNS`, whose values are Python's already, and what other tables say of it."""
    said = {"modality": Modality(row["modality"]), "captions": tuple(captions), "tags": tuple(sorted(tags))}
    return Item(**{**row, **said})


class KnownFile(NamedTuple):
    """What planning needs to know of an item (a tuple: a library has millions)."""

    id: ItemId
    uri: str
    bytes: int
    mtime_ns: int
    content_hash: str
    ctime_ns: int = 0  # when the file last changed; 0: unknown; below 0: unknown, and indexed at -ctime_ns
    # The source that describes it: a table, or "" for what lies beside it; None: none did.
    teller: str | None = None
    stamp: int = 0  # what that source's listing showed of the description
    missing: bool = False  # its file was gone when it was last looked for


class Sighting(NamedTuple):
    """Where the content of an item was seen, and the file as it was listed there."""

    item: ItemId
    uri: str
    bytes: int
    mtime_ns: int
    ctime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Telling:
    """What a source says of an item, and who it is."""

    teller: str  # the table; empty: what lies beside the picture
    stamp: int  # of the listing: another one means that the source has to be listened to
    captions: tuple[Caption, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> int:
        """A number of what is said: another one means that something else is said."""
        if not self.captions and not self.attributes:
            return 0
        said = ([(one.text, one.language) for one in self.captions], json_text(dict(self.attributes)))
        return int.from_bytes(blake2b(repr(said).encode("utf-8", "replace"), digest_size=7).digest())


class MissingRow(NamedTuple):
    """Where the vector of a missing item lies."""

    item: ItemId
    segment: int
    row: int
    since: datetime


class RowOfItem(NamedTuple):
    """Where a vector lies: row `row` of segment `segment` holds (or held, if dead) the vector of `item`."""

    segment: int
    row: int
    item: ItemId


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """An immutable file of vectors: `rows` of them, and the checksum of its bytes."""

    space: str
    modality: Modality
    number: int
    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """An index over all segments up to and including `high_water`, as they were when it was built."""

    space: str
    modality: Modality
    number: int
    high_water: int
    kind: str  # an `IndexKind`: flat, hnsw, ivf, rabitq, milvus
    rows: int


NEW: ItemId = 0  # stands for the id of an item that gets one when it is committed


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item with its vector, ready to be committed: a new one, or the next state of one that the catalog knows.

    The last of a picture's shapes before the rows of the catalog: listed (`Candidate`), read (`Prepared`), embedded.
    """

    uri: str
    content_hash: str
    bytes: int
    mtime_ns: int
    vector: NDArray[np.float32]  # (dim,), unit length
    id: ItemId = NEW  # of the item that it updates
    ctime_ns: int = 0
    width: int | None = None  # pixels of the full picture, upright
    height: int | None = None
    format: str | None = None
    fingerprint: int | None = None  # the perceptual hash of a picture: 64 bits, signed
    text: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)  # what the file itself says
    captions: tuple[Caption, ...] = ()  # replace those of the same source
    told: Telling | None = None  # by the source it was listed by; None: that says nothing of it
    missing_since: datetime | None = None  # of a new item that comes as missing, from another library
    annotated: bool = False  # people gave it tags or attributes elsewhere, which follow

    @property
    def is_written_about(self) -> bool:
        """Whether people said something of it before it came."""
        return self.annotated or any(said.source is CaptionSource.USER for said in self.captions)


@dataclass(frozen=True, slots=True)
class CompactedSegment:
    """A segment written in the place of others: its row i was `origins[i]`, and rows that were dead are left behind."""

    segment: SegmentRecord
    replaces: tuple[int, ...]  # numbers
    origins: tuple[RowOfItem, ...]


@dataclass(frozen=True, slots=True)
class GalleryState:
    """All that a search must know of one (space, modality), read at one moment."""

    revision: int
    segments: tuple[SegmentRecord, ...]  # by number
    dead: tuple[RowOfItem, ...]
    generation: GenerationRecord | None  # the active one
    fair: FairRanking | None = None  # of pictures


def fair_text(fair: FairRanking) -> str:
    """A space's fair ranking as its column keeps it."""
    return json.dumps(asdict(fair))


def fair_of(text: str | None) -> FairRanking | None:
    """The inverse of `fair_text`; None for null."""
    if text is None:
        return None
    facts: dict[str, Any] = json.loads(text)
    return FairRanking(**{**facts, "method": FairMethod(facts["method"])})


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be used, and how often that was tried."""

    uri: str
    stage: str
    reason: str
    attempts: int
    at: datetime  # of the last attempt
    bytes: int = 0  # of the file as it was listed then, like the times; zeros where that is not known
    mtime_ns: int = 0
    ctime_ns: int = 0


HANDED_OVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The heartbeat of a job that its service left to the next."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A bulk job. `state` is running, done, failed or cancelled; `progress` is whatever the job reports."""

    id: int
    kind: str
    params: Mapping[str, Any]
    state: str
    progress: Mapping[str, Any]
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state != "running"

    @property
    def handed_over(self) -> bool:
        """Whether it waits for a service to go on with it."""
        return not self.ended and self.heartbeat_at == HANDED_OVER


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key is held to: the part of the library it sees, until when it opens, how much it may ask for in a day."""

    filter: str | None = None  # None: it sees the whole library
    expires_at: datetime | None = None
    requests_a_day: int | None = None
    upload_bytes_a_day: int | None = None
    upload_pictures_a_day: int | None = None


@dataclass(frozen=True, slots=True)
class Album:
    """An album by hand, or a saved search: its words in the language of queries, its filter in that of filters."""

    id: int
    name: str
    query: str | None
    filter: str | None
    created_at: datetime
    updated_at: datetime
    count: int | None = None  # live items of an album by hand; None for a saved search
    cover: ItemId | None = None  # one of them to stand for it

    @property
    def is_search(self) -> bool:
        """Whether its pictures are found, and not put into it."""
        return self.query is not None or self.filter is not None


@dataclass(frozen=True, slots=True)
class AlbumShare:
    """A link to an album: the key that sees it and nothing else."""

    id: int  # of the key
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    key: str | None = None  # which is known to none but who made it


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be said of items from now on; what it does not name stays."""

    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)  # None takes one away
    restore_attributes: Sequence[str] = ()  # forget what people set: what file and source say shows again
    add_to_albums: Sequence[int] = ()
    remove_from_albums: Sequence[int] = ()
    add_captions: Sequence[Caption] = ()  # beside what is said already
    remove_captions: Sequence[str] = ()  # of those that people wrote, word for word

    @property
    def is_of_albums(self) -> bool:
        """Whether it puts items into albums, or takes them out, and says nothing else."""
        return replace(self, add_to_albums=(), remove_from_albums=()) == Change()


@dataclass(frozen=True, slots=True)
class Undo:
    """A change that takes another one back, of those items that it changed."""

    ids: Sequence[ItemId]
    change: Change


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change came to."""

    changed: int  # items of which something else is said now
    not_found: Sequence[ItemId]  # that are not in the library
    undo: Sequence[Undo]  # in the order in which they take it back


@dataclass(frozen=True, slots=True)
class Judgment:
    """How right one person found an item for a query: 0 is wrong, 1 and more are right."""

    query: str  # as typed
    filter: str | None  # that held then
    item: ItemId
    modality: Modality  # of the item
    grade: int
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """What all people together found of a query: the grade of each live item that was judged."""

    query: str
    filter: str | None
    modality: Modality  # of the items
    grades: Mapping[ItemId, int]


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """A key of the HTTP service, without the key itself."""

    id: int
    name: str
    key_hash: str  # SHA-256, hexadecimal
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None
    limits: KeyLimits = KeyLimits()
    last_used_at: datetime | None = None

    def opens(self, now: datetime) -> bool:
        """Whether the key is in use: neither revoked nor expired."""
        return self.revoked_at is None and (self.limits.expires_at is None or now < self.limits.expires_at)


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """What a key has asked for in a day."""

    requests: int = 0
    upload_bytes: int = 0
    upload_pictures: int = 0

    def __add__(self, other: KeyUsage) -> KeyUsage:
        return KeyUsage(
            self.requests + other.requests,
            self.upload_bytes + other.upload_bytes,
            self.upload_pictures + other.upload_pictures,
        )


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who writes the library now."""

    command: str
    host: str
    pid: int
    since: datetime

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid} on {self.host}, since {self.since.isoformat(timespec='seconds')})"
