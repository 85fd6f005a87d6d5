"""Taking a backup, while the library serves and is written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vasari.indexer.backups.manifest import KeptFile, Manifest
from vasari.indexer.backups.moment import Moment, Vanished, taken
from vasari.indexer.backups.store import CHUNK, Store
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.version import __version__

_TRIES = 10  # moments that are taken until one lasts long enough


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup came to."""

    moment: str
    items: Mapping[str, int]
    files: int
    bytes: int
    new_bytes: int  # that the store did not have
    removed: int  # older backups that were given up
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def back_up(library: Library, store: Store, *, keep: int | None = None) -> BackupReport:
    """Take a backup, and give up all but the newest `keep`.

    Raises UsageError for a place in the library itself, LibraryLockedError while another backup goes into the same
    folder, LibraryCorruptError where a file that the catalog names is not there, StorageError where the store cannot be
    written.
    """
    if store.lies_in(library.root):
        raise UsageError(
            f"{store.place} lies in the library, and would be lost with it: back up to another place"
        )
    began = time.perf_counter()
    with store.alone():
        before = _known_files(store)
        manifest, new = _kept(library, store, before)
        store.write_manifest(manifest.moment, manifest.written())
        removed = 0 if keep is None else _prune(store, keep)
    return BackupReport(
        manifest.moment,
        manifest.items,
        len(manifest.files),
        sum(file.bytes for file in manifest.files),
        new,
        removed,
        time.perf_counter() - began,
    )


def manifests(store: Store) -> Iterator[Manifest]:
    """The backups that are whole, oldest first."""
    for moment in store.moments():
        yield Manifest.read(store.read_manifest(moment))


def _known_files(store: Store) -> dict[str, KeptFile]:
    """The files of the newest backup, by path: what is the same need not be read again."""
    for moment in reversed(store.moments()):
        with contextlib.suppress(LibraryCorruptError, NotFoundError):
            return {file.path: file for file in Manifest.read(store.read_manifest(moment)).files}
    return {}


def _kept(library: Library, store: Store, before: Mapping[str, KeptFile]) -> tuple[Manifest, int]:
    """Keep one moment of the library; its manifest, and how many bytes were new."""
    new = 0
    for _ in range(_TRIES):
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        try:
            with taken(library) as moment:
                files = []
                for file, fresh in _files(moment, store, before):
                    files.append(file)
                    new += fresh
                return Manifest(name, str(library.root), __version__, moment.items, files), new
        except Vanished as error:
            last = error
    raise LibraryCorruptError(f"{last} is in the catalog and not there: `vasari doctor` tells more")


def _files(moment: Moment, store: Store, before: Mapping[str, KeptFile]) -> Iterator[tuple[KeptFile, int]]:
    """Each file, and how many of its bytes were new."""
    for name, path in moment.files.items():
        try:
            facts = path.stat()
            known = before.get(name)
            same = known is not None and (known.bytes, known.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
            if known is not None and same and _is_whole(store, known):
                yield known, 0
                continue
            objects, size, fresh = _put(store, path)
        except FileNotFoundError as error:
            raise Vanished(name) from error
        yield KeptFile(name, size, facts.st_mtime_ns, tuple(objects)), fresh


def _is_whole(store: Store, file: KeptFile) -> bool:
    sizes = [min(CHUNK, file.bytes - start) for start in range(0, file.bytes, CHUNK)]
    return all(store.holds(name, size) for name, size in zip(file.objects, sizes, strict=True))


def _put(store: Store, path: Path) -> tuple[list[str], int, int]:
    """Keep a file's bytes: its objects, its size, and how many bytes were new."""
    objects, size, fresh = [], 0, 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            name, is_new = store.put(data)
            objects.append(name)
            size += len(data)
            fresh += len(data) if is_new else 0
    return objects, size, fresh


def _prune(store: Store, keep: int) -> int:
    """Give up all but the newest backups, and what only they needed; says how many."""
    moments = store.moments()
    old, kept = moments[:-keep], moments[-keep:]
    unneeded = _objects(store, old) - _objects(store, kept)
    for moment in old:  # first: what is whole never misses an object
        store.remove_manifest(moment)
    for name in unneeded:
        store.forget(name)
    return len(old)


def _objects(store: Store, moments: list[str]) -> set[str]:
    found = (Manifest.read(store.read_manifest(moment)) for moment in moments)
    return {name for manifest in found for file in manifest.files for name in file.objects}
