"""A library's items as a pyarrow table or a pandas data frame, with the columns of an export (see `tables`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vasari.indexer.exchange.records import Record, pages_of
from vasari.indexer.exchange.tables import as_table, schema_of
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import MissingExtraError
from vasari.retrieval.library.library import Library

_NONE = np.empty(0, np.float32)


def to_arrow(library: Library, accepted: str | None = None, *, vectors: bool = False) -> Any:
    """The items that the filter `accepted` lets pass, pictures before texts, by id.

    With `vectors` the column `embedding` has those of the default space, and items without one are left out.
    """
    import pyarrow as pa

    space = library.space() if vectors else library.default_space()
    schema = schema_of(space, vectors=vectors)
    parts = (
        part
        for modality in Modality
        for part in _records(library, modality, accepted, space if vectors else None)
    )
    return pa.Table.from_batches(
        [batch for part in parts for batch in as_table(part, schema, vectors=vectors).to_batches()], schema
    )


def to_pandas(library: Library, accepted: str | None = None, *, vectors: bool = False) -> Any:
    """The same as a data frame; MissingExtraError where there is no pandas."""
    try:
        import pandas  # noqa: F401 (pyarrow's own message names no extra)
    except ImportError:
        raise MissingExtraError("pandas", "pandas") from None
    return to_arrow(library, accepted, vectors=vectors).to_pandas()


def _records(
    library: Library, modality: Modality, accepted: str | None, space: EmbeddingSpace | None
) -> Iterator[list[Record]]:
    """Those that pass and have a vector in the space; without a space, all that pass, and no vectors."""
    catalog = library.catalog
    ids = (
        catalog.items.live_ids(modality) if accepted is None else catalog.filters.matching(accepted, modality)
    )
    if space is None:
        return pages_of(library, ids, lambda page: [_NONE] * len(page))
    gallery = library.gallery(modality, space)
    return pages_of(library, np.intersect1d(ids, gallery.ids(), assume_unique=True), gallery.vectors_of)
