"""Encode a library's pictures for the reranker ahead of searches, the newest first, as far as there is room."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.retrieval.domain import Item, Modality, Skipped
from vasari.retrieval.errors import ImageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import Reranker
from vasari.retrieval.search.feature_store import FeatureStore
from vasari.retrieval.storage.layout import is_content_hash

BATCH = 8  # pictures encoded at once: a cancellation waits for one such call
_PAGE = 256  # items looked up at once


@dataclass(slots=True)
class SecondLookReport:
    """What a job did, in pictures of different content."""

    encoded: int = 0
    unchanged: int = 0  # were kept already
    failed: int = 0
    without_room: int = 0
    bytes: int = 0  # of all that is kept now
    seconds: float = 0.0
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def keep_second_looks(
    library: Library, progress: Progress | None = None, stop: threading.Event | None = None
) -> SecondLookReport:
    """Keep what the reranker makes of each picture on disk, up to the setting `reranker_store_bytes`.

    What an earlier reranker made, and of pictures that are gone, is deleted first. When `stop` is set, the batch at
    work is finished; each is there for the next search. A picture that cannot be read goes to the failure ledger.
    Raises LibraryLockedError while another job writes, ModelUnavailableError without a reranker.
    """
    job = _Job(library, progress or Silent(), stop or threading.Event())
    began = time.perf_counter()
    with library.catalog.lease.acquire("vasari index --rerank") as lease:
        job.run(lease.check)
    job.report.seconds = round(time.perf_counter() - began, 3)
    return job.report


class _Job:
    def __init__(self, library: Library, progress: Progress, stop: threading.Event) -> None:
        self._library, self._progress, self._stop = library, progress, stop
        self._room = library.settings.reranker_store_bytes
        self.report = SecondLookReport()

    def run(self, check: Any) -> None:
        store = self._library.feature_store()
        ids = self._library.catalog.items.live_ids(Modality.IMAGE)[::-1].tolist()
        store.keep_only(self._library.catalog.items.contents(Modality.IMAGE))
        kept = store.sizes()
        self.report.bytes = sum(kept.values())
        waiting = list(self._waiting(ids, kept))
        self.report.unchanged = len(kept)
        reranker = self._library.reranker() if waiting else None
        done = 0
        for start in range(0, len(waiting), BATCH):
            if self._stop.is_set():
                self.report.interrupted = True
                break
            batch = waiting[start : start + BATCH]
            if reranker is None or self.report.without_room:
                self.report.without_room += len(batch)
                continue
            check()
            self._encode(batch, reranker, store)
            done += len(batch)
            self._progress.update(
                ProgressEvent("encoding for reranking", done, len(waiting), self.report.failed)
            )

    def _waiting(self, ids: Sequence[int], kept: dict[str, int]) -> Iterator[Item]:
        """One item of each content that is not kept."""
        seen = set(kept)
        for start in range(0, len(ids), _PAGE):
            page = self._library.items(ids[start : start + _PAGE])
            for number in ids[start : start + _PAGE]:
                item = page.get(number)
                if item is not None and item.content_hash not in seen and is_content_hash(item.content_hash):
                    seen.add(item.content_hash)
                    yield item

    def _encode(self, items: Sequence[Item], reranker: Reranker, store: FeatureStore) -> None:
        def prepared(item: Item) -> NDArray[np.uint8] | ImageError:
            try:
                return reranker.prepare(self._library.picture_of(item))
            except ImageError as error:
                return error

        with ThreadPoolExecutor(2, thread_name_prefix="decode") as pool:
            outcomes = list(zip(items, pool.map(prepared, items), strict=True))
        failures = [
            Skipped(item.uri, each.stage, str(each))
            for item, each in outcomes
            if isinstance(each, ImageError)
        ]
        readable = [(item, each) for item, each in outcomes if not isinstance(each, ImageError)]
        if readable:
            encoded = reranker.encode_images([pixels for _, pixels in readable])
            for (item, _), features in zip(readable, encoded, strict=True):
                taken = store.put(item.content_hash, features, self._room - self.report.bytes)
                self.report.bytes += taken
                self.report.encoded += bool(taken)
                self.report.without_room += not taken
        self._library.catalog.failures.record(failures)
        self.report.failed += len(failures)
