"""Complete a space: embed all that a library knows and that has no vector there yet, from every root it ever had."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vasari.indexer.job import IndexOptions, index, space_to_fill
from vasari.indexer.progress import IndexReport, Progress
from vasari.indexer.sources.known import KnownPictures
from vasari.indexer.sources.texts import KnownTexts
from vasari.retrieval.domain import Modality
from vasari.retrieval.library.library import Library


@dataclass(frozen=True, slots=True)
class Completion:
    """What was done, and what waits for its place to come back: how many pictures, by the folder that is gone."""

    report: IndexReport
    waiting: Mapping[str, int]


def complete(
    library: Library,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Completion:
    """Embed pictures, then texts; run again, it goes on where it was stopped. Raises what indexing raises."""
    options, stop = options or IndexOptions(), stop or threading.Event()
    space = space_to_fill(library, options.space)
    options = replace(options, space=space.name)
    pictures = KnownPictures(library, space)
    report = index(library, pictures, options, progress, stop)
    if library.catalog.without_vectors(space.name).get(Modality.TEXT) and not report.interrupted:
        report = report.with_texts(index(library, KnownTexts(library, space), options, progress, stop))
    return Completion(report, dict(pictures.absent))
