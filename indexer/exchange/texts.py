"""Captions that have vectors of their own, as items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.exchange.records import Record
from retrieval.domain import Modality
from retrieval.imaging.files import content_hash


def text_record(words: str, vector: NDArray[np.float32], number: int = 0) -> Record:
    """A text item: its uri is `text:` and the hash of its words, so that equal texts are one item."""
    data = words.encode()
    named = content_hash(data)
    return Record(
        f"text:{named}", vector, Modality.TEXT, named, len(data), format="text", text=words, number=number
    )
