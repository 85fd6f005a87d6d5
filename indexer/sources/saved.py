"""Hugging Face datasets saved to disk (`dataset.save_to_disk(folder)`): Arrow files, read without that library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vasari.indexer.sources.columns import Columns
from vasari.indexer.sources.held import is_binary, pictures_in, values_in
from vasari.indexer.sources.rows import Row, RowSource
from vasari.indexer.sources.table import rows_of
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.containers import arrow_table
from vasari.retrieval.storage.delimited import distinct
from vasari.retrieval.storage.filesystem import state_of
from vasari.retrieval.storage.text_files import opened_text

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
        read = arrow_table(state_of(file))
        table = read.table.rename_columns(distinct(read.table.schema.names))
        features = _features(read.table.schema.metadata)
        wanted = self._columns
        pictures = [name for name, feature in features.items() if _is_image(feature)]
        if wanted.image is None and pictures:
            wanted = Columns(pictures[0], wanted.captions)
        columns = wanted.among(table.schema.names, file)
        labels = {
            name: feature["names"]
            for name, feature in features.items()
            if isinstance(feature, dict)
            and feature.get("_type") == "ClassLabel"
            and isinstance(feature.get("names"), list)
        }
        others = [
            field.name
            for field in table.schema
            if field.name != columns.image and (field.name in columns.captions or not is_binary(field.type))
        ]
        number = 0
        for batch in table.to_batches(max_chunksize=_BATCH):
            values = values_in(batch.select(others), others)
            for named, row in zip(pictures_in(batch.column(str(columns.image))), values, strict=True):
                number += 1
                yield from rows_of(number, named, _named(row, labels), columns)
        if read.trouble is not None:
            raise ImageError(f"the rows after {number:,} cannot be read: {read.trouble}", "read")


def arrow_files(folder: str) -> list[str]:
    """The Arrow files of a saved dataset, split after split, in the order of their rows; UsageError without any.

    A split that is not there is named as a file would be, to be one failure.
    """
    root = Path(folder)
    if (root / SPLITS).is_file():
        splits = [root / str(split) for split in _listed(root / SPLITS, "splits")]
        return [
            file for split in splits for file in (arrow_files(str(split)) if split.is_dir() else [str(split)])
        ]
    if (root / STATE).is_file():
        parts = _listed(root / STATE, "_data_files")
        names = [part.get("filename") if isinstance(part, dict) else None for part in parts]
        return [str(root / name) for name in names if isinstance(name, str)]
    found = sorted(str(file) for file in root.glob("*.arrow"))
    if not found:
        raise UsageError(f"{folder} is no saved dataset: it has neither {STATE} nor {SPLITS}")
    return found


def is_saved_dataset(names: set[str]) -> bool:
    """Whether a folder with files of these names is one that `save_to_disk` wrote."""
    return SPLITS in names or (STATE in names and "dataset_info.json" in names)


def _listed(file: Path, name: str) -> list[Any]:
    """What a file of notes lists under a name."""
    with opened_text(str(file)) as lines:
        try:
            noted = json.load(lines)
        except ValueError as error:
            raise UsageError(f"{file} is not as `save_to_disk` writes it: {error}") from error
    if not isinstance(noted, dict):
        raise UsageError(f"{file} is not as `save_to_disk` writes it: it is no object")
    found = noted.get(name, [])
    if not isinstance(found, list):
        raise UsageError(f"{file} is not as `save_to_disk` writes it: {name} is no list")
    return found


def _is_image(feature: object) -> bool:
    """Whether a feature is a picture, or a list of pictures as any version of `datasets` notes it."""
    if isinstance(feature, list):
        return len(feature) == 1 and _is_image(feature[0])
    if not isinstance(feature, dict):
        return False
    return feature.get("_type") == "Image" or _is_image(feature.get("feature"))


def _features(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """What `datasets` notes about its columns."""
    try:
        noted = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        features = noted.get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return dict(features) if isinstance(features, dict) else {}


def _named(values: Mapping[str, Any], labels: Mapping[str, list[str]]) -> dict[str, Any]:
    """The row with the names of its class labels."""
    named = dict(values)
    for column, names in labels.items():
        if isinstance(label := named.get(column), int) and 0 <= label < len(names):
            named[column] = names[label]
    return named
