"""The nouns of the search engine, as frozen values.

Nothing here imports a model, an index or a database: every other room may import this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType, Protocol

if TYPE_CHECKING:
    import numpy as np  # a tenth of a second, for which help and what prints a table would wait
    from numpy.typing import NDArray

ItemId = int  # the catalog's primary key, and the id under which an index stores the item's vector

UnitVectors = NewType("UnitVectors", "NDArray[np.float32]")
"""Float32 matrix (n, dim) whose rows have length 1; made by `unit_vectors` only."""


_SHORT, _LONG = 1e-12, 1e18  # lengths whose squares are exact enough in float32


def unit_vectors(matrix: NDArray[Any]) -> UnitVectors:
    """Scale each row of `matrix` (n, dim) to length 1; a zero or non-finite row raises ValueError."""
    import numpy as np

    with np.errstate(over="ignore"):  # huge numbers are scaled down before they become float32
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    odd = np.flatnonzero(~((lengths > _SHORT) & (lengths < _LONG)))
    if len(odd):
        rows = rows.copy()
        rows[odd] = [direction(matrix[row]) for row in odd]
        lengths[odd] = np.linalg.norm(rows[odd], axis=1, keepdims=True)
    return UnitVectors(rows / lengths)


def direction(vector: NDArray[Any]) -> NDArray[np.float32]:
    """`vector` (dim,), of any length, scaled so that its largest number is 1; ValueError where it has no direction.

    Squares of numbers beyond 1e19 or below 1e-23 leave float32, and numbers beyond 3e38 do themselves.
    """
    import numpy as np

    numbers = np.asarray(vector, dtype=np.float64)
    largest = np.abs(numbers).max(initial=0.0)
    if not np.isfinite(numbers).all() or largest == 0:
        raise ValueError("a zero or non-finite vector has no direction")
    return np.asarray(numbers / largest, dtype=np.float32)


MOST_ATTRIBUTES = 64 * 1024
"""Bytes that the attributes of one item take as JSON, however they come: by import, upload or change."""


class Modality(StrEnum):
    """What an item is."""

    IMAGE = "image"
    TEXT = "text"


class CaptionSource(StrEnum):
    """Who wrote a caption: a person, a model, or the source of the picture (a text beside it, a table, …)."""

    USER = "user"
    MODEL = "model"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence about an item."""

    text: str
    language: str | None = None  # BCP 47, where known
    source: CaptionSource = CaptionSource.USER


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be found: a picture, or a text."""

    id: ItemId
    modality: Modality
    uri: str  # absolute path of a local file, or a URL; for text items `text:` and its hash
    content_hash: str  # BLAKE2b-128 of the bytes, hexadecimal
    bytes: int
    mtime_ns: int
    width: int | None = None  # pixels, after EXIF orientation
    height: int | None = None
    format: str | None = None  # jpeg, png, webp, …
    text: str | None = None
    captions: tuple[Caption, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)  # EXIF facts and user columns
    added_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def path(self) -> Path | None:
        """The local file, if the item is one."""
        return Path(self.uri) if self.uri.startswith("/") else None


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Vectors may be compared only inside one space: one model, one set of weights, one preprocessing."""

    name: str  # short and file-system safe; also the folder name
    model: str  # the reference the model was loaded by: a preset, hf-hub:…, arch/tag, a directory
    weights_fingerprint: str  # BLAKE2b-128 of the weights file(s); empty for imported vectors: by name only
    preprocessing_fingerprint: str  # BLAKE2b-128 of the image and text preprocessing settings
    dim: int


class TermKind(StrEnum):
    """What a query term refers to."""

    TEXT = "text"
    IMAGE = "image"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query; a negative `weight` pushes results away from it."""

    kind: TermKind
    weight: float = 1.0
    text: str | None = None  # TEXT
    image: bytes | Path | None = None  # IMAGE: encoded bytes, or a local file
    item: ItemId | None = None  # ITEM


@dataclass(frozen=True, slots=True)
class Rerank:
    """Second stage: score the `top` candidates by cross-attention and blend (weight 1 = match score only).

    Where the model is not on this machine, or not loaded within the deadline, the answer has the first stage's order,
    and a note says so; `required` makes that an error. Without a deadline the model is waited for.
    """

    top: int = 32
    deadline_ms: float | None = None  # for loading the model, if it has to be, and comparing
    weight: float = 0.5
    required: bool = False


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One question to the library. Field names are those of the HTTP body and of the command line."""

    terms: tuple[Term, ...] = ()
    modality: Modality = Modality.IMAGE  # what to find
    filter: str | None = None
    limit: int = 10
    offset: int = 0
    space: str | None = None  # default: the library's default space
    rerank: Rerank | None = None
    hybrid: bool = False
    collapse: bool = False  # one of each group of near-duplicates
    diversify: float | None = None  # MMR's lambda in [0, 1]: 1 = relevance only
    min_relevance: float | None = None  # calibrated probability in [0, 1]
    exclude_query_items: bool = False  # leave the items that are terms out of the answer ("similar")
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: `score` is the cosine in [-1, 1], or the blended match score in [0, 1] once reranked."""

    item: Item
    score: float
    reranked: bool = False


@dataclass(frozen=True, slots=True)
class Explain:
    """How an answer came about: the strategy, and milliseconds per stage in the order they ran."""

    strategy: str  # "exact", "index", "exact over N matching rows", "index with a selector"
    candidates: int
    stages_ms: Mapping[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """Ranked hits. `total` is how many items could have matched (after filter and deletions).

    `notes` are sentences for the person who asked: what the answer could not take into account, or do.
    """

    hits: tuple[Hit, ...]
    total: int
    took_ms: float
    space: str
    reranked: bool = False
    explain: Explain | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that could not be used: a value, so that one bad file never stops a job."""

    uri: str
    stage: str  # list, read, limit, decode, encode
    reason: str  # one line a person understands
    bytes: int = field(
        default=0, compare=False
    )  # of the file as it was listed; zeros where that is not known
    mtime_ns: int = field(default=0, compare=False)
    ctime_ns: int = field(default=0, compare=False)


class Picture(Protocol):
    """The part of `PIL.Image.Image` (mode RGB) that preprocessing needs, so that models need no Pillow."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The pixels, (height, width, 3) uint8, as numpy reads them."""

    def resize(
        self,
        size: tuple[int, int],
        resample: int | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> Picture:
        """The part `box` (left, top, right, bottom) scaled to `size` (width, height)."""

    def convert(self, mode: str) -> Picture:
        """The picture in Pillow's mode: "L" is brightness alone, (height, width)."""
