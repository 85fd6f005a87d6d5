"""The catalog: all that is known of a library but the vectors themselves.

Each method is one transaction, or part of the one that `together` makes. The work is done by the modules beside this
one; what is said in their docstrings holds here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from vasari.retrieval.catalog import (
    api_keys,
    captions,
    failures,
    jobs,
    lease,
    perceptual_hashes,
    reading,
    segments,
    spaces,
    writing,
)
from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.catalog.facets import Facets, attribute_counts, facets_of
from vasari.retrieval.catalog.full_text import full_text, refresh
from vasari.retrieval.catalog.lease import Lease
from vasari.retrieval.catalog.migrate import migrate
from vasari.retrieval.catalog.perceptual_hashes import Fingerprints
from vasari.retrieval.catalog.records import (
    ApiKeyRecord,
    CompactedSegment,
    Failure,
    GalleryState,
    GenerationRecord,
    JobRecord,
    KnownFile,
    LeaseHolder,
    MissingRow,
    NewItem,
    RowOfItem,
    SegmentRecord,
    Sighting,
    Telling,
)
from vasari.retrieval.catalog.statements import bump_revision, reserve
from vasari.retrieval.catalog.tables import library
from vasari.retrieval.domain import Caption, CaptionSource, EmbeddingSpace, Item, ItemId, Modality, Skipped
from vasari.retrieval.errors import UsageError

if TYPE_CHECKING:
    from vasari.retrieval.catalog.filters.query import FilterCache


class Catalog:
    """The metadata store of one library; threads may share it, and processes may open it side by side.

    Readers never wait for a writer. Methods raise StorageError when the disk is full or the server away,
    NotFoundError for a space that is not there, and LibraryLockedError once a lease held here is lost.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lease: Lease | None = None

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
        if self._lease is not None:
            self._lease.release()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction of all that this thread does here in the block: an error that leaves it undoes everything.

        Other writers wait until it ends (on SQLite for a minute, then they raise LibraryLockedError); readers do not.
        """
        with self._database.together():
            yield

    def revision(self) -> int:
        """A number that grows with every change a search can see."""
        with self._database.read() as connection:
            return connection.execute(select(library.c.revision)).scalar_one()

    # Spaces

    def ensure_space(self, space: EmbeddingSpace) -> EmbeddingSpace:
        """Register `space`, or check it against the one of that name (UsageError); the first is the default."""
        with self._database.write() as connection:
            return spaces.ensure_space(connection, space)

    def spaces(self) -> list[EmbeddingSpace]:
        """All spaces, oldest first."""
        with self._database.read() as connection:
            return spaces.all_spaces(connection)

    def space(self, name: str) -> EmbeddingSpace:
        """The space of this name; raises NotFoundError."""
        with self._database.read() as connection:
            return spaces.space_named(connection, name)

    def default_space(self) -> EmbeddingSpace | None:
        """The space that searches and jobs use unless told otherwise; None in a new library."""
        with self._database.read() as connection:
            return spaces.default_space(connection)

    def set_default_space(self, name: str) -> None:
        """Switch the default."""
        with self._database.write() as connection:
            spaces.set_default_space(connection, name)
            bump_revision(connection)

    def switch_when_complete(self, name: str) -> dict[Modality, int]:
        """Switch the default if all items have a vector in the space; else says how many of which kind have none."""
        with self._database.write() as connection:
            absent = spaces.switch_when_complete(connection, name)
            bump_revision(connection)
            return absent

    def without_vectors(self, name: str) -> dict[Modality, int]:
        """How many live items of each kind have no vector in the space; kinds of which none lacks one are left out."""
        with self._database.read() as connection:
            return spaces.without_vector(connection, name)

    def may_lack_vectors(self) -> bool:
        """Whether some item may have no vector in some space: there are several, or vectors were lost."""
        with self._database.read() as connection:
            return spaces.may_lack_vectors(connection)

    def drop_space(self, name: str) -> None:
        """Forget a space with all its vectors; raises NotFoundError."""
        with self._database.write() as connection:
            spaces.drop_space(connection, name)
            bump_revision(connection)

    # The right to write

    def acquire_lease(self, holder: str, *, stale_after: float = 30.0) -> Lease:
        """Take the right to write for the command `holder`; raises LibraryLockedError naming who has it.

        From then on every writing method of this catalog fails once the lease is lost. A holder whose process
        is dead, or that was silent for `stale_after` seconds, loses it to the next who asks.
        """
        self._lease = lease.acquire_lease(self._database, holder, stale_after)
        return self._lease

    def join_lease(self, token: int) -> None:
        """Write under a lease that another process holds: from now on writing fails once that lease is lost."""
        self._database.fence = token

    def lease_holder(self) -> LeaseHolder | None:
        """Who holds the lease, if anyone."""
        with self._database.read() as connection:
            return lease.lease_holder(connection)

    # Planning

    def known_files(self, modality: Modality, under: Sequence[str] | None = None) -> Iterator[KnownFile]:
        """Live items by id; with `under`, those that are one of these uris or lie in one of these folders."""
        return reading.known_files(self._database, modality, under)

    def newest_item(self) -> ItemId:
        """The greatest id given so far to an item; 0 in an empty library."""
        with self._database.read() as connection:
            return reading.newest(connection)

    def files_of_content(
        self, hashes: Iterable[str], modality: Modality, *, newest: ItemId
    ) -> list[KnownFile]:
        """Items with one of these content hashes, live or missing, whose id is not beyond `newest`; by id."""
        with self._database.read() as connection:
            return reading.files_of_content(connection, modality, hashes, newest)

    def holds_content(self, content_hash: str, modality: Modality, *, newest: ItemId) -> bool:
        """Whether there is such an item."""
        with self._database.read() as connection:
            return reading.holds_content(connection, modality, content_hash, newest)

    def written_about(self, ids: Iterable[ItemId]) -> set[ItemId]:
        """Those of these items about which people wrote something: tags, captions, attributes."""
        with self._database.read() as connection:
            return reading.written_about(connection, ids)

    def contents(self, modality: Modality) -> set[str]:
        """The content hashes of all items, live or missing."""
        with self._database.read() as connection:
            return reading.contents(connection, modality)

    def without_vector(self, space: str, ids: Iterable[ItemId]) -> set[ItemId]:
        """Those of these items, live or missing, that have no vector in the space."""
        with self._database.read() as connection:
            return reading.without_vector(connection, spaces.space_id(connection, space), ids)

    # Writing

    def reserve_ids(self, count: int) -> range:
        """`count` item ids that are given to nobody else, ever."""
        with self._database.write() as connection:
            return reserve(connection, "items", count)

    def reserve_segment(self, space: str, modality: Modality) -> int:
        """The number of the next segment."""
        with self._database.write() as connection:
            key = spaces.space_id(connection, space)
            return reserve(connection, f"segments:{key}:{modality}", 1).start

    def reserve_generation(self, space: str, modality: Modality) -> int:
        """The number of the next generation."""
        with self._database.write() as connection:
            key = spaces.space_id(connection, space)
            return reserve(connection, f"generations:{key}:{modality}", 1).start

    def commit_segment(
        self, segment: SegmentRecord, rows: Sequence[NewItem], *, recovered: Collection[str] = ()
    ) -> None:
        """Make a segment, whose files are on disk, part of the library, and strike `recovered` uris off the failures.

        Row i of the segment is the vector of `rows[i]`; all have ids. One with the id of a live item updates it: its
        old vector in this space is dead, and if its content changed, those in all spaces. The row of an item that was
        deleted meanwhile is dead from the start.
        """
        with self._database.write() as connection:
            writing.commit_segment(connection, segment, rows)
            failures.clear_failures(connection, recovered)
            bump_revision(connection)

    def move_items(self, moves: Sequence[Sighting]) -> None:
        """Give items other places: they keep captions and vectors. Names may be swapped; a missing item is back.

        An item that has lain under such a name, and gets no other, is missing from now on.
        """
        if moves:
            with self._database.write() as connection:
                writing.move_items(connection, moves)
                bump_revision(connection)

    def touch_items(self, touches: Sequence[Sighting]) -> None:
        """Note size and times of files whose content is the same."""
        if touches:
            with self._database.write() as connection:
                writing.touch_items(connection, touches)
                bump_revision(connection)

    def describe_items(self, told: Mapping[ItemId, Telling]) -> None:
        """Take down what sources say of items now; what people said of them stays."""
        if told:
            with self._database.write() as connection:
                refresh(connection, captions.describe(connection, told))
                bump_revision(connection)

    def lose_items(self, ids: Iterable[ItemId]) -> int:
        """Hide live items whose files are gone, until their content is seen again; says how many there were.

        They keep captions, tags, attributes and vectors.
        """
        with self._database.write() as connection:
            lost = writing.lose_items(connection, ids)
            if lost:
                bump_revision(connection)
            return lost

    def purge_items(self, ids: Iterable[ItemId]) -> int:
        """Forget missing items and all that is said of them, for good; says how many there were."""
        with self._database.write() as connection:
            purged = writing.purge_items(connection, ids)
            if purged:
                bump_revision(connection)
            return purged

    def delete_items(self, ids: Iterable[ItemId]) -> int:
        """Delete live items: no search finds them again; says how many there were."""
        with self._database.write() as connection:
            deleted = writing.delete_items(connection, ids)
            if deleted:
                bump_revision(connection)
            return deleted

    def set_captions(self, item: ItemId, sentences: Sequence[Caption], source: CaptionSource) -> None:
        """Replace the item's captions from `source`; raises NotFoundError."""
        with self._database.write() as connection:
            captions.set_captions(connection, item, sentences, source)
            bump_revision(connection)

    def set_tags(self, item: ItemId, tags: Iterable[str]) -> None:
        """Replace the item's tags; raises NotFoundError, and UsageError for an empty or overlong tag."""
        with self._database.write() as connection:
            captions.set_tags(connection, item, tags)
            bump_revision(connection)

    def add_captions(self, of_items: Mapping[ItemId, Sequence[Caption]]) -> None:
        """Add those captions to items that are not there."""
        if of_items:
            with self._database.write() as connection:
                captions.add_captions(connection, of_items)
                bump_revision(connection)

    def add_tags(self, tags: Mapping[ItemId, Sequence[str]]) -> None:
        """Add tags, of 1 to 200 characters, to the live and missing items among these; tags that are there stay."""
        if tags:
            with self._database.write() as connection:
                captions.add_tags(connection, tags)
                bump_revision(connection)

    def set_attributes(self, item: ItemId, attributes: Mapping[str, Any]) -> None:
        """Set some attributes, or remove them (None); they outlast a change of the file. Raises NotFoundError."""
        with self._database.write() as connection:
            captions.set_attributes(connection, item, attributes)
            bump_revision(connection)

    def add_attributes(self, of_items: Mapping[ItemId, Mapping[str, Any]]) -> dict[ItemId, UsageError]:
        """Add what a person set elsewhere to the live and missing items among these; what was set here stays as it is.

        Nothing is added to those of which too much would be said then; these are returned, with the error.
        """
        if not of_items:
            return {}
        with self._database.write() as connection:
            refused = captions.add_attributes(connection, of_items)
            bump_revision(connection)
            return refused

    # Reading

    def items(self, ids: Iterable[ItemId], *, missing: bool = False) -> dict[ItemId, Item]:
        """The live items among `ids`, or those that are missing, in that order."""
        with self._database.read() as connection:
            return reading.items_of(connection, ids, missing=missing)

    def user_attributes(self, ids: Iterable[ItemId]) -> dict[ItemId, dict[str, Any]]:
        """What people set of attributes of the live and missing items among `ids`, if any; null: taken away."""
        with self._database.read() as connection:
            return reading.user_attributes(connection, ids)

    def item_by_uri(self, uri: str, modality: Modality = Modality.IMAGE) -> Item | None:
        """The live item with this uri."""
        with self._database.read() as connection:
            return reading.item_by_uri(connection, uri, modality)

    def ids_by_uri(self, uris: Collection[str], modality: Modality) -> dict[str, ItemId]:
        """The live items that have these very uris."""
        with self._database.read() as connection:
            found = reading.holders(connection, modality, uris)
        return {uri: found[key] for uri in uris if (key := uri_key(uri)) in found}

    def items_named(self, name: str) -> list[ItemId]:
        """Live items whose uri is this one, or canonically equivalent to it, by id."""
        with self._database.read() as connection:
            return reading.items_named(connection, name)

    def count(self, modality: Modality) -> int:
        """How many live items there are."""
        with self._database.read() as connection:
            return reading.count(connection, modality)

    def count_missing(self, modality: Modality | None = None) -> int:
        """How many items are missing: hidden, as their files were gone when they were last looked for."""
        with self._database.read() as connection:
            return reading.count_missing(connection, modality)

    def missing_items(
        self, since: datetime | None = None, under: Sequence[str] | None = None
    ) -> list[ItemId]:
        """Items that are missing since `since` or longer, and lay in one of the places `under`; by id."""
        with self._database.read() as connection:
            return reading.missing_items(connection, since, under)

    def live_ids(self, modality: Modality) -> NDArray[np.int64]:
        """Ids (n,) of all live items, ascending."""
        with self._database.read() as connection:
            return reading.live_ids(connection, modality)

    def matching(self, filter_text: str, modality: Modality) -> NDArray[np.int64]:
        """Ids (n,) of live items that a filter accepts, ascending; raises QueryError with the column of a mistake."""
        with self._database.read() as connection:
            return self._filters.ids(connection, filter_text, modality)

    @cached_property
    def _filters(self) -> FilterCache:
        from vasari.retrieval.catalog.filters.query import (
            FilterCache,  # loads a parser that most commands never need
        )

        return FilterCache()

    def full_text(
        self, words: str, modality: Modality, limit: int, allowed: NDArray[np.int64] | None = None
    ) -> list[ItemId]:
        """Live items whose captions, tags, text or name hold some of the words, best first; see `words`."""
        with self._database.read() as connection:
            return full_text(connection, words, modality, limit, allowed)

    # Vectors

    def gallery_state(self, space: str, modality: Modality) -> GalleryState:
        """Revision, segments, dead rows and active generation, all of the same moment."""
        with self._database.read() as connection:
            return segments.gallery_state(connection, space, modality)

    def segments(self, space: str, modality: Modality) -> list[SegmentRecord]:
        """Committed segments by number."""
        with self._database.read() as connection:
            return segments.segments_of(connection, space, modality)

    def dead_rows(self, space: str, modality: Modality) -> list[RowOfItem]:
        """Rows whose vector no longer stands for its item, by segment and row."""
        with self._database.read() as connection:
            return segments.dead_rows_of(connection, space, modality)

    def live_rows(self, space: str, modality: Modality) -> list[RowOfItem]:
        """Rows whose vector stands for a live item, by segment and row."""
        with self._database.read() as connection:
            return segments.live_rows_of(connection, space, modality)

    def missing_rows(self, space: str, modality: Modality) -> list[MissingRow]:
        """The vectors of missing items, as far as there are any, by item."""
        with self._database.read() as connection:
            return segments.missing_rows_of(connection, space, modality)

    def embedding_of(self, space: str, item: ItemId) -> tuple[int, int] | None:
        """(segment, row) of the item's vector in this space."""
        with self._database.read() as connection:
            return segments.embedding_of(connection, space, item)

    def embedded(self, space: str, modality: Modality, uris: Iterable[str]) -> dict[str, str]:
        """Content hashes of the live items among `uris` that have a vector in this space, by uri."""
        with self._database.read() as connection:
            return segments.embedded(connection, space, modality, uris)

    def missing_embeddings(self, space: str, modality: Modality) -> Iterator[ItemId]:
        """Live items without a vector in this space, by id."""
        with self._database.read() as connection:
            key = spaces.space_id(connection, space)
        return reading.missing_embeddings(self._database, key, modality)

    def drop_segment(self, space: str, modality: Modality, number: int) -> int:
        """Forget a segment whose files are lost, and generations over it; says how many items now miss their vector."""
        with self._database.write() as connection:
            lost = segments.drop_segment(connection, space, modality, number)
            bump_revision(connection)
            return lost

    def replace_segments(self, compacted: Sequence[CompactedSegment]) -> None:
        """Let new segments, whose files are on disk, stand for others that no generation in use covers.

        UsageError where one does: it would go on finding the old rows beside the new ones.
        """
        if not compacted:
            return
        first = min(number for each in compacted for number in each.replaces)
        with self._database.write() as connection:
            segment = compacted[0].segment
            active = segments.active_generation(connection, segment.space, segment.modality)
            if active is not None and active.high_water >= first:
                raise UsageError(
                    f"generation {active.number} covers segment {first}: publish another with them"
                )
            for each in compacted:
                segments.replace_segments(connection, each)
            bump_revision(connection)

    def publish_generation(
        self, generation: GenerationRecord, compacted: Sequence[CompactedSegment] = ()
    ) -> None:
        """Make a built generation the one that searches use, and the segments it was built over stand for others."""
        with self._database.write() as connection:
            for each in compacted:
                segments.replace_segments(connection, each)
            segments.publish_generation(connection, generation)
            bump_revision(connection)

    def damage(self) -> list[str]:
        """What SQLite finds wrong in its own file; PostgreSQL looks after itself."""
        return self._database.damage()

    def retire_generation(self, space: str, modality: Modality, number: int) -> None:
        """Forget a generation; if it was active, searches scan the segments. Raises NotFoundError."""
        with self._database.write() as connection:
            segments.retire_generation(connection, space, modality, number)
            bump_revision(connection)

    def active_generation(self, space: str, modality: Modality) -> GenerationRecord | None:
        """The generation that searches use."""
        with self._database.read() as connection:
            return segments.active_generation(connection, space, modality)

    def generations(self, space: str, modality: Modality) -> list[GenerationRecord]:
        """All published generations by number."""
        with self._database.read() as connection:
            return segments.generations_of(connection, space, modality)

    # Near-duplicates

    def duplicate_groups(self, ids: Iterable[ItemId]) -> dict[ItemId, int]:
        """The near-duplicate group of each item that is in one."""
        with self._database.read() as connection:
            return perceptual_hashes.groups_of(connection, ids)

    def duplicates(self) -> list[list[ItemId]]:
        """The items of each group of near-duplicates, by ascending id."""
        with self._database.read() as connection:
            return perceptual_hashes.members(connection)

    def count_fingerprints(self) -> tuple[int, int]:
        """How many perceptual hashes there are, and how many of them were not compared with the others yet."""
        with self._database.read() as connection:
            return perceptual_hashes.counts(connection)

    def fingerprints(self) -> Fingerprints:
        """All perceptual hashes with their groups."""
        with self._database.read() as connection:
            return perceptual_hashes.all_fingerprints(connection)

    def missing_fingerprints(self) -> Iterator[ItemId]:
        """Live pictures without a perceptual hash, by id: those of a library that an older version made."""
        return perceptual_hashes.missing(self._database)

    def set_fingerprints(self, hashes: Mapping[ItemId, int]) -> None:
        """Note perceptual hashes of items that have none."""
        with self._database.write() as connection:
            alive = reading.items_of(connection, hashes)
            perceptual_hashes.note(connection, {item: hashes[item] for item in alive})

    def save_duplicate_groups(self, groups: Sequence[tuple[ItemId, int, int | None]]) -> None:
        """Note (id, hash, group) of items that were compared; the others of their groups are to be among them."""
        with self._database.write() as connection:
            perceptual_hashes.save_groups(connection, groups)
            bump_revision(connection)

    # Failures and jobs

    def record_failures(self, skipped: Sequence[Skipped]) -> None:
        """Enter files that could not be used; one that was there before counts one attempt more."""
        if skipped:
            with self._database.write() as connection:
                failures.record_failures(connection, skipped)

    def failures(self, limit: int | None = None) -> list[Failure]:
        """Files that could not be used, the latest first."""
        with self._database.read() as connection:
            return failures.failures_of(connection, limit)

    def count_failures(self) -> int:
        """How many files could not be used."""
        with self._database.read() as connection:
            return failures.count_failures(connection)

    def clear_failures(self, uris: Iterable[str] | None = None) -> int:
        """Strike out these files, or all; says how many."""
        with self._database.write() as connection:
            return failures.clear_failures(connection, uris)

    def start_job(self, kind: str, params: Mapping[str, Any]) -> int:
        """Enter a running job; its id."""
        with self._database.write() as connection:
            return failures.start_job(connection, kind, params)

    def update_job(self, job: int, state: str, progress: Mapping[str, Any] | None = None) -> None:
        """Note a job's state (running, done, failed, cancelled) and progress; raises NotFoundError."""
        with self._database.write() as connection:
            failures.update_job(connection, job, state, progress)

    def jobs(self, limit: int | None = None) -> list[JobRecord]:
        """Jobs, the latest first."""
        with self._database.read() as connection:
            return failures.jobs_of(connection, limit)

    def job(self, job: int) -> JobRecord | None:
        """The job with this id."""
        with self._database.read() as connection:
            return jobs.job_of(connection, job)

    def beat_job(self, job: int, progress: Mapping[str, Any]) -> bool:
        """Note progress of a running job; False when it was cancelled or has ended."""
        with self._database.write() as connection:
            return jobs.beat_job(connection, job, progress)

    def end_job(self, job: int, state: str, progress: Mapping[str, Any] | None = None) -> bool:
        """End a running job (done, failed, cancelled); False when it has ended already."""
        with self._database.write() as connection:
            return jobs.end_job(connection, job, state, progress)

    def claim_job(self, job: int, seen: datetime) -> bool:
        """Take over a running job whose last heartbeat was `seen`; False when another was faster."""
        with self._database.write() as connection:
            return jobs.claim_job(connection, job, seen)

    def release_job(self, job: int) -> None:
        """Leave a running job to whoever claims it next."""
        with self._database.write() as connection:
            jobs.release_job(connection, job)

    def facets(self, modality: Modality) -> Facets:
        """Folders, tags, cameras and years of all live items, ready to be counted under any filter."""
        with self._database.read() as connection:
            return facets_of(connection, modality)

    def attribute_counts(self) -> dict[str, int]:
        """Names of the attributes of live items, with how many have each; the most frequent first."""
        with self._database.read() as connection:
            return attribute_counts(connection)

    # Keys of the service

    def add_key(self, name: str, key_hash: str, scopes: Sequence[str]) -> int:
        """Enter a key by the SHA-256 of its text; its id."""
        with self._database.write() as connection:
            return api_keys.add_key(connection, name, key_hash, scopes)

    def api_keys(self) -> list[ApiKeyRecord]:
        """All keys, oldest first, the revoked ones too."""
        with self._database.read() as connection:
            return api_keys.keys_of(connection)

    def revoke_key(self, key: int) -> bool:
        """Make a key useless; False when there is none in use with this id."""
        with self._database.write() as connection:
            return api_keys.revoke_key(connection, key)
