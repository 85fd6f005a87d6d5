"""What a source of pictures looks like to the indexer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from retrieval.domain import Caption, Skipped

UNKNOWN_SIZE = -1  # of a candidate whose size would have to be asked for: its modification time decides alone
_NOTHING: Mapping[str, Any] = {}
_MILLISECOND = 10**6


@dataclass(frozen=True, slots=True)
class Description:
    """What a source says about a picture, beside what its file says itself."""

    captions: tuple[Caption, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


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

    def completed(self, size: int) -> Candidate:
        """With what is learned when the picture is read: its size, and a description that lies apart."""
        if self.bytes != UNKNOWN_SIZE and self.describe is None:
            return self
        said = self.describe() if self.describe else Description(self.captions, self.attributes)
        return self._replace(bytes=size, captions=said.captions, attributes=said.attributes, describe=None)


def stamped(mtime_ns: int, description: object) -> int:
    """`mtime_ns` to the millisecond, and below it a digest of what is said about the picture elsewhere.

    So a changed caption makes a picture look touched: it is read again and described anew, but not embedded.
    """
    digest = blake2b(repr(description).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return mtime_ns - mtime_ns % _MILLISECOND + int.from_bytes(digest) % _MILLISECOND


class Source(Protocol):
    """Lists candidates, reads their bytes, and knows what its listing proves."""

    @property
    def roots(self) -> Sequence[str] | None:
        """The uris (themselves, or everything in them) among which its candidates are; None: anywhere."""
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
