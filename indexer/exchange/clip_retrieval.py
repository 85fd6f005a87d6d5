"""The folder that clip-retrieval's inference writes and its service reads.

    img_emb/img_emb_0.npy           (n, dim) of pictures
    text_emb/text_emb_0.npy         (n, dim) of their captions, where they were embedded
    metadata/metadata_0.parquet     row i describes row i of the same part

Columns are image_path, caption, url and whatever else the pictures came with; they become attributes here. What that
layout has no column for (other captions, tags, hashes, sizes) travels in a column of ours, which others pass over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.exchange.records import Record, as_row, space_as_text, space_from_text
from vasari.indexer.exchange.rows import Refused, checked, from_row
from vasari.indexer.sources.rows import resolve
from vasari.indexer.sources.samples import texts_in
from vasari.retrieval.catalog.encoding import stored_uri
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.storage.local_files import content_hash
from vasari.retrieval.storage.text_files import parse_json
from vasari.retrieval.storage.uris import is_url

OWN_COLUMN = "vasari"
_SPACE = b"vasari.space"
_PART = 1_000_000  # rows of a part, as clip-retrieval's own default


def is_clip_retrieval(folder: Path) -> bool:
    """Whether a folder has that layout."""
    return (folder / "img_emb").is_dir() or (
        (folder / "text_emb").is_dir() and (folder / "metadata").is_dir()
    )


def write_folder(
    folder: Path,
    space: EmbeddingSpace,
    batches: Iterable[Sequence[Record]],
    caption_vectors: Mapping[str, NDArray[np.float32]],
) -> None:
    """Write pictures; `caption_vectors` of first captions fill text_emb, which is left out where none is known."""
    number, waiting = 0, list[Record]()
    for batch in batches:
        waiting.extend(batch)
        while len(waiting) >= _PART:
            _write_part(folder, number, space, waiting[:_PART], caption_vectors)
            number, waiting = number + 1, waiting[_PART:]
    if waiting or not number:
        _write_part(folder, number, space, waiting, caption_vectors)


def folder_space(folder: Path) -> EmbeddingSpace | None:
    """The space, where the folder is one of ours."""
    import pyarrow.parquet as pq

    first = next(iter(_numbered(folder / "metadata", "parquet").values()), None)
    if first is None:
        return None
    with first.open("rb") as opened:
        return space_from_text((pq.read_schema(opened).metadata or {}).get(_SPACE))


def read_folder(folder: Path) -> Iterator[Record | Refused]:
    """Pictures, then the captions that have vectors of their own, part after part.

    A picture's uri is its url, else its image_path, relative ones being seen from the folder. Raises NotFoundError
    where parts are missing, UsageError where they differ in length.
    """
    import pyarrow.parquet as pq

    images = _numbered(folder / "img_emb", "npy")
    texts = _numbered(folder / "text_emb", "npy")
    tables = _numbered(folder / "metadata", "parquet")
    parts = sorted({*images, *texts, *tables})
    if not (images or texts):
        raise NotFoundError(f"{folder} has no img_emb/img_emb_0.npy")
    vectors = ("img_emb", "npy", images) if images else ("text_emb", "npy", texts)
    for name, suffix, there in (("metadata", "parquet", tables), vectors):
        for number in parts:
            if number not in there:
                raise NotFoundError(
                    f"{folder} has no {name}/{name}_{number}.{suffix}, though other parts are there"
                )
    first = 1
    for number in parts:
        with tables[number].open("rb") as opened:
            rows = pq.read_table(opened).to_pylist()
        pictures, captions = _vectors(images.get(number), rows), _vectors(texts.get(number), rows)
        for place, (row, vector, said) in enumerate(zip_longest(rows, pictures, captions), start=first):
            if vector is not None:
                yield checked(place, partial(_record, folder, row, vector, place))
            if said is not None and (words := _caption(row)) and said.any():
                yield checked(place, partial(_text_record, words, np.asarray(said, np.float32), place))
        first += len(rows)


def _write_part(
    folder: Path,
    number: int,
    space: EmbeddingSpace,
    records: Sequence[Record],
    caption_vectors: Mapping[str, NDArray[np.float32]],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    nothing = np.zeros(space.dim, np.float32)
    vectors = (
        np.stack([record.vector for record in records]) if records else np.empty((0, space.dim), np.float32)
    )
    np.save(folder / "img_emb" / f"img_emb_{number}.npy", vectors)
    said = [caption_vectors.get(_first_caption(record)) for record in records]
    if any(vector is not None for vector in said):
        (folder / "text_emb").mkdir(exist_ok=True)
        rows = np.stack([nothing if vector is None else vector for vector in said])
        np.save(folder / "text_emb" / f"text_emb_{number}.npy", rows)
    table = pa.Table.from_pylist([_row(record) for record in records], _schema(records))
    table = table.replace_schema_metadata({_SPACE: space_as_text(space)})
    with (folder / "metadata" / f"metadata_{number}.parquet").open("wb") as opened:
        pq.write_table(table, opened)


def _row(record: Record) -> dict[str, Any]:
    """The columns that clip-retrieval knows, the attributes that fit a column, and everything else in ours."""
    own = as_row(record)
    attributes = own["attributes"]
    columns = {name: value for name, value in attributes.items() if _fits(value)}
    own["attributes"] = {name: value for name, value in attributes.items() if name not in columns}
    columns.setdefault("image_path", own["uri"])
    if is_url(record.uri):
        columns["url"] = own["uri"]
    columns["caption"] = _first_caption(record)
    return {**columns, OWN_COLUMN: json.dumps({**own, "columns": sorted(set(columns) & set(attributes))})}


def _schema(records: Sequence[Record]) -> Any:
    """One type a column; whole numbers among fractions are fractions, and what is mixed becomes text in our column."""
    import pyarrow as pa

    kinds: dict[str, set[type]] = {"image_path": {str}, "caption": {str}}
    for record in records:
        for name, value in _row(record).items():
            kinds.setdefault(name, set()).add(type(value))
    types = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    fields = []
    for name, found in kinds.items():
        if len(found) > 1:
            raise UsageError(
                f"the attribute {name!r} is {' and '.join(sorted(kind.__name__ for kind in found))}:"
                " a column has one type; export as parquet or jsonl"
            )
        fields.append((name, types[next(iter(found))]))
    return pa.schema(fields)


def _fits(value: Any) -> bool:
    return isinstance(value, str | bool | float) or (isinstance(value, int) and abs(value) < 2**63)


def _record(folder: Path, row: Mapping[str, Any], vector: NDArray[Any], number: int) -> Record:
    columns = {name: value for name, value in row.items() if name != OWN_COLUMN and value is not None}
    if isinstance(own := row.get(OWN_COLUMN), str):
        noted = parse_json(own)
        kept = {name: columns[name] for name in noted["columns"] if name in columns}
        return from_row({**noted, "attributes": {**kept, **noted["attributes"]}}, vector, number)
    named = columns.get("url") or columns.get("image_path")
    if not isinstance(named, str) or not named:
        raise ValueError("it has neither url nor image_path")
    words = _caption(row)
    uri = resolve(named, [str(folder.absolute())])
    attributes = {name: value for name, value in columns.items() if name not in ("caption", "url")}
    if attributes.get("image_path") == uri:
        del attributes["image_path"]
    fields = {"uri": stored_uri(uri), "captions": [words] if words else [], "attributes": attributes}
    return from_row(fields, vector, number)


def _caption(row: Mapping[str, Any]) -> str:
    return next(iter(texts_in(row.get("caption"))), "")


def _first_caption(record: Record) -> str:
    return record.captions[0].text if record.captions else ""


def _vectors(file: Path | None, rows: Sequence[object]) -> Sequence[NDArray[Any]]:
    if file is None:
        return ()
    try:
        with file.open("rb") as opened:
            matrix: Any = (
                np.lib.format.open_memmap(file, mode="r") if opened.read(6) == b"\x93NUMPY" else None
            )
    except (ValueError, EOFError, OverflowError, TokenError) as error:
        raise UsageError(f"{file} is no array of numbers, or is cut short: {error}") from error
    if matrix is None or not np.issubdtype(matrix.dtype, np.number):
        raise UsageError(f"{file} is no array of numbers")
    if matrix.ndim != 2 or len(matrix) != len(rows):
        raise UsageError(f"{file} has the shape {matrix.shape}, but there are {len(rows)} rows of metadata")
    found: Sequence[NDArray[Any]] = matrix
    return found


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """The parts in a folder by their numbers: img_emb_0.npy, img_emb_1.npy, …"""
    numbered = re.compile(rf".*_(\d+)\.{suffix}")
    found = {
        int(match[1]): path for path in folder.glob(f"*.{suffix}") if (match := numbered.fullmatch(path.name))
    }
    return dict(sorted(found.items()))


def _text_record(words: str, vector: NDArray[np.float32], number: int = 0) -> Record:
    """A text item: its uri is `text:` and the hash of its words, so that equal texts are one item."""
    data = words.encode()
    named = content_hash(data)
    return Record(
        f"text:{named}", vector, Modality.TEXT, named, len(data), format="text", text=words, number=number
    )
