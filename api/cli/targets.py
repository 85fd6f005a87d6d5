"""Output paths of commands, validated before the work that makes what goes there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vasari.retrieval.errors import StorageError, UsageError


def file(given: Path, suffixes: Sequence[str] = ()) -> Path:
    """A file that can be written, new or old; UsageError or StorageError if it cannot be, or has another suffix."""
    path = given.expanduser()
    if suffixes and path.suffix.lower() not in suffixes:
        raise UsageError(f"{given} should end with {' or '.join(suffixes)}")
    if path.is_dir():
        raise UsageError(f"{given} is a folder: name the file that is to be written")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise StorageError(f"{given} cannot be written: it is protected")
    else:
        _check_parent(path, given)
    return path


def folder(given: Path) -> Path:
    """A folder that can be filled, one that is there or can be made."""
    path = given.expanduser()
    if path.exists():
        if not path.is_dir():
            raise UsageError(f"{given} is a file: name a folder")
        if not os.access(path, os.W_OK | os.X_OK):
            raise StorageError(f"nothing can be written into {given}: it is protected")
        return path
    parent = path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise UsageError(f"{given} cannot be made: {parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StorageError(f"{given} cannot be made: {parent} is protected")
    return path


def write(path: Path, data: bytes) -> None:
    """Write the whole file; StorageError if the disk refuses."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _check_parent(path: Path, given: Path) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"{given} cannot be written: there is no folder {parent}")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StorageError(f"{given} cannot be written: the folder {parent} is protected")
