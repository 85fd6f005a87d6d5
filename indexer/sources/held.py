"""Columns of Parquet and Arrow that hold pictures, or name them: bytes, paths, {bytes, path}, and lists of these.

Bytes are looked at for being there, never copied: a listing of a shard must not read its pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any, Final, NamedTuple

from vasari.indexer.sources.columns import Columns
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.storage.delimited import distinct
from vasari.retrieval.storage.filesystem import opened

_BATCH = 1024  # rows at once
_FEW = 64  # rows at once, where their pictures have to be read along


class _Held(Enum):
    HELD = "the column itself holds the picture"


HELD: Final = _Held.HELD


class Named(NamedTuple):
    """A picture of a row: its path or URL as written, or `HELD`; `part` is its place, from 1, in a list of several."""

    name: str | _Held
    part: int | None = None


class Rows(NamedTuple):
    """Neighbouring rows of a table."""

    first: int  # the number of the first, from 1
    columns: Columns
    pictures: Sequence[Sequence[Named]]
    values: Sequence[Mapping[str, Any]]


def names_in(value: Any) -> list[Named]:
    """The pictures that a value of a row names: a path, an object with one, or a list of them."""
    if isinstance(value, list):
        return [
            Named(name.name, part) for part, entry in enumerate(value, start=1) for name in names_in(entry)
        ]
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("path", "url", "src", "file_name") if value.get(key)), None)
    if value is HELD or isinstance(value, str):
        return [Named(value)]
    return [Named(str(value))] if isinstance(value, int) and not isinstance(value, bool) else []


def is_binary(kind: Any) -> bool:
    """Whether an Arrow type is bytes, or has bytes in it."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(is_binary(field.type) for field in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return is_binary(kind.value_type)
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )


def pictures_in(column: Any, *, held: bool = False) -> list[list[Named]]:
    """For each row of an Arrow array the pictures in it; `held`: its objects hold bytes that were not read."""
    return [names_in(value) for value in _seen(column, held=held)]


