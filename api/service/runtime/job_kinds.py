"""The kinds of jobs: what each one needs, and how it is done."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vasari.api.service.problems import ProblemError
from vasari.api.service.runtime.files import keep
from vasari.api.service.security.path_guard import Jail, JailedSource
from vasari.api.service.security.url_fetcher import Fetcher
from vasari.api.service.settings import ServiceSettings
from vasari.indexer.progress import Progress, ProgressEvent
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import MissingExtraError, ModelUnavailableError, NotFoundError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import Detail
from vasari.retrieval.storage.uris import uri_of


class Check(Protocol):
    """Refuses wrong parameters before a job is put in line."""

    def __call__(self, library: Library, settings: ServiceSettings, params: Mapping[str, Any]) -> None: ...  # noqa: D102


class Run(Protocol):
    """Does the work until it is done or `stop` is set; its report as JSON fields."""

    def __call__(  # noqa: D102
        self,
        library: Library,
        settings: ServiceSettings,
        params: Mapping[str, Any],
        progress: Progress,
        stop: threading.Event,
    ) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job."""

    check: Check
    run: Run


def indexable_roots(library: Library, settings: ServiceSettings) -> Sequence[Path]:
    """Folders that jobs may index: those of the settings; else, where only programs of this machine ask, their home."""
    if settings.roots or not settings.loopback:
        return settings.roots
    if any(key.revoked_at is None for key in library.catalog.keys.all()):
        return []
    try:
        home = Path.home()
    except RuntimeError:  # a user without one
        return []
    return [] if home == Path(home.anchor) else [home]


def check_index(library: Library, settings: ServiceSettings, params: Mapping[str, Any]) -> None:
    """Paths are below the roots, and there."""
    from vasari.indexer.sources.detect import has_items

    if not params.get("paths"):
        raise UsageError("an index job needs paths")
    roots = indexable_roots(library, settings)
    jail = Jail(roots)
    paths = _paths(params)
    for path in paths:
        try:
            there = jail.admit(path).exists() or has_items(library, path)
        except ProblemError as error:
            raise _only_in_a_terminal(library, error if roots else _NO_ROOTS, paths) from None
        if not there:
            raise NotFoundError(f"no such file or folder: {path}")


def _paths(params: Mapping[str, Any]) -> list[str]:
    """The paths that were named, as their own bytes; ~ is the home of whoever runs the service."""
    return [os.path.expanduser(uri_of(path)) for path in params["paths"]]  # noqa: PTH111 - pathlib's raises for nobody's home


_NO_ROOTS = ProblemError(403, "no-roots", "no folder may be indexed from here (`vasari serve --root FOLDER`)")


def _only_in_a_terminal(library: Library, error: ProblemError, paths: Sequence[str]) -> ProblemError:
    """The refusal with the command that does the same on the machine itself."""
    words = ["vasari", "index", *paths, "--library", str(library.root)]
    command = " ".join(map(shlex.quote, words))
    return ProblemError(
        error.status, error.name, f"{error}; in a terminal of this machine: {command}", command=command
    )


def run_index(
    library: Library,
    settings: ServiceSettings,
    params: Mapping[str, Any],
    progress: Progress,
    stop: threading.Event,
) -> dict[str, Any]:
    """Bring the library in step with the paths."""
    from vasari.indexer.job import IndexOptions, index
    from vasari.indexer.regions import keep_regions, regions_kept
    from vasari.indexer.sources.detect import choose_source, reading_for

    paths = _paths(params)
    reading = reading_for(library, exclude=params.get("exclude", ()), hidden=bool(params.get("hidden")))
    source = JailedSource(
        lambda: choose_source(paths, reading)[0],
        Jail(indexable_roots(library, settings)),
        Fetcher(settings, max_bytes=library.image_limits.max_bytes),
    )
    options = IndexOptions(
        retry_failed=bool(params.get("retry_failed")), allow_removal=int(params.get("allow_removal", 0))
    )
    report = index(library, source, options, progress, stop).as_json()
    if not stop.is_set() and regions_kept(library) is not None:
        report["regions"] = keep_regions(library, None, progress, stop).as_json()
    return report


def check_nothing(library: Library, settings: ServiceSettings, params: Mapping[str, Any]) -> None:
    """Any parameters will do."""


def check_read(library: Library, settings: ServiceSettings, params: Mapping[str, Any]) -> None:  # noqa: ARG001
    """MissingExtraError without the package that reads, which would take a second to be imported."""
    if params.get("with", "ocr") == "ocr" and importlib.util.find_spec("rapidocr") is None:
        raise MissingExtraError("rapidocr", "ocr")


