"""Caption a whole library: every picture that has no caption by the model gets one, committed batch by batch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.retrieval.domain import Caption, CaptionSource, Item, ItemId, Modality, Picture, Skipped
from vasari.retrieval.errors import ImageError, NotFoundError, UnsupportedError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import Captioner, Detail

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
    only: Collection[ItemId] | None = None,
) -> CaptionReport:
    """Write captions by the captioner into the catalog, beside those of people: of all pictures, or of `only` these.

    When `stop` is set, the batch at work is finished. A picture that cannot be read, or that the captioner refuses (a
    photo, where it knows drawings), goes to the failure ledger. Raises LibraryLockedError while another job writes,
    ModelUnavailableError without a captioner, UnsupportedError where it refuses all of the first pictures.
    """
    progress, stop, report = progress or Silent(), stop or threading.Event(), CaptionReport()
    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    if only is not None:
        ids = [item for item in ids if item in set(only)]
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
    described, refused = _describe(library.captioner(detail), readable, detail)
    if refused and not described and not report.captioned:
        raise refused[0][1]  # a library of these: nothing would come of going on
    failures += [Skipped(item.uri, "caption", str(error)) for item, error in refused]
    for item, text in described:
        with contextlib.suppress(NotFoundError):  # deleted meanwhile
            library.catalog.annotations.set_captions(item.id, [Caption(text, LANGUAGE)], CaptionSource.MODEL)
    library.catalog.failures.record(failures)
    report.captioned += len(described)
    report.failed += len(failures)


def _describe(
    captioner: Captioner, pictures: Sequence[tuple[Item, Picture]], detail: Detail
) -> tuple[list[tuple[Item, str]], list[tuple[Item, UnsupportedError]]]:
    """Descriptions, in one batch if the captioner takes all of them; and what it refuses, one by one."""
    try:
        texts = captioner.caption([picture for _, picture in pictures], detail)
        return [(item, text) for (item, _), text in zip(pictures, texts, strict=True)], []
    except UnsupportedError as error:
        if len(pictures) == 1:
            return [], [(pictures[0][0], error)]
    each = [_describe(captioner, [pair], detail) for pair in pictures]
    return [one for done, _ in each for one in done], [one for _, refused in each for one in refused]
