"""Make outcomes durable, some thousands at once: vectors by `retrieval.ingest`, then everything else.

Moves and touches are transactions of their own: where they are lost, the next job finds the
same path gone and the same content new, and comes to the same end. Removals come last, when nothing can turn
out to be moved any more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from indexer.pipeline import Embedded
from indexer.plan import Known
from indexer.sources.source import Candidate
from retrieval import ingest
from retrieval.domain import Caption, CaptionSource, ItemId, Modality, Skipped


class Ledger(ingest.Ledger, Protocol):
    """The part of the catalog that a job writes to; each call is one transaction."""

    def move_items(self, moves: Sequence[tuple[ItemId, str, int]]) -> None: ...  # noqa: D102
    def touch_items(self, touches: Sequence[tuple[ItemId, int, int]]) -> None: ...  # noqa: D102
    def set_captions(  # noqa: D102
        self, item: ItemId, sentences: Sequence[Caption], source: CaptionSource
    ) -> None: ...
    def set_attributes(self, item: ItemId, attributes: Mapping[str, Any]) -> None: ...  # noqa: D102
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
        self._descriptions: list[tuple[ItemId, Candidate]] = []
        self._failures: list[Skipped] = []
        self._recovered: list[str] = []
        self._last = monotonic()

    def add(self, embedded: Embedded) -> None:
        """A new, changed or newly embedded item."""
        self._embedded.append(embedded)

    def move(self, known: Known, candidate: Candidate) -> None:
        """The same content under a new path."""
        self._moves.append((known.id, candidate.uri, candidate.mtime_ns))
        self._describe(known, candidate)
        self._recover(candidate.uri)

    def touch(self, known: Known, candidate: Candidate) -> None:
        """The same content under the same path, with another modification time."""
        self._touches.append((known.id, candidate.mtime_ns, candidate.bytes))
        self._describe(known, candidate)
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
        self._commit_descriptions()
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

    def _describe(self, known: Known, candidate: Candidate) -> None:
        """Note what the source says now of a picture whose content is the same."""
        if candidate.captions or candidate.attributes:
            self._descriptions.append((known.id, candidate))

    def _commit_descriptions(self) -> None:
        """Before the touches: where these are lost, the next job finds the picture touched, and describes it again."""
        for item, candidate in self._descriptions:
            if candidate.captions:
                self._ledger.set_captions(item, candidate.captions, CaptionSource.USER)
            if candidate.attributes:
                self._ledger.set_attributes(item, candidate.attributes)
        self._descriptions = []

    def _recover(self, uri: str) -> None:
        if uri in self._failed_before:
            self._recovered.append(uri)

    def _commit_vectors(self, embedded: Sequence[Embedded]) -> None:
        uris = [entry.candidate.uri for entry in embedded]
        ingest.commit(
            self._ledger,
            self._directory,
            self._space,
            self._modality,
            [_arrival(entry) for entry in embedded],
            recovered=[uri for uri in uris if uri in self._failed_before],
        )


def _arrival(embedded: Embedded) -> ingest.Arrival:
    candidate = embedded.candidate
    return ingest.Arrival(
        uri=candidate.uri,
        content_hash=embedded.content_hash,
        bytes=candidate.bytes,
        mtime_ns=candidate.mtime_ns,
        vector=embedded.vector,
        item=embedded.known.id if embedded.known else None,
        picture=embedded.picture,
        attributes=candidate.attributes,
        captions=candidate.captions,
    )
