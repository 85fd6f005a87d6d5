"""Caption a whole library: every picture that has no caption by the model gets one, committed batch by batch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.retrieval.domain import Caption, CaptionSource, Item, Modality, Picture, Skipped
from vasari.retrieval.errors import ImageError, NotFoundError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import Detail

LANGUAGE = "en"  # of what the captioners write
BATCH = 8  # pictures described at once: a cancellation waits for one such call


@dataclass(slots=True)
class CaptionReport:
    """What a captioning job did, in pictures."""

    captioned: int = 0
    unchanged: int = 0  # had a caption by the model
    failed: int = 0
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def caption_library(
    library: Library,
    detail: Detail = "short",
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> CaptionReport:
    """Write captions by the captioner into the catalog, beside those of people.

    When `stop` is set, the batch at work is finished. A picture that cannot be read goes to the failure ledger.
    Raises LibraryLockedError while another job writes, ModelUnavailableError without a captioner.
    """
    progress, stop, report = progress or Silent(), stop or threading.Event(), CaptionReport()
    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    with library.catalog.lease.acquire("vasari caption") as lease:
        for start in range(0, len(ids), BATCH):
            if stop.is_set():
                report.interrupted = True
                break
            items = list(library.items(ids[start : start + BATCH]).values())
            waiting = [item for item in items if not _captioned(item)]
            report.unchanged += len(items) - len(waiting)
            if waiting:
                lease.check()
                _caption(library, waiting, detail, report)
            progress.update(
                ProgressEvent("captioning", min(start + BATCH, len(ids)), len(ids), report.failed)
            )
    return report


def _captioned(item: Item) -> bool:
    return any(caption.source is CaptionSource.MODEL for caption in item.captions)


def _caption(library: Library, items: Sequence[Item], detail: Detail, report: CaptionReport) -> None:
    readable: list[tuple[Item, Picture]] = []
    failures: list[Skipped] = []
    for item in items:
        try:
            readable.append((item, library.picture_of(item)))
        except ImageError as error:
            failures.append(Skipped(item.uri, error.stage, str(error)))
    texts = library.captioner().caption([picture for _, picture in readable], detail)
    for (item, _), text in zip(readable, texts, strict=True):
        with contextlib.suppress(NotFoundError):  # deleted meanwhile
            library.catalog.annotations.set_captions(item.id, [Caption(text, LANGUAGE)], CaptionSource.MODEL)
    library.catalog.failures.record(failures)
    report.captioned += len(readable)
    report.failed += len(failures)
