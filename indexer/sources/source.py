"""What a source of pictures looks like to the indexer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from retrieval.domain import Caption, Skipped

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that may become an item. Small: a job holds one for every file that it has to look into."""

    uri: str
    bytes: int
    mtime_ns: int
    ctime_ns: int = 0  # when the file or its permissions last changed; 0 where unknown
    captions: tuple[Caption, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)  # one dict for a million files


class Source(Protocol):
    """Lists candidates, reads their bytes, and knows what its listing proves."""

    @property
    def roots(self) -> Sequence[str]:
        """The uris (themselves, or everything below them) that this source speaks for."""
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
