"""Jobs that fill a library, as commands run them: with a progress bar, stopped by Ctrl-C, told in a line."""

from __future__ import annotations

import gc
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from vasari.api import drawings
from vasari.api.cli import output, render
from vasari.api.cli.progress import Bar
from vasari.api.cli.stopping import stoppable
from vasari.indexer.cluster.connection import Cluster
from vasari.indexer.cluster.job import index as index_on_cluster
from vasari.indexer.completing import complete
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport, Progress
from vasari.indexer.sources.left_out import in_words
from vasari.indexer.sources.source import Source
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import NEW_MODEL
from vasari.retrieval.storage.uris import local_path

Job = Callable[[IndexOptions, Progress, threading.Event], IndexReport]


def run_index(library: Library, source: Source, *, model: str | None = None, **options: Any) -> IndexReport:
    """Run a job with a progress bar; Ctrl-C finishes the batch. A model named explicitly becomes the default."""
    return _run(library, partial(index, library, source), model, options, source)


def run_known(library: Library, *, model: str | None = None, **options: Any) -> IndexReport:
    """The same for all that the library knows and that has no vector yet, wherever it lies."""
    waiting: dict[str, int] = {}

    def run(options: IndexOptions, progress: Progress, stop: threading.Event) -> IndexReport:
        done = complete(library, options, progress, stop)
        waiting.update(done.waiting)
        return done.report

    report = _run(library, run, model, options)
    for place, count in waiting.items():
        output.note(f"{place} is not there: {count:,} pictures below it wait until it is")
    return report


def run_cluster(
    library: Library,
    source: Source,
    address: str | None,
    encoders: int | None,
    gpus: float | None,
    *,
    model: str | None = None,
    **options: Any,
) -> IndexReport:
    """The same on a Ray cluster."""
    cluster = Cluster(address, encoders=encoders, gpus=gpus)
    return _run(library, partial(index_on_cluster, library, source, cluster=cluster), model, options, source)


def _run(
    library: Library, job: Job, model: str | None, options: Mapping[str, Any], source: Source | None = None
) -> IndexReport:
    default = library.catalog.default_space()
    warning = _Warning(model or (default.model if default else library.settings.model), source)
    if model is not None or default is None:
        warning.give()
    elif _asks_for_another(library.settings.model, default.model):
        output.note(
            f"this library stays with {default.model}: VASARI_MODEL is for new ones,"
            f" --model {shlex.quote(library.settings.model)} for this one"
        )
    wanted = library.settings.model if model is None and default is None else model
    # Outside of what finishes its batch first: Ctrl-C ends the loading of a model at once.
    space = library.use_model(wanted) if wanted is not None else None
    with stoppable() as stop, Bar(at_work=warning.give) as bar, imports_kept():
        report = job(IndexOptions(space=space.name if space else None, **options), bar, stop)
    if space is not None and not report.interrupted and library.space() != space:
        _switch(library, space)
    return report


def _asks_for_another(setting: str, model: str) -> bool:
    """Whether the environment names another model than the library's, which it does not change."""
    return setting not in (NEW_MODEL, model) and str(local_path(setting).absolute()) != model


def _switch(library: Library, space: EmbeddingSpace) -> None:
    """Have searches use a space that was asked for, once all items have a vector there."""
    before = library.space()
    if not library.catalog.switch_when_complete(space.name):
        output.note(f"searches now use {space.name}; the vectors of other models are kept")
        return
    state = next(state for state in library.spaces() if state.space == space)
    output.note(
        f"searches still use {before.name}: {render.absent_words(state)} yet. {render.remedy(state)};"
        f" `vasari spaces use {space.name}` switches all the same"
    )


class _Warning:
    """That the model knows no photos, given once: before the first picture is embedded."""

    def __init__(self, model: str, source: Source | None) -> None:
        roots = source.roots if source is not None and source.modality is Modality.IMAGE else None
        self._model, self._places = model, list(roots or ())

    def give(self) -> None:
        """Say it, if it is so and was not said."""
        places, self._places = self._places, []
        if drawings.knows_no_photos(self._model, places):
            output.note(drawings.NOTE)


def summary(report: IndexReport, unit: str = "images") -> str:
    """One line: what changed, how fast, and what held it up."""
    counts = [
        f"{getattr(report, name):,} {name}"
        for name in ("added", "updated", "moved", "restored", "removed", "unchanged", "failed")
        if getattr(report, name) or name == "added"
    ]
    speed = f", {report.images_per_second:.0f} {unit}/s" if report.added or report.updated else ""
    waits = f", limited by {report.bottleneck}" if speed and report.bottleneck else ""
    return f"{', '.join(counts)} in {report.seconds:.1f} s{speed}{waits}"


def finish(
    report: IndexReport, *, json: bool, unit: str = "images", places: Sequence[str] | None = None
) -> None:
    """Print what came of a job over `places`; exit code 130 for one that was stopped."""
    if json:
        output.print_json(report.as_json())
    else:
        output.line(summary(report, unit))
        for line in skipped_lines(report, places):
            output.note(line)
        if report.failed:
            output.note("see `vasari failures` for what could not be used, and why")
    if report.interrupted:
        kept = "; everything so far is kept" if report.changed or report.failed else ""
        output.note(f"stopped{kept}. Run the same command again to go on")
        raise click.exceptions.Exit(130)


def skipped_lines(report: IndexReport, places: Sequence[str] | None = None) -> Iterator[str]:
    """What was taken for no picture; and where there is none at all, what there is instead."""
    nothing = report.found_nothing and places is not None
    if nothing and not report.skipped:
        yield f"{', '.join(places or ())} {'is' if len(places or ()) == 1 else 'are'} empty: there is nothing to index"
    elif nothing:
        yield f"{', '.join(places or ())}: no pictures"
    if words := in_words(report.skipped, all_kinds=nothing):
        yield words


def with_consent(run: Callable[[int], IndexReport], allowed: int, *, ask: bool) -> IndexReport:
    """Run a job that removes no more than `allowed` doubtful items, say what it kept, and ask whether that is right.

    Only a person at a terminal is asked, and where `ask` is on; a yes runs the job again.
    """
    report = run(allowed)
    for line in doubts(report):
        output.note(line)
    if not report.withheld or not ask or not output.can_ask():
        return report
    count = sum(each.vanished for each in report.withheld)
    if not output.confirmed(f"Remove {count:,} items from the library all the same?"):
        return report
    return run(count)


def doubts(report: IndexReport) -> Iterator[str]:
    """What a job did not do, a line each: folders that the library has already, and removals that look like a fault."""
    yield from map(str, report.aliases)
    for each in report.withheld:
        yield f"{each} (--allow-removal {each.vanished})"


@contextmanager
def imports_kept() -> Iterator[None]:
    """The collector leaves alone what is there now: it took a sixth of a job with nothing to do."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()  # libraries that count their objects complain of those that are left at the end
