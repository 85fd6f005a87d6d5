"""Members of archives: zip, tar, and tar packed by gzip, bzip2, xz or Zstandard, known by their bytes, not their names.

Nothing is ever extracted to a place that a member names: a name is only what its uri ends with. What is inside an
archive is listed once and remembered for as long as its file stays the same, so that reading one member of a tar or
zip costs one seek; a packed tar is unpacked to a temporary file first. All functions may be called from many threads.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import os
import posixpath
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO, NamedTuple

from vasari.retrieval.errors import ImageError
from vasari.retrieval.storage import filesystem
from vasari.retrieval.storage.filesystem import State, state_of
from vasari.retrieval.storage.local_files import open_local
from vasari.retrieval.storage.text_files import head_of
from vasari.retrieval.storage.uris import is_url
from vasari.retrieval.storage.zip_salvage import salvaged

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED, _UTF_8 = 0x1, 0x800  # bits of a zip entry's flags
_MOST_TIMES = 1000  # what a packed tar may grow by: gzip makes no more of real data
_MOST_REMOTE = 2**40  # bytes, where the packed size is not known
_PIECE = 1024 * 1024
_unpacking = threading.Lock()


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    bytes: int
    offset: int | None = None  # of its bytes in the (unpacked) tar; None where they do not lie in one piece
    trouble: str | None = None  # why it cannot be read


def members(archive: str) -> Iterator[Member]:
    """The files in an archive, of two of one name the last, as unpacking would leave them.

    Links are what they lead to. OSError after the members before a damage.
    """
    found, trouble = _listed(state_of(archive))
    yield from found.values()
    if trouble is not None:
        raise OSError(f"the archive is damaged: {trouble}")


def read_member(archive: str, name: str, most: int) -> bytes:
    """The bytes of a member; ImageError of stage "read", or "limit" where they are more than `most`."""
    with filesystem.readable():
        state = state_of(archive)
        member = _listed(state).members.get(name)
        if member is None:
            raise ImageError(f"{archive} has no {name} any more", "read")
        if member.trouble is not None:
            raise ImageError(member.trouble, "read")
        _check(member.bytes, most)
        data = _bytes_of(state, member, most)
        if len(data) < member.bytes:
            raise ImageError(f"{archive} ends in the middle of it", "read")
        return data


def _bytes_of(state: State, member: Member, most: int) -> bytes:
    kind = _kind(state)
    if kind == "zip":
        with filesystem.turn(state.file):
            opened = _zip(state)
            # ZipFile shares its handle under a lock.
            with opened.file.open(opened.entries[member.name]) as file:
                data = file.read(most + 1)
        _check(len(data), most)
        return data
    if member.offset is None:
        return _sparse(state, member.name, most)
    if kind == "tar":
        return filesystem.read_range(state.file, member.offset, member.offset + member.bytes)
    return os.pread(_unpacked(state, kind).file.fileno(), member.bytes, member.offset)


class _Listing(NamedTuple):
    members: Mapping[str, Member]
    trouble: str | None  # why there are no more of them


@functools.lru_cache(maxsize=32)
def _listed(archive: State) -> _Listing:
    found: dict[str, Member] = {}
    try:
        for member in _of_zip(archive) if _kind(archive) == "zip" else _of_tar(archive):
            found.pop(member.name, None)
            found[member.name] = member
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError, OverflowError) as error:
        if not found and not isinstance(error, tarfile.TarError):
            raise OSError(f"the archive is damaged: {error}") from error
        return _Listing(found, str(error) or type(error).__name__)
    return _Listing(found, None)


@functools.lru_cache(maxsize=64)
def _kind(archive: State) -> str:
    """What an archive is by its first bytes: zip, tar, or what a tar is packed by."""
    with filesystem.opened(archive.file) as file:
        head = head_of(file)
    if head.startswith(_ZIP):
        return "zip"
    for magic, kind in (
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ):
        if head.startswith(magic):
            return kind
    return "zip" if archive.file.lower().endswith(".zip") and head[257:262] != b"ustar" else "tar"


class _Zip:
    """An open zip; of one that breaks off the members before that, and why there are no more."""

    _own: IO[bytes] | None = None

    def __init__(self, archive: State) -> None:
        self._own = opened = _opened_zip(archive)
        self.trouble: str | None = None
        try:
            self.file = zipfile.ZipFile(opened)
        except zipfile.BadZipFile as error:
            self.trouble = str(error)
            opened.close()
            with filesystem.opened(archive.file) as broken:
                self._own = opened = salvaged(broken)
            self.file = zipfile.ZipFile(opened)
        self.entries = {_name(entry): entry for entry in self.file.infolist() if not entry.is_dir()}

    def __del__(self) -> None:
        if self._own is not None:
            self._own.close()


def _opened_zip(archive: State) -> IO[bytes]:
    if is_url(archive.file):
        system, path = filesystem.file_system(archive.file)
        remote: IO[bytes] = system.open(path, "rb")
        return remote
    return os.fdopen(open_local(archive.file), "rb")


_zip = functools.lru_cache(maxsize=16)(_Zip)


def _name(entry: zipfile.ZipInfo) -> str:
    """A zip entry's name; many programs write UTF-8 without saying so."""
    if entry.flag_bits & _UTF_8 or entry.filename.isascii():
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode()
    except UnicodeError:
        return entry.filename


