"""One moment of a library that is in use: its catalog as it was then, and the files that the catalog speaks of.

Segments, indexes and uploads never change; they can only go, when a compaction, a rebuild or a deletion is done with
them. So the catalog is copied first, in one transaction, and then each file gets a second name (a hard link), which
takes milliseconds and keeps it whatever happens meanwhile. If one went in between, the next moment is taken instead.
Where there are no hard links (another file system, a library that is only read) the files are read as they lie.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.copying import write_snapshot
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import LibraryLockedError
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.atomic import TEMPORARY
from vasari.retrieval.storage.layout import BACKUP, OWN_NAMES, SECOND_LOOKS, THUMBNAILS, UPLOADS
from vasari.retrieval.storage.processes import abandoned
from vasari.retrieval.vectors.generation import MANIFEST_FILE, generation_directory
from vasari.retrieval.vectors.hubs import is_bank
from vasari.retrieval.vectors.index import IndexKind

CATALOG = "catalog.sqlite3"
# Not of a moment: named by the catalog, or made again.
_ELSEWHERE = {"segments", "generations", THUMBNAILS, SECOND_LOOKS, "quarantine", BACKUP}


class Vanished(Exception):  # noqa: N818 (an event, caught here)
    """A file of the moment went before it was kept."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A catalog and where its library's files can be read, by their paths below the library's folder."""

    items: dict[str, int]  # live ones, by modality
    files: dict[str, Path]


@contextlib.contextmanager
def taken(library: Library) -> Iterator[Moment]:
    """A moment of the library, kept until the block ends. Raises Vanished where a file went just now."""
    with _folder(library) as folder:
        write_snapshot(library.catalog.database, folder / CATALOG)
        with Catalog.open(folder / CATALOG) as snapshot:
            counts = {str(modality): snapshot.items.count(modality) for modality in Modality}
            named = [*_vectors(library, snapshot), *_uploads(library, snapshot), *_own(library)]
        files = {str(path.relative_to(library.root)): _kept(path, folder, library.root) for path in named}
        yield Moment(counts, {CATALOG: folder / CATALOG, **files})


@contextlib.contextmanager
def _folder(library: Library) -> Iterator[Path]:
    """A folder for as long as the moment is needed, in the library, so that links can be made."""
    own = library.root / BACKUP
    try:
        own.mkdir(exist_ok=True)
    except OSError:  # it is only read here
        with tempfile.TemporaryDirectory(prefix="vasari-") as elsewhere:
            yield Path(elsewhere)
        return
    with abandoned(own) as free:
        if not free:
            raise LibraryLockedError("another backup of this library is under way")
        try:
            for left in own.iterdir():  # by a backup that was killed
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def _kept(path: Path, folder: Path, root: Path) -> Path:
    """A second name of a file, or its own where there are no links; Vanished."""
    second = folder / path.relative_to(root)
    try:
        second.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, second)
    except FileNotFoundError as error:
        raise Vanished(str(path)) from error
    except OSError:
        return path
    return second


def _vectors(library: Library, snapshot: Catalog) -> Iterator[Path]:
    """Files of the segments and indexes that the catalog has."""
    for space in snapshot.spaces.all():
        for modality in Modality:
            numbers = {segment.number for segment in snapshot.segments.all(space.name, modality)}
            yield from _segments(library.segments_directory(space, modality), numbers)
            yield from _generations(library, snapshot, space, modality)


def _generations(
    library: Library, snapshot: Catalog, space: EmbeddingSpace, modality: Modality
) -> list[Path]:
    """The files of the index in use. The one before it, one that is not whole here, and one in Milvus are forgotten.

    A restored library that named the same collection would drop it at its next rebuild, which is another's.
    """
    active = snapshot.segments.active_generation(space.name, modality)
    found: list[Path] = []
    for record in snapshot.segments.generations(space.name, modality):
        kept = []
        if record == active and record.kind != IndexKind.MILVUS:
            kept = _index(library.generations_directory(space, modality), record.number)
            if not kept and record != library.catalog.segments.active_generation(space.name, modality):
                raise Vanished(f"index {record.number} of {space.name}")
        if not kept:
            snapshot.segments.retire_generation(space.name, modality, record.number)
        found += kept
    return found


def _index(folder: Path, number: int) -> list[Path]:
    """All files of a generation, by its manifest; none where one is missing."""
    built = generation_directory(folder, number)
    try:
        manifest = json.loads((built / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return []
    found = [built / name for name in (MANIFEST_FILE, *manifest["checksums"])]
    return found if all(path.is_file() for path in found) else []


def _segments(folder: Path, numbers: set[int]) -> Iterator[Path]:
    found = set()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        beginning = path.name.partition(".")[0]
        if is_bank(path):
            yield path
        if beginning.isdecimal() and int(beginning) in numbers and not path.name.endswith(TEMPORARY):
            found.add(int(beginning))
            yield path
    if found != numbers:
        raise Vanished(f"{folder}/{min(numbers - found):08d}")


def _uploads(library: Library, snapshot: Catalog) -> Iterator[Path]:
    """Pictures that the library itself keeps. One that is gone was deleted since, or nobody knows why."""
    folder = library.root / UPLOADS
    if not folder.is_dir():
        return
    rows = [(file.id, file.uri) for file in snapshot.items.known_files(Modality.IMAGE, [str(folder)])]
    gone = [item for item, uri in rows if not Path(uri).is_file()]
    if len(library.items(gone)) < len(gone):
        raise Vanished("an upload")
    lost = set(gone)
    yield from (Path(uri) for item, uri in rows if item not in lost)


def _own(library: Library) -> Iterator[Path]:
    """The library's other files: exported models, its map."""
    for name in sorted(OWN_NAMES - _ELSEWHERE):
        path = library.root / name
        found = path.rglob("*") if path.is_dir() else [path]
        yield from (one for one in found if one.is_file() and TEMPORARY not in one.name)
