"""Hugging Face datasets saved to disk (`dataset.save_to_disk(folder)`): Arrow files, read without that library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from indexer.sources.rows import Row, RowSource
from indexer.sources.table import Columns, holds_pictures, row_of
from retrieval.errors import UsageError
from retrieval.imaging.limits import ImageLimits
from retrieval.originals.containers import arrow_table, state_of

STATE, SPLITS = "state.json", "dataset_dict.json"
_BATCH = 1024


class SavedDatasetSource(RowSource):
    """The pictures of Arrow files; class labels become their names."""

    def __init__(
        self, files: list[str], columns: Columns | None = None, *, limits: ImageLimits | None = None
    ) -> None:
        super().__init__(files, limits=limits)
        self._columns = columns or Columns()

    def rows(self, file: str) -> Iterator[Row]:
        """The rows of one Arrow file; pictures kept in it are not read."""
        table = arrow_table(state_of(file))
        features = _features(table.schema.metadata)
        wanted = self._columns
        pictures = [name for name, feature in features.items() if feature.get("_type") == "Image"]
        if wanted.image is None and pictures:
            wanted = Columns(pictures[0], wanted.captions)
        columns = wanted.among(table.schema.names, file)
        image = str(columns.image)
        labels = {
            name: feature["names"]
            for name, feature in features.items()
            if feature.get("_type") == "ClassLabel"
        }
        other = [
            name
            for name in table.schema.names
            if name != image and not holds_pictures(table.schema.field(name).type)
        ]
        held = _held(table.column(image))
        paths = _paths(table.column(image))
        for first in range(0, table.num_rows, _BATCH):
            rows = table.select(other).slice(first, _BATCH).to_pylist()
            for place in range(min(_BATCH, table.num_rows - first)):
                number = first + place
                values = _named(rows[place] if rows else {}, labels)
                if held is None or not held[number].as_py():
                    values[image] = paths[number].as_py() if paths is not None else None
                    yield row_of(number + 1, values, columns)
                else:
                    yield row_of(number + 1, values, columns, held=True)


def arrow_files(folder: str) -> list[str]:
    """The Arrow files of a saved dataset, split after split, in the order of their rows; UsageError without any."""
    root = Path(folder)
    if (root / SPLITS).is_file():
        splits = json.loads((root / SPLITS).read_text("utf-8")).get("splits", [])
        return [file for split in splits for file in arrow_files(str(root / split))]
    if (root / STATE).is_file():
        state = json.loads((root / STATE).read_text("utf-8"))
        return [str(root / part["filename"]) for part in state.get("_data_files", [])]
    found = sorted(str(file) for file in root.glob("*.arrow"))
    if not found:
        raise UsageError(f"{folder} is no saved dataset: it has neither {STATE} nor {SPLITS}")
    return found


def is_saved_dataset(names: set[str]) -> bool:
    """Whether a folder with files of these names is one that `save_to_disk` wrote."""
    return SPLITS in names or (STATE in names and "dataset_info.json" in names)


def _features(metadata: Mapping[bytes, bytes] | None) -> dict[str, dict[str, Any]]:
    """What `datasets` notes about its columns."""
    try:
        noted = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        features = noted.get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return {name: feature for name, feature in features.items() if isinstance(feature, dict)}


def _named(values: Mapping[str, Any], labels: Mapping[str, list[str]]) -> dict[str, Any]:
    """The row with the names of its class labels."""
    named = dict(values)
    for column, names in labels.items():
        if isinstance(label := named.get(column), int) and 0 <= label < len(names):
            named[column] = names[label]
    return named


def _held(column: Any) -> Any:
    """For each row whether the column holds the picture's bytes; None where it never does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not holds_pictures(column.type):
        return None
    return pc.is_valid(pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column)


def _paths(column: Any) -> Any:
    """The paths in the column; None where it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        return pc.struct_field(column, "path") if any(field.name == "path" for field in column.type) else None
    return column if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) else None