def _of_zip(archive: State) -> Iterator[Member]:
    opened = _zip(archive)
    for name, entry in opened.entries.items():
        trouble = None
        if entry.flag_bits & _ENCRYPTED:
            trouble = "it is encrypted: unpack the archive with its password"
        elif entry.compress_type not in _METHODS:
            trouble = f"it is packed by a method that is not supported (number {entry.compress_type})"
        yield Member(name, entry.file_size, trouble=trouble)
    if opened.trouble is not None:
        raise zipfile.BadZipFile(opened.trouble)


def _of_tar(archive: State) -> Iterator[Member]:
    """Files in their order, then links, whose targets may come behind them."""
    plain: dict[str, Member] = {}
    links: list[tarfile.TarInfo] = []
    damage: list[str] = []
    with _tar(archive) as (file, tar, trouble):
        for entry in _entries(file, tar, damage):
            if entry.islnk() or entry.issym():
                links.append(entry)
            elif entry.isreg():
                member = Member(entry.name, entry.size, None if entry.issparse() else entry.offset_data)
                plain[posixpath.normpath(entry.name)] = member
                yield member
        for link in links:
            yield _followed(link, plain)
        if trouble is not None or damage:
            raise EOFError(trouble or damage[0])


def _entries(file: IO[bytes], tar: tarfile.TarFile, damage: list[str]) -> Iterator[tarfile.TarInfo]:
    """A tar's members, those behind a damaged header too: tarfile takes this, or a missing end, for the end."""
    yield from tar
    file.seek(tar.offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        damage.append("it breaks off")
    elif any(block):
        damage.append("what stands before one of its members cannot be read")
        yield from tarfile.TarFile(fileobj=file, ignore_zeros=True)


def _followed(link: tarfile.TarInfo, plain: Mapping[str, Member]) -> Member:
    folder = posixpath.dirname(link.name) if link.issym() else ""
    target = plain.get(posixpath.normpath(posixpath.join(folder, link.linkname)))
    if target is None:
        return Member(link.name, 0, trouble=f"it is a link to {link.linkname}, which is not in the archive")
    return target._replace(name=link.name)


@contextmanager
def _tar(archive: State) -> Iterator[tuple[IO[bytes], tarfile.TarFile, str | None]]:
    """A tar open for reading from its beginning, and what is wrong with its packing."""
    kind = _kind(archive)
    if kind == "tar":
        with filesystem.opened(archive.file) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            yield file, tar, None
        return
    unpacked = _unpacked(archive, kind)
    # The duplicate shares its place.
    with os.fdopen(os.dup(unpacked.file.fileno()), "rb") as file, _unpacking:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            yield file, tar, unpacked.trouble


def _sparse(archive: State, name: str, most: int) -> bytes:
    with _tar(archive) as (_, tar, _trouble):
        file = tar.extractfile(name)
        data = file.read(most + 1) if file else b""
    _check(len(data), most)
    return data


class _Unpacked:
    """An unpacked tar: a file without a name, gone when nobody remembers it."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
        self.trouble: str | None = None  # why there is no more of it

    def __del__(self) -> None:
        self.file.close()


def _unpacked(archive: State, kind: str) -> _Unpacked:
    with _unpacking:  # else every thread would unpack the same archive at once
        return _unpacked_once(archive, kind)


@functools.lru_cache(maxsize=2)
def _unpacked_once(archive: State, kind: str) -> _Unpacked:
    unpacked = _Unpacked()
    with filesystem.opened(archive.file) as packed:
        most = _MOST_TIMES * max(archive.bytes, _PIECE) if archive.bytes else _MOST_REMOTE
        try:
            read = _unpacker(packed, kind)
            while unpacked.trouble is None and (piece := read(_PIECE)):
                unpacked.file.write(piece)
                if unpacked.file.tell() > most:
                    unpacked.trouble = f"it unpacks to more than {most:,} bytes"
        except (EOFError, OSError, lzma.LZMAError, zlib.error, ValueError) as error:
            unpacked.trouble = str(error) or type(error).__name__
    unpacked.file.flush()
    return unpacked


def _unpacker(packed: IO[bytes], kind: str) -> Callable[[int], bytes]:
    """What reads on: `read1` gives what comes before a damage, too."""
    match kind:
        case "gzip":
            return gzip.GzipFile(fileobj=packed).read1
        case "bzip2":
            return bz2.BZ2File(packed).read1
        case "xz":
            return lzma.LZMAFile(packed).read1
        case _:
            import pyarrow as pa

            return partial(pa.CompressedInputStream.read, pa.CompressedInputStream(packed, "zstd"))


def _check(size: int, most: int) -> None:
    if size > most:
        raise ImageError(f"{size:,} bytes, the limit is {most:,} (VASARI_MAX_IMAGE_BYTES)", stage="limit")
