"""`vasari index`: filling a library, with a progress bar, stopped by Ctrl-C, told in a line."""

from __future__ import annotations

import contextlib
import gc
import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vasari.api import drawings
from vasari.api.cli import fetching, output, render
from vasari.api.cli.following_up import Followed, FollowUps
from vasari.api.cli.options import (
    PLACE,
    Integer,
    Number,
    address_option,
    batch_option,
    choice,
    command,
    decode_option,
    decode_threads_option,
    device_option,
    engine_option,
    exclude_option,
    hidden_option,
    json_option,
    library_option,
    model_option,
    offline_option,
    open_settings,
    precision_option,
    texts_option,
)
from vasari.api.cli.stopping import stoppable
from vasari.indexer.sources.source import Source, SourceKind
from vasari.retrieval.allocator import FOR_PICTURES, return_large_blocks
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.settings import NEW_MODEL
from vasari.retrieval.storage.uris import local_path

if TYPE_CHECKING:
    from vasari.indexer.job import IndexOptions
    from vasari.indexer.progress import IndexReport, Progress
    from vasari.retrieval.library.library import Library
    from vasari.retrieval.settings import Settings

    Job = Callable[[IndexOptions, Progress, threading.Event], IndexReport]


_NOTHING = Followed()
_LOOK_EVERY = 50_000  # objects made and kept, between two looks for garbage


@command(example="vasari index ~/Pictures --model fast")
@click.argument(
    "paths",
    metavar="PATH...",
    type=PLACE,
    nargs=-1,
    help="Folders, pictures, tables, shards; paths or URLs.",
)
@model_option
@click.option(
    "--source",
    type=choice(SourceKind),
    help="How to read PATH. [default: by what is there]",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Instead of PATH: all that the library knows and --model has not seen.",
)
@texts_option
@click.option("--image-column", help="Column of a table that has paths, URLs or pictures.")
@click.option("--caption-column", multiple=True, help="Column of a table that has captions; repeatable.")
@click.option(
    "--exclude-dir",
    "exclude",
    multiple=True,
    help="Leave out folders with this name (wildcards allowed).",
)
@exclude_option
@hidden_option
@click.option(
    "--allow-private-addresses",
    is_flag=True,
    help="Fetch from hosts of this network, too, where rows of tables name them."
    " [env: VASARI_PRIVATE_ADDRESSES]",
)
@batch_option
@decode_threads_option
@decode_option
@click.option(
    "--allow-removal",
    metavar="NUMBER|all",
    help="Let go so many pictures where a folder or table lost more than half of what it had.",
)
@click.option(
    "--dry-run", is_flag=True, help="List and compare only: tell what would be done, and change nothing."
)
@click.option("--read", is_flag=True, help="Then read the text in pictures, as `vasari read` does.")
@click.option(
    "--rerank",
    is_flag=True,
    help="Then keep what the reranker makes of pictures, for `search --rerank`.",
)
@click.option(
    "--regions",
    type=Integer(0),
    metavar="4|5|9|34|0",
    help="Then embed so many parts of each picture, for `search --regions`; later jobs go on with it, 0 forgets them.",
)
@engine_option
@address_option
@click.option("--encoders", type=Integer(1), help="Ray: workers that encode. [default: to fit]")
@click.option("--gpus", type=Number(0), help="Ray: GPUs of each, such as 0.5. [default: to fit]")
@device_option
@precision_option
@offline_option
@json_option
@library_option
def index(
    paths: tuple[str, ...],
    model: str | None,
    source: str | None,
    everything: bool,
    texts: bool,
    image_column: str | None,
    caption_column: tuple[str, ...],
    exclude: tuple[str, ...],
    ignored: tuple[str, ...],
    hidden: bool,
    allow_private_addresses: bool,
    batch: int | None,
    decode_threads: int | None,
    decode: str,
    allow_removal: str | None,
    dry_run: bool,
    read: bool,
    rerank: bool,
    regions: int | None,
    engine: str,
    address: str | None,
    encoders: int | None,
    gpus: float | None,
    device: str | None,
    precision: str | None,
    offline: bool | None,
    json: bool,
    library: Path | None,
) -> None:
    """Bring the library in step with folders, tables or buckets.

    Adds, updates, moves and removes what changed, and touches nothing else.
    What is removed is only hidden, with all that was written about it, until
    its content is seen again (`vasari purge` forgets it).
    """
    # Help, and a complaint about an option, would wait for these half a second.
    from vasari.api.cli.libraries import filling
    from vasari.indexer.sources.columns import Columns
    from vasari.indexer.sources.texts import choose_texts
    from vasari.retrieval.library.library import Library

    if everything is bool(paths):
        raise UsageError(
            "say what to index: one or more PATHs, or --all for what the library knows already."
            " Example: vasari index ~/Pictures --model fast"
        )
    allowed = removable(allow_removal)
    wanted = FollowUps.of(read=read, rerank=rerank, regions=regions, texts=texts)
    settings = open_settings(
        library=library,
        model=model,
        device=device,
        precision=precision,
        offline=offline,
        private_addresses=allow_private_addresses or None,
    )

    choose: Callable[[Library | None], Source]
    if texts:
        choose = partial(choose_texts, paths=paths, column=next(iter(caption_column), None))
    else:
        choose = partial(
            _choose,
            paths=paths,
            kind=SourceKind(source) if source else None,
            columns=Columns(image_column, caption_column),
            exclude=exclude,
            ignored=ignored,
            hidden=hidden,
        )
    if dry_run:
        if everything or engine == "ray":
            raise UsageError("--dry-run tells of PATHs, on this machine: leave out --all and --engine")
        rehearse(settings, choose, model=model, allowed=allowed, json=json)
        return

    given: dict[str, Any] = {"batch_size": batch, "decode_threads": decode_threads, "decode": decode}
    if everything:
        with Library.open(library, settings) as opened:
            report = run_known(opened, model=model, **given)
            finish(report, json=json, followed=wanted.done(opened, report))
        return
    if engine == "ray" and decode == "gpu":
        raise UsageError("--decode gpu is for this machine: leave out --engine ray")
    with filling(library, settings) as opened:
        if rerank:
            opened.feature_store()  # without a reranker that is said before hours of work, and not after
        chosen = choose(opened)
        began = opened.default_space() is None

        def run(allow: int) -> IndexReport:
            options = {"model": model, "allow_removal": allow, **given}
            if engine == "ray":
                return run_cluster(opened, chosen, address, encoders, gpus, **options)
            return run_index(opened, chosen, **options)

        report = with_consent(run, allowed, ask=not json)
        unit, places = ("texts", None) if texts else ("images", paths)
        finish(report, json=json, unit=unit, places=places, followed=wanted.done(opened, report))
        _go_on(opened, began=began)


