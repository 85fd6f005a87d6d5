"""Make outcomes durable, some thousands at once: vectors by `vasari.retrieval.library.commit`, then everything else.

Moves and touches are transactions of their own: where they are lost, the next job finds the
same path gone and the same content new, and comes to the same end. What is gone is marked missing last, when nothing
can turn out to be moved any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from vasari.indexer.plan import Task
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.catalog.records import KnownFile, NewItem, Sighting, Telling
from vasari.retrieval.domain import ItemId, Modality, Skipped
from vasari.retrieval.library import commit

if TYPE_CHECKING:
    from vasari.retrieval.catalog.catalog import Catalog  # SQLAlchemy, for which help would wait

_LOG = logging.getLogger(__name__)


class Committer:
    """Gathers outcomes and commits them every `every` files or `seconds` seconds, what comes first.

    The first commits of a job come earlier: after a twentieth of the time, then after twice as long each time.
    So the first pictures can be searched almost at once, and there are still few segments.
    """

    def __init__(
        self,
        catalog: Catalog,
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
        self._catalog = catalog
        self._directory = directory
        self._space = space
        self._modality = modality
        self._every = every
        self._seconds = seconds
        self._patience = seconds / 20
        self._still_mine = still_mine
        self._failed_before = failed_before
        self._troubled = set() if troubled is None else troubled
        self._items: list[NewItem] = []
        self._moves: list[Sighting] = []
        self._touches: list[Sighting] = []
        self._told: dict[ItemId, Telling] = {}
        self._failures: list[Skipped] = []
        self._recovered: list[str] = []
        self._last = monotonic()

    def add(self, task: Task, item: NewItem) -> None:
        """A new, changed or newly embedded item."""
        self._items.append(item)
        self._recover_texts(task.candidate)

    def move(self, known: KnownFile, candidate: Candidate) -> None:
        """The same content under a new path, or back from being missing."""
        self._moves.append(_sighting(known, candidate))
        self._describe(known, candidate)
        self._recover(candidate.uri)
        self._recover_texts(candidate)

    def touch(self, known: KnownFile, candidate: Candidate) -> None:
        """The same content under the same path, with other times, or described anew."""
        self._touches.append(_sighting(known, candidate))
        self._describe(known, candidate)
        self._recover(candidate.uri)
        self._recover_texts(candidate)

    def fail(self, skipped: Skipped) -> None:
        """A file that could not be used."""
        _LOG.info("skipped %s (%s): %s", skipped.uri, skipped.stage, skipped.reason)
        self._failures.append(skipped)

    def commit_if_due(self) -> None:
        """Commit when enough was gathered, or enough time has passed."""
        gathered = len(self._items) + len(self._moves) + len(self._touches) + len(self._failures)
        if gathered >= self._every or monotonic() - self._last >= self._patience:
            self.commit()
            self._patience = min(2 * self._patience, self._seconds)

    def commit(self) -> None:
        """Make all of it durable."""
        self._still_mine()
        if self._moves:  # before the vectors: another picture may have come where one has left
            self._catalog.items.move(self._moves)
            self._moves = []
        if self._items:
            recovered = [item.uri for item in self._items if item.uri in self._failed_before]
            place = (self._directory, self._space, self._modality)
            commit.commit_items(self._catalog, *place, self._items, recovered=recovered)
            self._items = []
        if self._told:  # before the touches: where these are lost, the next job comes to describe it again
            self._catalog.annotations.describe(self._told)
            self._told = {}
        if self._touches:
            self._catalog.items.touch(self._touches)
            self._touches = []
        if self._failures:
            self._catalog.failures.record(self._failures)
            self._failures = []
        if self._recovered:
            self._catalog.failures.clear(self._recovered)
            self._recovered = []
        self._last = monotonic()

    def _describe(self, known: KnownFile, candidate: Candidate) -> None:
        """Note what the source says now of a picture whose content is the same."""
        told = candidate.telling(known.teller)
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


def _sighting(known: KnownFile, candidate: Candidate) -> Sighting:
    return Sighting(known.id, candidate.uri, candidate.bytes, candidate.mtime_ns, candidate.ctime_ns)
