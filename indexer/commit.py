"""Make outcomes durable: the segment's files first, then one transaction that names them.

A kill at any moment leaves either no trace, or files that no transaction names (orphans, removed when the
next job starts). Moves and touches are transactions of their own: where they are lost, the next job finds the
same path gone and the same content new, and comes to the same end. Removals come last, when nothing can turn
out to be moved any more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from pathlib import Path
from time import monotonic
from typing import Protocol

import numpy as np

from indexer.pipeline import Embedded
from indexer.plan import Known
from indexer.sources.source import Candidate
from retrieval.catalog.records import CommitRow, ItemFacts, SegmentRecord
from retrieval.domain import ItemId, Modality, Skipped
from retrieval.vectors.segments import write_segment


class Ledger(Protocol):
    """The part of the catalog that a commit writes to; each call is one transaction."""

    def reserve_ids(self, count: int) -> range: ...  # noqa: D102
    def reserve_segment(self, space: str, modality: Modality) -> int: ...  # noqa: D102
    def commit_segment(  # noqa: D102
        self, segment: SegmentRecord, rows: Sequence[CommitRow], *, recovered: Sequence[str] = ()
    ) -> None: ...
    def move_items(self, moves: Sequence[tuple[ItemId, str, int]]) -> None: ...  # noqa: D102
    def touch_items(self, touches: Sequence[tuple[ItemId, int, int]]) -> None: ...  # noqa: D102
    def record_failures(self, failures: Sequence[Skipped]) -> None: ...  # noqa: D102
    def clear_failures(self, uris: Sequence[str]) -> object: ...  # noqa: D102


class Committer:
    """Gathers outcomes and commits them every `every` files or `seconds` seconds, what comes first.

    The first commits of a job come earlier: after a twentieth of the time, then after twice as long each time.
    So the first pictures can be searched almost at once, and there are still few segments.
    """

    def __init__(
        self,
        ledger: Ledger,
        directory: Path,
        space: str,
        modality: Modality,
        *,
        every: int,
        seconds: float,
        still_mine: Callable[[], None],
        failed_before: Container[str] = frozenset(),
    ) -> None:
        """`still_mine` raises when the write lease was lost; `failed_before` are uris in the ledger."""
        self._ledger = ledger
        self._directory = directory
        self._space = space
        self._modality = modality
        self._every = every
        self._seconds = seconds
        self._patience = seconds / 20
        self._still_mine = still_mine
        self._failed_before = failed_before
        self._embedded: list[Embedded] = []
        self._moves: list[tuple[ItemId, str, int]] = []
        self._touches: list[tuple[ItemId, int, int]] = []
        self._failures: list[Skipped] = []
        self._recovered: list[str] = []
        self._last = monotonic()

    def add(self, embedded: Embedded) -> None:
        """A new, changed or newly embedded item."""
        self._embedded.append(embedded)

    def move(self, known: Known, candidate: Candidate) -> None:
        """The same content under a new path."""
        self._moves.append((known.id, candidate.uri, candidate.mtime_ns))
        self._recover(candidate.uri)

    def touch(self, known: Known, candidate: Candidate) -> None:
        """The same content under the same path, with another modification time."""
        self._touches.append((known.id, candidate.mtime_ns, candidate.bytes))
        self._recover(candidate.uri)

    def fail(self, skipped: Skipped) -> None:
        """A file that could not be used."""
        self._failures.append(skipped)

    def commit_if_due(self) -> None:
        """Commit when enough was gathered, or enough time has passed."""
        gathered = len(self._embedded) + len(self._moves) + len(self._touches) + len(self._failures)
        if gathered >= self._every or monotonic() - self._last >= self._patience:
            self.commit()
            self._patience = min(2 * self._patience, self._seconds)

    def commit(self) -> None:
        """Make all of it durable."""
        self._still_mine()
        if self._embedded:
            self._commit_vectors(self._embedded)
            self._embedded = []
        if self._moves:
            self._ledger.move_items(self._moves)
            self._moves = []
        if self._touches:
            self._ledger.touch_items(self._touches)
            self._touches = []
        if self._failures:
            self._ledger.record_failures(self._failures)
            self._failures = []
        if self._recovered:
            self._ledger.clear_failures(self._recovered)
            self._recovered = []
        self._last = monotonic()

    def _recover(self, uri: str) -> None:
        if uri in self._failed_before:
            self._recovered.append(uri)

    def _commit_vectors(self, embedded: Sequence[Embedded]) -> None:
        new_ids = iter(self._ledger.reserve_ids(sum(entry.known is None for entry in embedded)))
        ids = [next(new_ids) if entry.known is None else entry.known.id for entry in embedded]
        number = self._ledger.reserve_segment(self._space, self._modality)
        checksum = write_segment(
            self._directory,
            number,
            np.array(ids, dtype=np.int64),
            np.stack([entry.vector for entry in embedded]),
        )
        self._ledger.commit_segment(
            SegmentRecord(self._space, self._modality, number, len(embedded), checksum),
            [
                CommitRow(row, _facts(item, entry), entry.candidate.captions)
                for row, (item, entry) in enumerate(zip(ids, embedded, strict=True))
            ],
            recovered=[
                entry.candidate.uri for entry in embedded if entry.candidate.uri in self._failed_before
            ],
        )


def _facts(item: ItemId, embedded: Embedded) -> ItemFacts:
    candidate, picture = embedded.candidate, embedded.picture
    return ItemFacts(
        id=item,
        uri=candidate.uri,
        content_hash=embedded.content_hash,
        bytes=candidate.bytes,
        mtime_ns=candidate.mtime_ns,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        attributes={**picture.attributes, **candidate.attributes},
    )