def _choose(library: Library | None, *, paths: Sequence[str], kind: SourceKind | None, **how: Any) -> Source:
    """What is read of some paths, and how; what may surprise is told."""
    from vasari.indexer.sources.detect import absent, choose_source, reading_for, same_folders

    reading = reading_for(library, kind=kind, **how)
    chosen, kinds = choose_source(paths, reading)
    for path in absent(paths):
        kept = ": what the library has of it stays, unless it is found elsewhere"
        output.note(f"{path} is not there{kept if reading.known(path) else ''}")
    for path, other in same_folders(paths):
        output.note(f"{path} is the same folder as {other}: it is read once")
    if kind is None and kinds - {SourceKind.FOLDER}:
        output.note(f"read as {', '.join(sorted(kinds))} (--source says otherwise)")
    return chosen


def rehearse(
    settings: Settings,
    choose: Callable[[Library | None], Source],
    *,
    model: str | None,
    allowed: int,
    json: bool,
) -> None:
    """Tell what a job would do, over a library that is only read; there need not be one yet."""
    from vasari.indexer.forecast import forecast
    from vasari.indexer.job import IndexOptions
    from vasari.retrieval.library.library import Library

    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(Library.open(None, replace(settings, read_only=True)))
        except NotFoundError:
            opened = None
        told = forecast(opened, choose(opened), IndexOptions(allow_removal=allowed), model)
    if json:
        output.print_json(told.as_json())
        return
    output.line(render.forecast_line(told))
    for line in render.forecast_notes(told):
        output.note(line)


def removable(given: str | None) -> int:
    """How many items `--allow-removal` lets go; raises UsageError for what is no number."""
    if given is None:
        return 0
    if given in ("all", "yes"):
        return sys.maxsize
    if not (given.isascii() and given.isdecimal()):
        raise UsageError(f"--allow-removal takes a number, or all, and not {given!r}")
    return int(given)


def run_index(library: Library, source: Source, *, model: str | None = None, **options: Any) -> IndexReport:
    """Run a job with a progress bar; Ctrl-C finishes the batch. A model named explicitly becomes the default."""
    from vasari.indexer.job import index as index_here

    return _run(library, partial(index_here, library, source), model, options, source)