def check_rerank(library: Library, settings: ServiceSettings, params: Mapping[str, Any]) -> None:  # noqa: ARG001
    """ModelUnavailableError where no reranker is on this machine: no request downloads one."""
    from vasari.api.service.runtime.abilities import abilities

    reranker = abilities(library)["rerank"]
    if not reranker.here:
        message = f"{reranker.model} is not on the service's machine"
        raise ModelUnavailableError(message, reranker.model, reranker.command or "")


def check_regions(library: Library, settings: ServiceSettings, params: Mapping[str, Any]) -> None:  # noqa: ARG001
    """There is a space whose model embeds them."""
    library.space()


def run_rerank(
    library: Library,
    settings: ServiceSettings,  # noqa: ARG001
    params: Mapping[str, Any],  # noqa: ARG001
    progress: Progress,
    stop: threading.Event,
) -> dict[str, Any]:
    """Keep what the reranker makes of each picture."""
    from vasari.indexer.second_looks import keep_second_looks

    return keep_second_looks(library, progress, stop).as_json()


def run_regions(
    library: Library,
    settings: ServiceSettings,  # noqa: ARG001
    params: Mapping[str, Any],
    progress: Progress,
    stop: threading.Event,
) -> dict[str, Any]:
    """Embed parts of each picture."""
    from vasari.indexer.regions import keep_regions

    return keep_regions(library, params.get("regions"), progress, stop).as_json()


def run_rebuild(
    library: Library,
    settings: ServiceSettings,  # noqa: ARG001
    params: Mapping[str, Any],
    progress: Progress,
    stop: threading.Event,  # noqa: ARG001
) -> dict[str, Any]:
    """Build new indexes, and switch to them."""
    from vasari.indexer.build import rebuild

    built = rebuild(library, kind=params.get("index_kind"), progress=progress)
    return {"built": [generation.as_json() for generation in built]}


def run_caption(
    library: Library,
    settings: ServiceSettings,  # noqa: ARG001
    params: Mapping[str, Any],
    progress: Progress,
    stop: threading.Event,
) -> dict[str, Any]:
    """Describe the pictures, or those that are named, that no model has described yet."""
    from vasari.indexer.captions import caption_library

    detail: Detail = params.get("detail", "short")
    return caption_library(library, detail, progress, stop, params.get("ids")).as_json()


def run_read(
    library: Library,
    settings: ServiceSettings,  # noqa: ARG001
    params: Mapping[str, Any],
    progress: Progress,
    stop: threading.Event,
) -> dict[str, Any]:
    """Read the text in the pictures that nobody has read yet."""
    from vasari.indexer.reading import read_library

    reader = library.text_reader(params.get("with", "ocr"))
    return read_library(library, reader, progress, stop, again=bool(params.get("again"))).as_json()


def run_map(
    library: Library,
    settings: ServiceSettings,  # noqa: ARG001
    params: Mapping[str, Any],  # noqa: ARG001
    progress: Progress,
    stop: threading.Event,
) -> dict[str, Any]:
    """Lay the collection out in the plane, and keep the map in the library."""
    from vasari.indexer.embedding_map import project

    space = library.space()
    revision = library.catalog.revision()
    gallery = library.gallery(Modality.IMAGE, space)
    live = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    missing = set(library.catalog.segments.missing_embeddings(space.name, Modality.IMAGE))
    ids = [item for item in live if item not in missing]
    shown = ids[:: max(1, -(-len(ids) // MOST_POINTS))]

    def heard(done: int, total: int) -> bool:
        progress.update(ProgressEvent("mapping", done=done, total=total))
        return not stop.is_set()

    points = project(gallery.vectors_of(shown), heard=heard).tolist() if shown else []
    if not stop.is_set():
        content = {
            "space": space.name,
            "revision": revision,
            "items": len(ids),
            "points": [[item, round(x, 4), round(y, 4)] for item, (x, y) in zip(shown, points, strict=True)],
        }
        keep(map_file(library), json.dumps(content).encode())
    return {"items": len(ids), "points": len(shown)}


MOST_POINTS = 5000  # more cannot be told apart on a screen


def map_file(library: Library) -> Path:
    """Where the collection's map is kept."""
    return library.root / "map.json"


KINDS: Mapping[str, JobKind] = {
    "map": JobKind(check_nothing, run_map),
    "index": JobKind(check_index, run_index),
    "caption": JobKind(check_nothing, run_caption),
    "read": JobKind(check_read, run_read),
    "rerank": JobKind(check_rerank, run_rerank),
    "regions": JobKind(check_regions, run_regions),
    "rebuild": JobKind(check_nothing, run_rebuild),
}
