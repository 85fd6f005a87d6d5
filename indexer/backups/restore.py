"""Restoring a library from a backup: into a new folder, whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vasari.indexer.backups.manifest import KeptFile, Manifest
from vasari.indexer.backups.moment import CATALOG
from vasari.indexer.backups.store import Store
from vasari.indexer.doctor import Finding, examine
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.copying import read_snapshot
from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.relocation import relocate
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.atomic import replaced
from vasari.retrieval.storage.layout import UPLOADS


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored."""

    moment: str
    items: Mapping[str, int]  # live ones, by modality
    files: int
    bytes: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def restore(
    store: Store, root: Path, moment: str | None = None, database_url: str | None = None
) -> RestoreReport:
    """Make the library of a backup (the newest) anew in `root`, with its catalog in a database where one is named.

    Raises NotFoundError where there is no such backup, UsageError where the folder or the database holds something,
    LibraryCorruptError where the backup is damaged.
    """
    began = time.perf_counter()
    manifest = _manifest(store, moment)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} is there already: restore into a new folder")
    with replaced(root) as (folder,):
        folder.mkdir(parents=True)
        for file in manifest.files:
            _write(store, file, folder / file.path)
        _settle(folder / CATALOG, manifest.root, root)
        if database_url is not None:
            _into_database(folder / CATALOG, database_url)
    size = sum(file.bytes for file in manifest.files)
    spent = time.perf_counter() - began
    return RestoreReport(manifest.moment, manifest.items, len(manifest.files), size, spent)


def verify(library: Library, report: RestoreReport) -> list[Finding]:
    """What is wrong with a library that was restored; none: it is sound, and holds what the backup held."""
    held = {str(modality): library.catalog.items.count(modality) for modality in Modality}
    findings = examine(library)
    if held != dict(report.items):
        findings.append(
            Finding("catalog", f"the backup had {report.items} items, and the library has {held}")
        )
    return findings


def _manifest(store: Store, moment: str | None) -> Manifest:
    moments = store.moments()
    if not moments:
        raise NotFoundError(f"no backup in {store.place}: `vasari backup {store.place}` takes one")
    if moment is not None and moment not in moments:
        raise NotFoundError(f"no backup {moment} in {store.place}; the newest is {moments[-1]}")
    return Manifest.read(store.read_manifest(moment or moments[-1]))


def _write(store: Store, file: KeptFile, path: Path) -> None:
    """Write a file with the time it had, so that the next backup knows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        for name in file.objects:
            target.write(store.get(name))
        size = target.tell()
    if size != file.bytes:
        raise LibraryCorruptError(f"{file.path} had {file.bytes} bytes, and its objects have {size}")
    os.utime(path, ns=(file.mtime_ns, file.mtime_ns))


def _settle(catalog: Path, old_root: str, root: Path) -> None:
    """Let the library's own pictures lie where they lie now, and no job go on that ran elsewhere."""
    with Catalog.open(catalog) as opened:
        for job in opened.jobs.latest():
            if job.state == "running":
                opened.jobs.end(job.id, "failed", {**job.progress, "error": "restored from a backup"})
        if old_root != str(root):
            relocate(opened.database, f"{old_root}/{UPLOADS}", f"{root}/{UPLOADS}")


def _into_database(catalog: Path, url: str) -> None:
    database = Database(url)
    try:
        read_snapshot(catalog, database)
    finally:
        database.close()
    catalog.unlink()