def run_known(library: Library, *, model: str | None = None, **options: Any) -> IndexReport:
    """The same for all that the library knows and that has no vector yet, wherever it lies."""
    from vasari.indexer.completing import complete

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
    from vasari.indexer.cluster.connection import Cluster
    from vasari.indexer.cluster.job import index as index_on_cluster

    cluster = Cluster(address, encoders=encoders, gpus=gpus)
    return _run(library, partial(index_on_cluster, library, source, cluster=cluster), model, options, source)


def _run(
    library: Library, job: Job, model: str | None, options: Mapping[str, Any], source: Source | None = None
) -> IndexReport:
    from vasari.api.cli.progress import Bar
    from vasari.indexer.job import IndexOptions

    return_large_blocks(FOR_PICTURES)
    default = library.default_space()
    warning = _Warning(model or (default.model if default else library.settings.model), source)
    if model is not None or default is None:
        warning.give()
    elif _asks_for_another(library.settings.model, default.model):
        output.note(
            f"this library stays with {default.model}: VASARI_MODEL is for new ones,"
            f" --model {shlex.quote(library.settings.model)} for this one"
        )
    # Outside of what finishes its batch first: Ctrl-C ends the loading of a model at once.
    space = None if model is None else library.use_model(model)
    if model is None and default is None:
        space = library.begin()
        fetching.tell_beginning(library)
    with (
        fetching.fetched_beside(library),
        stoppable() as stop,
        Bar(at_work=warning.give) as bar,
        imports_kept(),
    ):
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
    if not library.catalog.spaces.switch_when_complete(space.name):
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


def finish(
    report: IndexReport,
    *,
    json: bool,
    unit: str = "images",
    places: Sequence[str] | None = None,
    followed: Followed = _NOTHING,
) -> None:
    """Print what came of a job over `places`, and of what followed it; exit code 130 for one that was stopped."""
    if json:
        output.print_json(report.as_json() | followed.as_json())
    else:
        output.line(render.summary(report, unit))
        for line in render.skipped_lines(report, places):
            output.note(line)
        if report.failed:
            output.note("see `vasari failures` for what could not be used, and why")
        for line in followed.lines():
            output.line(line)
    if told := followed.stopped():
        output.note(f"stopped {told}")
        raise click.exceptions.Exit(130)
    if report.interrupted:
        kept = "; everything so far is kept" if report.changed or report.failed else ""
        output.note(f"stopped{kept}. Run the same command again to go on")
        raise click.exceptions.Exit(130)


def _go_on(library: Library, *, began: bool) -> None:
    """After `vasari index`: change to the model that was fetched, or, if it `began` the library, say how."""
    model = library.successor()
    if model is None:
        return
    if not fetching.is_here(model):
        offline = library.settings.offline
        how = f"fetches {model}" if offline else f"goes on fetching {model}"
        output.note(f"`vasari upgrade-model` {how} and embeds all by it")
    elif began:
        output.note(
            f"{model} is here now: the next `vasari index`, or `vasari upgrade-model`, embeds all by it"
        )
    else:
        before = library.space().model
        output.note(f"embedding all by {model}, which is here now; searches use {before} until that is done")
        report = run_known(library, model=model)
        output.note(render.summary(report))
        if report.interrupted:
            output.note("stopped; everything so far is kept. `vasari upgrade-model` goes on")
            raise click.exceptions.Exit(130)


def with_consent(run: Callable[[int], IndexReport], allowed: int, *, ask: bool) -> IndexReport:
    """Run a job that removes no more than `allowed` doubtful items, say what it kept, and ask whether that is right.

    Only a person at a terminal is asked, and where `ask` is on; a yes runs the job again.
    """
    report = run(allowed)
    for line in render.doubts(report):
        output.note(line)
    if not report.withheld or not ask or not output.can_ask():
        return report
    count = sum(each.vanished for each in report.withheld)
    if not output.confirmed(f"Remove {count:,} items from the library all the same?"):
        return report
    return run(count)


@contextlib.contextmanager
def imports_kept() -> Iterator[None]:
    """gc.freeze(): garbage collection of what was imported took a sixth of a job with nothing to do.

    What such a job then makes, a tuple a file, is no garbage until its end; to look every 700 took a tenth.
    """
    often = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_LOOK_EVERY, *often[1:])
    try:
        yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()  # libraries that count their objects complain of those that are left at the end
