"""A backup store: objects named by the hash of their bytes, and a manifest for each moment, in a folder or at a URL.

    objects/3f/3f0c…                     up to 8 MiB of a file, BLAKE2b-256 of its bytes as name
    manifests/20260131T120000.123456Z.jsonl

What is the same in two backups is kept once. A manifest is written when all its objects are there, and last: a backup
that is killed leaves objects that nobody names, and the manifests of those before it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from vasari.retrieval.errors import LibraryCorruptError, LibraryLockedError, NotFoundError, StorageError
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.filesystem import file_system
from vasari.retrieval.storage.os_errors import cannot_read
from vasari.retrieval.storage.uris import is_url, local_path

CHUNK = 8 * 2**20  # bytes of an object, at most
_MANIFESTS = "manifests"
_DIGEST_BYTES = 32


class Files(Protocol):
    """Whole files below one place, by names with slashes."""

    def has(self, name: str, size: int) -> bool:
        """Whether there is a file of this size."""
        ...

    def read(self, name: str) -> bytes:
        """A file's bytes; NotFoundError where there is none."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file anew; StorageError."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file that is there."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, sorted; none where there is no such folder."""
        ...


class LocalFiles:
    """Files in a folder of this machine, each written beside and renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, name: str, size: int) -> bool:
        """As in `Files`."""
        with contextlib.suppress(OSError):
            return (self._root / name).stat().st_size == size
        return False

    def read(self, name: str) -> bytes:
        """As in `Files`."""
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"no such file: {self._root / name}") from None
        except OSError as error:
            raise cannot_read(self._root / name, error) from error

    def write(self, name: str, data: bytes) -> None:
        """As in `Files`."""
        write_bytes(self._root / name, data)

    def remove(self, name: str) -> None:
        """As in `Files`."""
        (self._root / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """As in `Files`."""
        place = self._root / folder
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


class RemoteFiles:
    """Files at a URL that fsspec knows."""

    def __init__(self, url: str) -> None:
        self._system, path = file_system(url)
        self._root = path.rstrip("/")

    def has(self, name: str, size: int) -> bool:
        """As in `Files`."""
        try:
            return bool(self._system.info(self._path(name))["size"] == size)
        except FileNotFoundError:
            return False

    def read(self, name: str) -> bytes:
        """As in `Files`."""
        try:
            return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            raise NotFoundError(f"no such file: {self._path(name)}") from None

    def write(self, name: str, data: bytes) -> None:
        """As in `Files`."""
        path = self._path(name)
        try:
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._system.pipe_file(path, data)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error}") from error

    def remove(self, name: str) -> None:
        """As in `Files`."""
        with contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._path(name))

    def names(self, folder: str) -> list[str]:
        """As in `Files`."""
        try:
            listed: list[Any] = self._system.ls(self._path(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(str(path).rpartition("/")[2] for path in listed)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


class Store:
    """Objects and manifests."""

    def __init__(self, place: str | Path) -> None:
        self.place = str(place)
        self._local = None if is_url(str(place)) else local_path(place).absolute()
        self.files: Files = RemoteFiles(str(place)) if self._local is None else LocalFiles(self._local)

    def lies_in(self, folder: Path) -> bool:
        """Whether it is a folder of this machine in that one, by whatever name."""
        return self._local is not None and self._local.resolve().is_relative_to(folder.resolve())

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the store against other backups into it, where it is a folder of this machine; LibraryLockedError."""
        if self._local is None:
            yield
            return
        try:
            self._local.mkdir(parents=True, exist_ok=True)
            lock = (self._local / ".lock").open("w")
        except OSError as error:
            raise StorageError(f"cannot write to {self._local}: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LibraryLockedError(f"another backup into {self.place} is under way") from None
            yield

    def put(self, data: bytes) -> tuple[str, bool]:
        """Keep an object: its name, and whether it is new."""
        name = hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
        if self.holds(name, len(data)):
            return name, False
        self.files.write(_object(name), data)
        return name, True

    def holds(self, name: str, size: int) -> bool:
        """Whether an object is there."""
        return self.files.has(_object(name), size)

    def get(self, name: str) -> bytes:
        """An object's bytes; LibraryCorruptError for one that is gone or damaged."""
        try:
            data = self.files.read(_object(name))
        except NotFoundError:
            raise LibraryCorruptError(f"{self.place} misses {_object(name)}: the backup is damaged") from None
        if hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest() != name:
            raise LibraryCorruptError(f"{self.place}/{_object(name)} is not what was written: it is damaged")
        return data

    def forget(self, name: str) -> None:
        """Remove an object."""
        self.files.remove(_object(name))

    def moments(self) -> list[str]:
        """Names of the backups that are whole, oldest first."""
        return [
            name.removesuffix(".jsonl") for name in self.files.names(_MANIFESTS) if name.endswith(".jsonl")
        ]

    def read_manifest(self, moment: str) -> bytes:
        """The manifest of a backup; NotFoundError."""
        return self.files.read(f"{_MANIFESTS}/{moment}.jsonl")

    def write_manifest(self, moment: str, data: bytes) -> None:
        """Make a backup one that is whole."""
        self.files.write(f"{_MANIFESTS}/{moment}.jsonl", data)

    def remove_manifest(self, moment: str) -> None:
        """Give a backup up."""
        self.files.remove(f"{_MANIFESTS}/{moment}.jsonl")


def _object(name: str) -> str:
    return f"objects/{name[:2]}/{name}"
