"""Translation of database errors into our own."""

from __future__ import annotations

import sqlite3

from vasari.retrieval.errors import (
    LibraryCorruptError,
    LibraryLockedError,
    StorageError,
    UsageError,
    VasariError,
)

_FULL = "the disk of the catalog {where} is full: free some space and run the command again; nothing committed is lost"
_READ_ONLY = (
    "the catalog {where} cannot be written: give this user write permission on it and on its folder; to search it,"
    " none is needed (VASARI_READ_ONLY=1 opens it to be read)"
)
_NO_FILE = "the catalog {where} cannot be opened: its folder must exist and be readable and writable"
_DISK = "the disk refused to read or write the catalog {where}: {error}"
_BROKEN = (
    "the catalog {where} is damaged or no Vasari catalog ({error}): restore it from a backup, or index again"
)
_BUSY = "another process has been writing the catalog {where} for over a minute: try again when it is done"

_SQLITE: dict[str, tuple[type[VasariError], str]] = {
    "SQLITE_FULL": (StorageError, _FULL),
    "SQLITE_READONLY": (StorageError, _READ_ONLY),
    "SQLITE_CANTOPEN": (StorageError, _NO_FILE),
    "SQLITE_IOERR": (StorageError, _DISK),
    # Even a reader needs a page of shared memory beside the file.
    "SQLITE_IOERR_SHMSIZE": (StorageError, _FULL),
    "SQLITE_CORRUPT": (LibraryCorruptError, _BROKEN),
    "SQLITE_NOTADB": (LibraryCorruptError, _BROKEN),
    "SQLITE_BUSY": (LibraryLockedError, _BUSY),
}


# SQLSTATE's classes: connection, authorization, resources, an operator (a restart, a cancellation), the system.
_AWAY = ("", "08", "28", "53", "57", "58")


def translate(error: BaseException, where: str) -> None:
    """Raise our own error for a fault of disk, server, permissions or values; return for all others (our mistakes)."""
    found = _sqlite(error) if isinstance(error, sqlite3.Error) else _postgres(error)
    if found is not None:
        kind, message = found
        raise kind(message.format(where=where, error=_first_line(error))) from error


def _sqlite(error: sqlite3.Error) -> tuple[type[VasariError], str] | None:
    # Extended codes are called after the primary one: SQLITE_IOERR_WRITE, SQLITE_READONLY_DIRECTORY.
    name = getattr(error, "sqlite_errorname", "")
    return _SQLITE.get(name) or _SQLITE.get("_".join(name.split("_")[:2]))


def _postgres(error: BaseException) -> tuple[type[VasariError], str] | None:
    state = getattr(error, "sqlstate", None) or ""
    kinds = {kind.__name__ for kind in type(error).__mro__}  # each state has a class: AdminShutdown, DiskFull
    if "DataError" in kinds:  # NUL in a text, a number of 70 bits
        return UsageError, "no catalog holds such a value: {error}"
    if state == "53100":
        return StorageError, _FULL
    if state == "25006":
        return StorageError, _READ_ONLY
    if kinds & {"OperationalError", "ConnectionTimeout"} and state[:2] in _AWAY:
        return StorageError, "the catalog's server {where} cannot be used: {error}"
    return None


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
