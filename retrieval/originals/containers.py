"""Members of archives (tar, zip) and pictures kept in rows of tables (Parquet, Arrow).

What is inside a container is listed once and remembered for as long as its file stays the same, so that reading
one member of a shard costs one seek. All functions may be called from many threads.
"""

from __future__ import annotations

import functools
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from retrieval.errors import ImageError
from retrieval.originals import files
from retrieval.originals.uris import ARCHIVE_SUFFIXES, is_url

_loading = threading.Lock()


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    bytes: int
    offset: int | None  # of its bytes in the archive; None where they are compressed


def members(archive: str) -> Iterator[Member]:
    """The regular files in a .tar or .zip, in their order; OSError after those before a damage."""
    try:
        if archive.lower().endswith(".zip"):
            yield from _of_zip(_zip(state_of(archive)))
        else:
            with files.opened(archive) as file, tarfile.open(fileobj=file, mode="r:") as tar:
                end = 0
                for entry in tar:
                    end = entry.offset_data + -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                    if entry.isreg() and not entry.issparse():
                        yield Member(entry.name, entry.size, entry.offset_data)
                file.seek(end)  # tarfile takes a file that breaks off between two members for whole
                if len(file.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
                    raise EOFError("it breaks off")  # noqa: TRY301 (as those of the two libraries)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise OSError(f"the archive is damaged: {error}") from error


def read_member(container: str, member: str, most: int) -> bytes:
    """The bytes of a member; ImageError of stage "read", or "limit" where they are more than `most`."""
    with files.readable(), files.turn(container):
        if not container.lower().endswith(ARCHIVE_SUFFIXES):
            return _checked(_read_row(container, member), most)
        if container.lower().endswith(".zip"):
            return _read_zipped(container, member, most)
        found = _tar_index(state_of(container)).get(member)
    if found is None:
        raise ImageError(f"{container} has no {member} any more", "read")
    size, offset = found
    _check(size, most)
    data = files.read_range(container, offset, offset + size)
    if len(data) < size:
        raise ImageError(f"{container} ends in the middle of it", "read")
    return data


def read_at(archive: str, member: Member, most: int) -> bytes:
    """The bytes of a member just listed; raises ImageError."""
    if member.offset is None:
        return read_member(archive, member.name, most)
    _check(member.bytes, most)
    return files.read_range(archive, member.offset, member.offset + member.bytes)


class State(NamedTuple):
    """A file in its present state: another one is what it holds when it was changed."""

    file: str
    bytes: int
    mtime_ns: int


def state_of(file: str) -> State:
    """Remote files are taken to stay the same while a program runs."""
    if is_url(file):
        return State(file, 0, 0)
    facts = Path(file).stat()
    return State(file, facts.st_size, facts.st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _tar_index(archive: State) -> dict[str, tuple[int, int]]:
    """Size and offset of each member; of two of one name the last, as tar would unpack them."""
    index: dict[str, tuple[int, int]] = {}
    try:
        for member in members(archive.file):
            index[member.name] = (member.bytes, member.offset or 0)
    except OSError:
        if not index:
            raise
    return index


@functools.lru_cache(maxsize=16)
def _zip(archive: State) -> zipfile.ZipFile:
    if is_url(archive.file):
        system, path = files.file_system(archive.file)
        return zipfile.ZipFile(system.open(path, "rb"))
    return zipfile.ZipFile(archive.file)


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    for entry in archive.infolist():
        if not entry.is_dir():
            yield Member(entry.filename, entry.file_size, None)


def _read_zipped(archive: str, member: str, most: int) -> bytes:
    opened = _zip(state_of(archive))
    try:
        _check(opened.getinfo(member).file_size, most)
        with opened.open(member) as file:  # several threads may read: ZipFile shares its handle under a lock
            return _checked(file.read(most + 1), most)
    except KeyError as error:
        raise ImageError(f"{archive} has no {member} any more", "read") from error


def _read_row(table: str, member: str) -> bytes:
    column, _, number = member.rpartition("/")
    with _loading:  # else every thread would load the same part at once
        if column not in _columns(table) and (several := re.fullmatch(r"(.+)/(\d+)", column)):
            value = _value(table, several[1], int(several[2]) - 1)
            data = _bytes_of(value[int(number) - 1]) if 0 < int(number) <= len(value.values or ()) else None
        else:
            data = _bytes_of(_value(table, column, int(number) - 1))
    if data is None:
        raise ImageError(f"{member} holds no picture", "read")
    return data


def _bytes_of(value: Any) -> bytes | None:
    """The picture in an Arrow scalar: its bytes, or its field `bytes`."""
    found = value.as_py()
    data = found.get("bytes") if isinstance(found, dict) else found
    return data if isinstance(data, bytes) else None


def _columns(table: str) -> Sequence[str]:
    state = state_of(table)
    arrow = table.lower().endswith(".arrow")
    schema = arrow_table(state).table.schema if arrow else parquet_metadata(state).schema.to_arrow_schema()
    names: Sequence[str] = schema.names
    return names


def _value(table: str, column: str, row: int) -> Any:
    state = state_of(table)
    if table.lower().endswith(".arrow"):
        part, first = arrow_table(state).table, 0
    else:
        group, first = _row_group(state, row)
        part = _parquet_column(state, group, column)
    if not 0 <= row - first < part.num_rows or column not in part.column_names:
        raise ImageError(f"{Path(table).name} has no row {row + 1} with {column} any more", "read")
    return part.column(part.column_names.index(column))[row - first]  # several may have the name


class ArrowTable(NamedTuple):
    """The rows of an Arrow file, as far as they can be read."""

    table: Any
    trouble: str | None = None  # why there are no more of them


@functools.lru_cache(maxsize=8)
def arrow_table(table: State) -> ArrowTable:
    """An Arrow IPC file or stream (what `datasets` saves), memory-mapped where it is local."""
    import pyarrow as pa

    if is_url(table.file):
        with files.opened(table.file) as remote:
            source = pa.BufferReader(remote.read())
    else:
        source = pa.memory_map(table.file)
    try:
        stream = pa.ipc.open_stream(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return ArrowTable(pa.ipc.open_file(source).read_all())
    batches: list[Any] = []
    trouble = None
    try:
        for batch in stream:
            batches.append(batch)  # noqa: PERF402 (those before a damage are kept)
    except (pa.ArrowException, OSError) as error:
        trouble = " ".join(str(error).split())[:200]
    return ArrowTable(pa.Table.from_batches(batches, stream.schema), trouble)


@functools.lru_cache(maxsize=8)
def parquet_metadata(table: State) -> Any:
    """The footer of a Parquet file."""
    import pyarrow.parquet as pq

    with files.opened(table.file) as opened:
        return pq.read_metadata(opened)


def _row_group(table: State, row: int) -> tuple[int, int]:
    """The row group that holds a row, and that group's first row."""
    metadata, first = parquet_metadata(table), 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if row < first + rows:
            return group, first
        first += rows
    raise ImageError(f"{Path(table.file).name} has no row {row + 1} any more", "read")


@functools.lru_cache(maxsize=2)
def _parquet_column(table: State, group: int, column: str) -> Any:
    import pyarrow.parquet as pq

    with files.opened(table.file) as opened:
        return pq.ParquetFile(opened).read_row_group(group, columns=[column])


def _check(size: int, most: int) -> None:
    if size > most:
        raise ImageError(f"{size:,} bytes, the limit is {most:,} (VASARI_MAX_IMAGE_BYTES)", stage="limit")


def _checked(data: bytes, most: int) -> bytes:
    _check(len(data), most)
    return data
