"""The catalog: all that is known of a library but the vectors themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vasari.retrieval.catalog.albums import Albums
from vasari.retrieval.catalog.annotations import Annotations
from vasari.retrieval.catalog.api_keys import ApiKeys
from vasari.retrieval.catalog.changes import Changes
from vasari.retrieval.catalog.database import REVISION, Database
from vasari.retrieval.catalog.facets import FacetReader
from vasari.retrieval.catalog.failures import Failures
from vasari.retrieval.catalog.full_text import FullText
from vasari.retrieval.catalog.geo_clusters import PlaceReader
from vasari.retrieval.catalog.items import Items
from vasari.retrieval.catalog.jobs import Jobs
from vasari.retrieval.catalog.judgments import Judgments
from vasari.retrieval.catalog.lease import HeldLease, Lease
from vasari.retrieval.catalog.migrate import migrate
from vasari.retrieval.catalog.names import Names
from vasari.retrieval.catalog.perceptual_hashes import PerceptualHashes
from vasari.retrieval.catalog.readings import Readings
from vasari.retrieval.catalog.segments import Segments
from vasari.retrieval.catalog.spaces import Spaces
from vasari.retrieval.catalog.stacks import Stacks
from vasari.retrieval.catalog.timeline import TimelineReader
from vasari.retrieval.catalog.unread_facts import UnreadFacts
from vasari.retrieval.domain import Caption, CaptionSource, Item, ItemId, Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vasari.retrieval.catalog.filters.groups import GroupReader
    from vasari.retrieval.catalog.filters.query import FilterCache


class Catalog:
    """The metadata store of one library; threads may share it, and processes may open it side by side.

    Each attribute is what its module says; each of their methods is one transaction, or part of the one that
    `database.together` makes. Readers never wait for a writer. Methods raise StorageError when the disk is full or the
    server away, NotFoundError for a space that is not there, ReadOnlyError in a replica, and LibraryLockedError once a
    lease held here is lost.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.items = Items(database)
        self.annotations = Annotations(database)
        self.albums = Albums(database)
        self.changes = Changes(database)
        self.judgments = Judgments(database)
        self.segments = Segments(database)
        self.spaces = Spaces(database)
        self.perceptual_hashes = PerceptualHashes(database)
        self.readings = Readings(database)
        self.unread_facts = UnreadFacts(database)
        self.stacks = Stacks(database)
        self.full_text = FullText(database)
        self.facets = FacetReader(database)
        self.timeline = TimelineReader(database)
        self.places = PlaceReader(database)
        self.lease = Lease(database)
        self.failures = Failures(database)
        self.jobs = Jobs(database)
        self.keys = ApiKeys(database)
        self.names = Names(database.dialect, database.running)

    @cached_property
    def filters(self) -> FilterCache:
        """The filters of the last searches, with the items that they accept."""
        # A parser that most commands never need.
        from vasari.retrieval.catalog.filters.query import FilterCache

        return FilterCache(self.database)

    @cached_property
    def groupings(self) -> GroupReader:
        """The groups of the last searches by groups."""
        from vasari.retrieval.catalog.filters.groups import GroupReader

        return GroupReader(self.database)

    @classmethod
    def open(cls, location: str | Path, *, read_only: bool = False) -> Self:
        """Open, creating or upgrading it if need be, a SQLite file (a path or sqlite:///FILE) or a PostgreSQL URL.

        With `read_only` it has to be there, and every writing method raises ReadOnlyError.
        """
        database = Database(location, read_only=read_only)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Release the lease, if it is still held here, and close all connections."""
        self.lease.release()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def revision(self) -> int:
        """A number that grows with every change a search can see."""
        with self.database.read() as connection:
            return connection.execute(REVISION).scalar_one()

    # The names that programs of version 0.1 call.

    def acquire_lease(self, holder: str) -> HeldLease:
        """`lease.acquire`."""
        return self.lease.acquire(holder)

    def item_by_uri(self, uri: str, modality: Modality = Modality.IMAGE) -> Item | None:
        """`items.by_uri`."""
        return self.items.by_uri(uri, modality)

    def live_ids(self, modality: Modality) -> NDArray[np.int64]:
        """`items.live_ids`."""
        return self.items.live_ids(modality)

    def set_captions(self, item: ItemId, sentences: Sequence[Caption], source: CaptionSource) -> None:
        """`annotations.set_captions`."""
        self.annotations.set_captions(item, sentences, source)

    def set_tags(self, item: ItemId, tags: Iterable[str]) -> None:
        """`annotations.set_tags`."""
        self.annotations.set_tags(item, tags)
