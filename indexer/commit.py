"""Make outcomes durable, some thousands at once: vectors by `retrieval.ingest`, then everything else.

Moves and touches are transactions of their own: where they are lost, the next job finds the
same path gone and the same content new, and comes to the same end. What is gone is marked missing last, when nothing
can turn out to be moved any more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Protocol

from indexer.pipeline import Embedded
from indexer.plan import Known
from indexer.sources.source import Candidate
from retrieval import ingest
from retrieval.catalog.records import Sighting, Telling
from retrieval.domain import ItemId, Modality, Skipped


class Ledger(ingest.Ledger, Protocol):
    """The part of the catalog that a job writes to; each call is one transaction."""

    def move_items(self, moves: Sequence[Sighting]) -> None: ...  # noqa: D102
    def touch_items(self, touches: Sequence[Sighting]) -> None: ...  # noqa: D102
    def describe_items(self, told: Mapping[ItemId, Telling]) -> None: ...  # noqa: D102
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
        troubled: set[str] | None = None,
    ) -> None:
        """`still_mine` raises when the write lease was lost; `failed_before` are uris in the ledger.

        `troubled` is told the uris of texts beside pictures that could not be used.
        """
        self._ledger = ledger
        self._directory = directory
        self._space = space
        self._modality = modality
        self._every = every
        self._seconds = seconds
        self._patience = seconds / 20
        self._still_mine = still_mine
        self._failed_before = failed_before
        self._troubled = set() if troubled is None else troubled
        self._embedded: list[Embedded] = []
        self._moves: list[Sighting] = []
        self._touches: list[Sighting] = []
        self._told: dict[ItemId, Telling] = {}
        self._failures: list[Skipped] = []
        self._recovered: list[str] = []
        self._last = monotonic()

    def add(self, embedded: Embedded) -> None:
        """A new, changed or newly embedded item."""
        self._embedded.append(embedded)
        self._recover_texts(embedded.candidate)

    def move(self, known: Known, candidate: Candidate) -> None:
        """The same content under a new path, or back from being missing."""
        self._moves.append(_sighting(known, candidate))
        self._describe(known, candidate)
        self._recover(candidate.uri)
        self._recover_texts(candidate)

    def touch(self, known: Known, candidate: Candidate) -> None:
        """The same content under the same path, with other times, or described anew."""
        self._touches.append(_sighting(known, candidate))
        self._describe(known, candidate)
        self._recover(candidate.uri)
        self._recover_texts(candidate)

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
        if self._moves:  # before the vectors: another picture may have come where one has left
            self._ledger.move_items(self._moves)
            self._moves = []
        if self._embedded:
            self._commit_vectors(self._embedded)
            self._embedded = []
        if self._told:  # before the touches: where these are lost, the next job comes to describe it again
            self._ledger.describe_items(self._told)
            self._told = {}
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
        told = telling(candidate, known.teller)
        if told is not None:
            self._told[known.id] = told

    def _recover(self, uri: str) -> None:
        if uri in self._failed_before:
            self._recovered.append(uri)

    def _recover_texts(self, candidate: Candidate) -> None:
        """Note which texts beside a picture could be used, and which could not."""
        troubled = {trouble.uri for trouble in candidate.troubles}
        self._failures.extend(candidate.troubles)
        self._troubled.update(troubled)
        for text in candidate.texts:
            if text not in troubled:
                self._recover(text)

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


def telling(candidate: Candidate, before: str | None) -> Telling | None:
    """What the source says of a picture that `before` described; None where it leaves what is said as it is."""
    if candidate.teller is None:
        return None
    told = Telling(candidate.teller, candidate.stamp, candidate.captions, candidate.attributes)
    return told if told.digest or candidate.teller == before else None


def _sighting(known: Known, candidate: Candidate) -> Sighting:
    return Sighting(known.id, candidate.uri, candidate.bytes, candidate.mtime_ns, candidate.ctime_ns)


def _arrival(embedded: Embedded) -> ingest.Arrival:
    candidate, known = embedded.candidate, embedded.known
    return ingest.Arrival(
        uri=candidate.uri,
        content_hash=embedded.content_hash,
        bytes=candidate.bytes,
        mtime_ns=candidate.mtime_ns,
        ctime_ns=candidate.ctime_ns,
        vector=embedded.vector,
        item=known.id if known else None,
        picture=embedded.picture,
        told=telling(candidate, known.teller if known else None),
    )
