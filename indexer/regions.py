"""Embed parts of pictures, for searches that look for small things; see `vasari.retrieval.vectors.regions`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.retrieval.domain import Item, Modality, Skipped
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import DualEncoder
from vasari.retrieval.vectors.regions import (
    LAYOUTS,
    Box,
    Codes,
    bytes_of,
    encode,
    is_coded,
    known_regions,
    layout_in,
    remove_regions,
    write_regions,
)
from vasari.retrieval.vectors.segments import Segment, live_rows

_PARTS = 144  # that are embedded at once, of whole pictures: a cancellation waits for one such call
_KEPT_EVERY = 1024  # pictures after which the codes of a segment are written


@dataclass(slots=True)
class RegionReport:
    """What a job did, in pictures."""

    regions: int  # of each picture
    embedded: int = 0
    unchanged: int = 0
    failed: int = 0
    bytes: int = 0  # of all codes
    seconds: float = 0.0
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def regions_kept(library: Library) -> int | None:
    """How many regions the pictures of the default space have; None where it has none."""
    space = library.default_space()
    return None if space is None else layout_in(library.segments_directory(space, Modality.IMAGE))


def keep_regions(
    library: Library,
    regions: int | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> RegionReport:
    """Embed the regions of each picture of the default space that has none yet.

    `regions` is how many a picture: 4, 5, 9 or 34, default: as many as others have, or 5. Where others have another
    number, these are forgotten first; 0 forgets them and embeds none. When `stop` is set, the batch at work is
    finished, and all so far is kept. A picture that cannot be read goes to the failure ledger. Raises UsageError for
    another number, LibraryLockedError while another job writes.
    """
    kept = regions_kept(library)
    wanted = (kept or 5) if regions is None else regions
    if wanted and wanted not in LAYOUTS:
        raise UsageError(f"regions are {', '.join(map(str, LAYOUTS))} a picture, or 0 for none; not {wanted}")
    job = _Job(library, wanted, progress or Silent(), stop or threading.Event())
    began = time.perf_counter()
    with library.catalog.lease.acquire("vasari index --regions") as lease:
        if kept is not None and kept != wanted:
            remove_regions(job.directory)
        if wanted:
            job.run(lease.check)
    job.report.seconds = round(time.perf_counter() - began, 3)
    return job.report


class _Job:
    def __init__(self, library: Library, regions: int, progress: Progress, stop: threading.Event) -> None:
        self._library, self._progress, self._stop = library, progress, stop
        self._space = library.space()
        self._boxes = LAYOUTS.get(regions, ())
        self.directory = library.segments_directory(self._space, Modality.IMAGE)
        self.report = RegionReport(regions)

    def run(self, check: Any) -> None:
        state = self._library.catalog.segments.gallery_state(self._space.name, Modality.IMAGE)
        segments = [
            Segment.open(self.directory, record.number, rows=record.rows, dim=self._space.dim)
            for record in state.segments
        ]
        dead = np.array([(row.segment, row.row) for row in state.dead], np.int64).reshape(-1, 2)
        waiting = []
        for segment, live in zip(segments, live_rows(segments, dead), strict=True):
            codes = self._codes_of(segment)
            rows = live[~is_coded(codes)[live]]
            self.report.unchanged += len(live) - len(rows)
            self.report.bytes += len(live) * codes.shape[1] * codes.shape[2]
            if len(rows):
                waiting.append((segment, codes, rows))
        total = sum(len(rows) for _, _, rows in waiting)
        encoder = self._library.encoder(self._space) if waiting else None
        for segment, codes, rows in waiting:
            if encoder is None or self.report.interrupted:
                break
            self._embed(segment, codes, rows, encoder, total, check)

    def _codes_of(self, segment: Segment) -> Codes:
        """What is there of a segment's codes, to be written into."""
        known = known_regions(self.directory, segment)
        if known is not None and known.shape[1] == len(self._boxes):
            return known.copy()
        return np.zeros((len(segment), len(self._boxes), bytes_of(self._space.dim)), np.uint8)

    def _embed(
        self,
        segment: Segment,
        codes: Codes,
        rows: NDArray[np.int64],
        encoder: DualEncoder,
        total: int,
        check: Any,
    ) -> None:
        """Fill the codes of these rows, and write them now and then."""
        unwritten, pictures = 0, max(_PARTS // len(self._boxes), 1)
        for start in range(0, len(rows), pictures):
            if self._stop.is_set():
                self.report.interrupted = True
                break
            check()
            part = rows[start : start + pictures]
            self._embed_pictures(segment.ids[part].tolist(), part, codes, encoder)
            unwritten += len(part)
            if unwritten >= _KEPT_EVERY:
                write_regions(self.directory, segment.number, codes)
                unwritten = 0
            done = self.report.embedded + self.report.failed
            self._progress.update(ProgressEvent("embedding regions", done, total, self.report.failed))
        if unwritten:
            write_regions(self.directory, segment.number, codes)

    def _embed_pictures(
        self, ids: Sequence[int], rows: NDArray[np.int64], codes: Codes, encoder: DualEncoder
    ) -> None:
        items = self._library.items(ids)

        def prepared(item: Item) -> list[NDArray[np.uint8]] | ImageError:
            try:
                return prepare_regions(self._library, item, self._boxes, encoder)
            except ImageError as error:
                return error

        there = [
            (row, items[number]) for row, number in zip(rows.tolist(), ids, strict=True) if number in items
        ]
        with ThreadPoolExecutor(2, thread_name_prefix="decode") as pool:
            outcomes = list(zip(there, pool.map(prepared, [item for _, item in there]), strict=True))
        failures = [
            Skipped(item.uri, each.stage, str(each))
            for (_, item), each in outcomes
            if isinstance(each, ImageError)
        ]
        readable = [(row, each) for (row, _), each in outcomes if not isinstance(each, ImageError)]
        if readable:
            vectors = encoder.embed_images(np.stack([pixels for _, each in readable for pixels in each]))
            coded = encode(vectors).reshape(len(readable), len(self._boxes), -1)
            codes[[row for row, _ in readable]] = coded
        self._library.catalog.failures.record(failures)
        self.report.embedded += len(readable)
        self.report.failed += len(failures)


def prepare_regions(
    library: Library, item: Item, boxes: Sequence[Box], encoder: DualEncoder
) -> list[NDArray[np.uint8]]:
    """The regions of a picture, as its encoder takes them; ImageError where it cannot be read."""
    picture = library.picture_of(item)
    across, down = picture.width, picture.height
    parts = []
    for left, top, right, bottom in boxes:
        box = round(left * across), round(top * down), round(right * across), round(bottom * down)
        size = max(box[2] - box[0], 1), max(box[3] - box[1], 1)
        parts.append(
            encoder.prepare(picture.resize(size, box=(box[0], box[1], box[0] + size[0], box[1] + size[1])))
        )
    return parts
