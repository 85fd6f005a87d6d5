"""Pictures inside other files: members of archives, and rows of tables (Parquet, Arrow).

What was loaded is remembered for as long as its file stays the same. All functions may be called from many threads.
"""

from __future__ import annotations

import functools
import mmap
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.storage import archives, filesystem
from vasari.retrieval.storage.filesystem import State, state_of
from vasari.retrieval.storage.local_files import open_local
from vasari.retrieval.storage.uris import ARCHIVE_SUFFIXES, ARROW_SUFFIXES, is_url

_loading = threading.Lock()


def read_member(container: str, member: str, most: int) -> bytes:
    """The bytes of a member; ImageError of stage "read", or "limit" where they are more than `most`."""
    if container.lower().endswith(ARCHIVE_SUFFIXES):
        return archives.read_member(container, member, most)
    with filesystem.readable(), filesystem.turn(container):
        data = _read_row(container, member)
    if len(data) > most:
        raise ImageError(
            f"{len(data):,} bytes, the limit is {most:,} (VASARI_MAX_IMAGE_BYTES)", stage="limit"
        )
    return data


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
    arrow = table.lower().endswith(ARROW_SUFFIXES)
    schema = arrow_table(state).table.schema if arrow else parquet_metadata(state).schema.to_arrow_schema()
    names: Sequence[str] = schema.names
    return names


def _value(table: str, column: str, row: int) -> Any:
    state = state_of(table)
    if table.lower().endswith(ARROW_SUFFIXES):
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
        with filesystem.opened(table.file) as remote:
            source = pa.BufferReader(remote.read())
    else:
        with os.fdopen(open_local(table.file), "rb") as local:
            mapped = mmap.mmap(local.fileno(), 0, access=mmap.ACCESS_READ)
        source = pa.BufferReader(pa.py_buffer(mapped))
    if source.size() >= 4 and source.read_at(4, 0) == b"FEA1":
        raise UsageError(
            f"{table.file} is Feather version 1, which is not read: write the table again as version 2"
            " (pandas: read_feather and to_feather), or as Parquet"
        )
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

    with filesystem.opened(table.file) as opened:
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

    with filesystem.opened(table.file) as opened:
        return pq.ParquetFile(opened).read_row_group(group, columns=[column])
