"""Index a folder, and build an index over it, but die by SIGKILL at one exact moment of writing:

python -m tests.faults.dying LIBRARY PHOTOS before|after METHOD COUNT [FILES-A-COMMIT]
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Sequence

from tests.grey import GreyLibrary
from vasari.indexer.build import rebuild
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import (
    CompactedSegment,
    GenerationRecord,
    NewItem,
    SegmentRecord,
    Sighting,
)
from vasari.retrieval.domain import ItemId, Skipped
from vasari.retrieval.settings import Settings


class DyingCatalog(Catalog):
    """Kills its process before or after the nth call of one of its methods."""

    moment = "before"
    method = ""
    remaining = 1  # calls until then

    def _call(self, method: str, work: Callable[[], int | None]) -> int | None:
        fatal = method == self.method
        self.remaining -= fatal
        if fatal and not self.remaining and self.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = work()
        if fatal and not self.remaining:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def commit_segment(
        self, segment: SegmentRecord, rows: Sequence[NewItem], *, recovered: Collection[str] = ()
    ) -> None:
        work = super().commit_segment
        self._call("commit_segment", lambda: work(segment, rows, recovered=recovered))

    def replace_segments(self, compacted: Sequence[CompactedSegment]) -> None:
        work = super().replace_segments
        self._call("replace_segments", lambda: work(compacted))

    def publish_generation(
        self, generation: GenerationRecord, compacted: Sequence[CompactedSegment] = ()
    ) -> None:
        work = super().publish_generation
        self._call("publish_generation", lambda: work(generation, compacted))

    def move_items(self, moves: Sequence[Sighting]) -> None:
        work = super().move_items
        self._call("move_items", lambda: work(moves))

    def touch_items(self, touches: Sequence[Sighting]) -> None:
        work = super().touch_items
        self._call("touch_items", lambda: work(touches))

    def lose_items(self, ids: Iterable[ItemId]) -> int:
        work = super().lose_items
        return self._call("lose_items", lambda: work(ids)) or 0

    def record_failures(self, skipped: Sequence[Skipped]) -> None:
        work = super().record_failures
        self._call("record_failures", lambda: work(skipped))


def main(arguments: Sequence[str]) -> None:
    """Index and build until the moment comes."""
    root, photos, moment, method, count, *more = arguments
    every = int(more[0]) if more else 4
    with GreyLibrary.open(root) as library:
        root_path = library.root
    with DyingCatalog.open(root_path / "catalog.sqlite3") as catalog:
        catalog.moment, catalog.method, catalog.remaining = moment, method, int(count)
        library = GreyLibrary(root_path, Settings(), catalog)
        index(library, choose_source([photos])[0], IndexOptions(batch_size=min(every, 2), commit_every=every))
        rebuild(library, kind="flat")


if __name__ == "__main__":
    main(sys.argv[1:])
