"""The port of sources: what a source of pictures or texts looks like to the indexer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, runtime_checkable

from vasari.retrieval.catalog.records import Telling
from vasari.retrieval.domain import Caption, Modality, Skipped

UNKNOWN_SIZE = -1  # of a candidate whose size would have to be asked for: its modification time decides alone
_NOTHING: Mapping[str, Any] = {}


class SourceKind(StrEnum):
    """How a path or URL is read."""

    FOLDER = "folder"
    PAIRS = "pairs"
    TABLE = "table"
    COCO = "coco"
    WEBDATASET = "webdataset"
    HF = "hf"


@dataclass(frozen=True, slots=True)
class Description:
    """What a source says about a picture, beside what its file says itself."""

    captions: tuple[Caption, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    troubles: tuple[Skipped, ...] = ()  # texts beside it that cannot be used
    unread: bool = False  # what it says is not known now: what it said before stays


class Candidate(NamedTuple):
    """One thing that may become an item (a tuple: it is made four times as fast, and a listing has millions)."""

    uri: str
    bytes: int
    mtime_ns: int
    ctime_ns: int = 0  # when the file or its permissions last changed; 0 where unknown
    captions: tuple[Caption, ...] = ()
    attributes: Mapping[str, Any] = _NOTHING  # one dict for a million files
    describe: Callable[[], Description] | None = None  # reads the description when it is needed; never raises
    origin: str = ""  # where the source names it, for a failure's reason: "row 17 of pictures.csv"
    # Who describes it: a table, or "" for what lies beside it; None: nobody was asked.
    teller: str | None = None
    # Another one means that the description may be another; 0: there is none, or it is not known yet.
    stamp: int = 0
    texts: tuple[str, ...] = ()  # uris of the files that `describe` reads (sidecars)
    troubles: tuple[Skipped, ...] = ()  # those of them that cannot be used, once it was asked
    text: str | None = None  # what a text says; its uri tells that, so one that is known is the same

    def completed(self, size: int) -> Candidate:
        """A copy with the file's size and the sidecar's description filled in, once the picture is read."""
        if self.bytes != UNKNOWN_SIZE and self.describe is None:
            return self
        said = self.describe() if self.describe else Description(self.captions, self.attributes)
        if said.unread:
            return self._replace(bytes=size, describe=None, teller=None, troubles=said.troubles)
        return self._replace(
            bytes=size,
            captions=said.captions,
            attributes=said.attributes,
            describe=None,
            troubles=said.troubles,
        )

    def telling(self, before: str | None) -> Telling | None:
        """What its source says of an item that `before` described; None where that leaves what is said as it is."""
        if self.teller is None:
            return None
        told = Telling(self.teller, self.stamp, self.captions, self.attributes)
        return told if told.digest or self.teller == before else None


def stamp_of(description: object) -> int:
    """A digest of what is said about a picture elsewhere, or of the files that say it; never 0.

    So a changed caption makes a picture be described anew, though the picture itself need not be read.
    """
    digest = blake2b(repr(description).encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(digest) or 1


class Source(Protocol):
    """Lists candidates, reads their bytes, and knows what its listing proves."""

    @property
    def modality(self) -> Modality:
        """What all of its candidates are."""
        ...

    @property
    def roots(self) -> Sequence[str] | None:
        """The uris (themselves, or everything in them) among which its candidates are; None: anywhere."""
        ...

    @property
    def places(self) -> Sequence[str]:
        """The folders and files that were asked for: one that suddenly lists nothing is doubted."""
        ...

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many files the last listing did not take for pictures, by `LeftOut`."""
        ...

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """Every candidate once, in an order that does not change between runs; `Skipped` has stage "list"."""
        ...

    def covers(self, uri: str) -> bool:
        """Whether the finished listing would have shown `uri`: only then its absence means it is gone."""
        ...

    def read(self, candidate: Candidate) -> bytes:
        """The bytes; raises ImageError (stage read or limit) or OSError. Called from many threads."""
        ...


FileFacts = tuple[str, int, int, int]
"""A file's uri, size in bytes, `mtime_ns` and `ctime_ns`."""

AsTheyWere = Callable[[Sequence[FileFacts]], Collection[str]]
"""Tells which of some files the catalog has like this, by uri."""


@runtime_checkable
class Differing(Protocol):
    """What a source can do that need not make a candidate of each file that is as it was: most are."""

    def differing(self, as_they_were: AsTheyWere) -> Iterator[Candidate | Skipped]:
        """`candidates`, less those that are as they were; asked once, and only of files with no texts beside them."""
        ...
