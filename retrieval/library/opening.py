"""Opening a library: where it lies, whether it is there or can be made, and whether this user may write it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vasari.retrieval.catalog.sqlite_reader import SqliteReader
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError, StorageError, UsageError
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.file_names import on_disk

if TYPE_CHECKING:
    from vasari.retrieval.catalog.catalog import Catalog


@dataclass(frozen=True, slots=True)
class LibraryPlace:
    """A library's folder, which is there, and how it is opened."""

    directory: Path
    settings: Settings  # read-only where this user may not write
    only_readable: bool = False  # though nobody asked for a replica

    def reader(self) -> Catalog | SqliteReader:
        """What reads the catalog: without SQLAlchemy where it is a file that may be written."""
        settings = self.settings
        if settings.read_only or settings.database_url is not None:
            return open_catalog(self.directory, settings)
        return SqliteReader.open(_database(self.directory)) or open_catalog(self.directory, settings)


def place_of(root: str | Path | None, settings: Settings | None, *, create: bool) -> LibraryPlace:
    """The place of the library in `root` (default: `settings.library`); made, if `create` and it is not there.

    Raises NotFoundError when there is none and `create` is off, StorageError when it can't be made, UsageError for
    a URL or a file, LibraryCorruptError for vectors without a catalog.
    """
    settings = settings or (Settings() if root is None else Settings(library=Path(root)))
    directory = _directory(Path(root) if root is not None else settings.library)
    in_file, is_there = settings.database_url is None, _database(directory).is_file()
    only_readable = not create and in_file and _is_protected(_database(directory))
    if only_readable:  # another's library, or a mount that takes nothing: it can be searched all the same
        settings = replace(settings, read_only=True)
    if settings.read_only:
        if in_file and not is_there:
            raise NotFoundError(f"no library in {directory} to be read")
        return LibraryPlace(directory, settings, only_readable)
    if directory.is_file():
        raise UsageError(f"a library is a folder, and {directory} is a file")
    if not create and in_file and not is_there:
        raise NotFoundError(f"no library in {directory}: make one with `vasari index PATH`")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make a library in {directory}: {error.strerror}") from error
    if in_file:
        _check_not_lost(directory)
    return LibraryPlace(directory, settings)


def open_catalog(root: Path, settings: Settings) -> Catalog:
    """The whole catalog of the library in `root`."""
    from vasari.retrieval.catalog.catalog import Catalog  # SQLAlchemy takes longer than a whole search

    return Catalog.open(settings.database_url or _database(root), read_only=settings.read_only)


def _directory(given: Path) -> Path:
    # Path has made one slash of two; a folder that is there may be called anything.
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(given)) and not given.exists():
        raise UsageError(
            f"a library is a folder, and {given} is a URL: mount the bucket, "
            "or keep the pictures there and the library on a disk (`vasari index s3://…`)"
        )
    # ~name stays as it is where there is no such user; uploads' places hold no `..`, as no other item's does.
    return Path(os.path.abspath(on_disk(os.path.expanduser(given))))  # noqa: PTH100, PTH111


def _database(directory: Path) -> Path:
    return directory / "catalog.sqlite3"


def _check_not_lost(directory: Path) -> None:
    """Begin no new catalog beside vectors: the next job would delete them, as belonging to nothing."""
    database = _database(directory)
    if (database.is_file() and database.stat().st_size) or not any(directory.glob("segments/*/*/*.npy")):
        return
    raise LibraryCorruptError(
        f"{database} is empty or missing, though there are vectors: restore it from a backup, or move"
        f" {directory / 'segments'} away to begin anew"
    )


def _is_protected(database: Path) -> bool:
    """Whether there is a catalog that this user may not write: SQLite needs its folder too."""
    return database.is_file() and not (os.access(database, os.W_OK) and os.access(database.parent, os.W_OK))
