"""What `vasari index` does after the job where that is wanted: read text, encode for the reranker, embed regions.

Each has a progress bar, and Ctrl-C finishes its batch and leaves out the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from vasari.api.cli import render
from vasari.api.cli.stopping import stoppable

if TYPE_CHECKING:
    from vasari.indexer.progress import IndexReport
    from vasari.indexer.reading import ReadReport
    from vasari.indexer.regions import RegionReport
    from vasari.indexer.second_looks import SecondLookReport
    from vasari.retrieval.library.library import Library


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of it; None for what was not done."""

    reading: ReadReport | None = None
    looks: SecondLookReport | None = None
    regions: RegionReport | None = None

    def as_json(self) -> dict[str, Any]:
        """The reports that there are."""
        reports = {"reading": self.reading, "second_looks": self.looks, "regions": self.regions}
        return {name: report.as_json() for name, report in reports.items() if report}

    def lines(self) -> Iterator[str]:
        """Each report in a line."""
        if self.reading:
            yield render.read_summary(self.reading)
        if self.looks:
            yield render.looks_summary(self.looks)
        if self.regions:
            yield render.regions_summary(self.regions)

    def stopped(self) -> str | None:
        """What a person stopped, and how it goes on."""
        if self.reading and self.reading.interrupted:
            return "reading; everything so far is kept. `vasari read` goes on"
        for report, work in ((self.looks, "encoding"), (self.regions, "embedding regions")):
            if report and report.interrupted:
                return f"{work}; everything so far is kept. Run the same command again to go on"
        return None


@dataclass(frozen=True, slots=True)
class FollowUps:
    """What is to follow a job."""

    read: Callable[[Library], ReadReport] | None
    rerank: bool
    regions: int | None  # parts of each picture; 0 forgets them, None goes on as before
    texts: bool  # the job is of texts, which have no regions

    @classmethod
    def of(cls, *, read: bool, rerank: bool, regions: int | None, texts: bool) -> Self:
        """By the options; MissingExtraError before hours of work, and not after."""
        return cls(_reading() if read else None, rerank, regions, texts)

    def done(self, library: Library, report: IndexReport) -> Followed:
        """Do one after the other, until one is stopped."""
        text = None if self.read is None or report.interrupted else self.read(library)
        stopped = report.interrupted or (text is not None and text.interrupted)
        looks = _keep_looks(library) if self.rerank and not stopped else None
        stopped = stopped or (looks is not None and looks.interrupted)
        return Followed(text, looks, None if self.texts or stopped else _embed_regions(library, self.regions))


def _reading() -> Callable[[Library], ReadReport]:
    from vasari.api.cli.reading import read_whole  # Pillow, which a job with nothing to do goes without
    from vasari.retrieval.library.loading import load_text_reader

    return partial(read_whole, reader=load_text_reader())


def _keep_looks(library: Library) -> SecondLookReport:
    from vasari.api.cli.progress import Bar
    from vasari.indexer.second_looks import keep_second_looks

    with stoppable() as stop, Bar() as bar:
        return keep_second_looks(library, bar, stop)


def _embed_regions(library: Library, regions: int | None) -> RegionReport | None:
    """Where that is asked for, or other pictures have them."""
    from vasari.api.cli.progress import Bar
    from vasari.indexer.regions import keep_regions, regions_kept

    if regions is None and regions_kept(library) is None:
        return None
    with stoppable() as stop, Bar() as bar:
        return keep_regions(library, regions, bar, stop)
