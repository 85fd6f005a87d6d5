"""Milvus Lite for the contract: one folder for the whole run, one collection an index."""

from __future__ import annotations

import tempfile
from functools import cache
from itertools import count
from pathlib import Path

from vasari.retrieval.vectors.milvus import MilvusIndex, MilvusPlace

_NUMBERS = count(1)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="milvus")


def place() -> MilvusPlace:
    """Where the tests' collections are."""
    return MilvusPlace.parse(f"milvus+file://{Path(_folder().name) / 'vectors.db'}")


def new_index(dim: int) -> MilvusIndex:
    """An empty collection under a new name."""
    return MilvusIndex(place(), f"contract_{next(_NUMBERS)}", dim)