def values_in(batch: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a batch under these names; a value that Python has no word for is its text, or nothing."""
    columns = [_values(batch.column(place)) for place in range(batch.num_columns)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] or [
        {} for _ in range(batch.num_rows)
    ]


def parquet_batches(file: str, wanted: Columns) -> Iterator[Rows]:
    """A Parquet file, part by part: its columns, the pictures of each row, and its other values.

    Row groups that cannot be read are left out, and told of by an ImageError when the others were given.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(file) as handle:
        try:
            table = pq.ParquetFile(handle)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{file} is no Parquet file: {_line(error)}") from error
        shape = _Shape.of(table, wanted, file)
        broken: list[str] = []
        first = 1
        for group in range(table.metadata.num_row_groups):
            number, first = first, first + table.metadata.row_group(group).num_rows
            try:
                for rows in shape.of_group(table, group, number):
                    number += len(rows.values)
                    yield rows
            except (pa.ArrowException, OSError) as error:
                which = f"rows {number:,} to" if number < first - 1 else "row"
                broken.append(f"{which} {first - 1:,} cannot be read: {_line(error)}")
        if broken:
            raise ImageError("; ".join(broken), "read")


class _Leaves(NamedTuple):
    """What a listing reads of the column with pictures."""

    read: Sequence[str] = ()
    held: bool = True  # every picture is in the file
    bytes_too: bool = False


class _Shape(NamedTuple):
    """How a listing reads a Parquet file."""

    columns: Columns
    names: Sequence[str]  # all different, in the file's order
    written: Sequence[str]  # the same as they are in the file
    others: frozenset[str]  # as written: what becomes captions and attributes
    kind: Any  # of the column with pictures

    @classmethod
    def of(cls, table: Any, wanted: Columns, file: str) -> _Shape:
        """As the file's schema has it; UsageError without a column of pictures."""
        schema = table.schema_arrow
        names = distinct(schema.names)
        columns = wanted.among(names, file)
        image = names.index(str(columns.image))
        others = frozenset(
            field.name
            for place, field in enumerate(schema)
            if place != image and (names[place] in columns.captions or not is_binary(field.type))
        )
        return cls(columns, names, schema.names, others, schema.field(image).type)

    def of_group(self, table: Any, group: int, number: int) -> Iterator[Rows]:
        """The rows of one row group, of which the first has this number."""
        image = str(self.columns.image)
        written = self.written[self.names.index(image)]
        leaves = _leaves(table.metadata.row_group(group), written, self.kind)
        batches = table.iter_batches(
            batch_size=_FEW if leaves.bytes_too else _BATCH,
            row_groups=[group],
            columns=[*self.others, *leaves.read],
        )
        for batch in batches:
            taken = self._names_of(batch)
            keep = [place for place, name in enumerate(taken) if name != image]
            if leaves.read:
                pictures = pictures_in(batch.column(taken.index(image)), held=leaves.held)
            else:
                pictures = [[Named(HELD)]] * batch.num_rows
            values = values_in(batch.select(keep), [taken[place] for place in keep])
            yield Rows(number, self.columns, pictures, values)
            number += batch.num_rows

    def _names_of(self, batch: Any) -> list[str]:
        """The different names of a batch's columns, which are in an order of their own."""
        waiting: dict[str, deque[str]] = {}
        for name, there in zip(self.names, self.written, strict=True):
            waiting.setdefault(there, deque()).append(name)
        return [waiting[there].popleft() for there in batch.schema.names]


def _leaves(group: Any, image: str, kind: Any) -> _Leaves:
    import pyarrow as pa

    if not is_binary(kind):
        return _Leaves([image], held=False)
    chunks = [group.column(number) for number in range(group.num_columns)]
    inside = [chunk for chunk in chunks if chunk.path_in_schema.startswith(f"{image}.")]
    paths = [chunk.path_in_schema for chunk in inside if chunk.path_in_schema.endswith(".path")]
    missing = [
        (chunk.statistics.null_count or 0) if chunk.statistics is not None else 0
        for chunk in inside
        if chunk.path_in_schema.endswith(".bytes")
    ]
    if pa.types.is_struct(kind) and missing:
        if missing[0] == 0:
            return _Leaves()
        if missing[0] == group.num_rows and paths:
            return _Leaves(paths, held=False)
    elif not pa.types.is_struct(kind) and not inside:
        return _Leaves()
    elif paths and missing and missing[0] == 0:
        return _Leaves(paths)  # of a list: it tells how many there are
    return _Leaves([image], held=False, bytes_too=True)


def _seen(column: Any, *, held: bool) -> list[Any]:
    """The values of an Arrow array, bytes as `HELD`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _seen(column.dictionary_decode(), held=held)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = iter(_seen(column.flatten(), held=held))
        return [list(islice(inner, length or 0)) for length in pc.list_value_length(column).to_pylist()]
    if pa.types.is_struct(kind):
        return _seen_objects(column, held=held)
    if is_binary(kind):
        return [HELD if valid else None for valid in column.is_valid().to_pylist()]
    return _values(column)


def _seen_objects(column: Any, *, held: bool) -> list[Any]:
    import pyarrow.compute as pc

    names = [field.name for field in column.type]
    if held:
        return [HELD if valid else None for valid in column.is_valid().to_pylist()]
    there = (
        pc.is_valid(pc.struct_field(column, "bytes")).to_pylist()
        if "bytes" in names
        else [False] * len(column)
    )
    path = next((name for name in ("path", "url", "src", "file_name") if name in names), None)
    paths = _values(pc.struct_field(column, path)) if path else [None] * len(column)
    return [HELD if inside else name for inside, name in zip(there, paths, strict=True)]


def _values(column: Any) -> list[Any]:
    """An Arrow array as Python's values; where it has no word for one, the others are kept."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):  # nanoseconds, the year 30,000, bytes that are no UTF-8
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    """An Arrow scalar as Python's value, else as its text: bytes that are no UTF-8 as in names of files."""
    import pyarrow as pa

    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        data = scalar.as_buffer() if hasattr(scalar, "as_buffer") else None
        return None if data is None else data.to_pybytes().decode("utf-8", "surrogateescape")
    except (ValueError, OverflowError):
        pass
    try:
        text = scalar.cast(pa.string()).as_py()
    except (pa.ArrowException, ValueError, OverflowError):
        return None
    return None if text.startswith("<value out of range") else text


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
