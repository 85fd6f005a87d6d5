"""The nouns of the search engine, as frozen values.

Nothing here imports a model, an index or a database: every other room may import this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType, Protocol

if TYPE_CHECKING:
    import numpy as np  # a tenth of a second, for which help and what prints a table would wait
    from numpy.typing import NDArray

ItemId = int  # the catalog's primary key, and the id under which an index stores the item's vector
LARGEST_ITEM = 2**63 - 1  # a database cannot be asked for more

UnitVectors = NewType("UnitVectors", "NDArray[np.float32]")
"""Float32 matrix (n, dim) whose rows have length 1; made by `unit_vectors` only."""


# Lengths whose squares are exact enough in float32.
_SHORT = 1e-12
_LONG = 1e18


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
class TextLine:
    """A line of text that was read in a picture."""

    text: str
    confidence: float  # that it was read rightly, in [0, 1]
    corners: tuple[tuple[int, int], ...]
    """Four (x, y) in pixels of the upright picture, in reading order from where the line begins at its top."""


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
    # Read in the picture; None: not read yet, or not told here.
    text_lines: tuple[TextLine, ...] | None = None

    def __index__(self) -> ItemId:
        """Its number: an item may be given wherever one is named."""
        return self.id

    @property
    def path(self) -> Path | None:
        """The local file, if the item is one."""
        return Path(self.uri) if self.uri.startswith("/") else None


@dataclass(frozen=True, slots=True)
class Region:
    """A thing in a picture: its box in pixels from the top left corner of the upright picture, and what it is."""

    left: float
    top: float
    right: float
    bottom: float
    label: str


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Vectors may be compared only inside one space: one model, one set of weights, one preprocessing."""

    name: str  # short and file-system safe; also the folder name
    model: str  # the reference the model was loaded by: a preset, hf-hub:…, arch/tag, a directory
    weights_fingerprint: str  # BLAKE2b-128 of the weights file(s); empty for imported vectors: by name only
    preprocessing_fingerprint: str  # BLAKE2b-128 of the image and text preprocessing settings
    dim: int


class FairMethod(StrEnum):
    """How hubs are kept from the first places: see `search.fairness`."""

    DN = "dn"  # distribution normalization
    NNN = "nnn"  # nearest neighbour normalization, of hubs alone


@dataclass(frozen=True, slots=True)
class FairRanking:
    """How answers to words are ranked fairly in a space, by a bank of texts that nobody asks now."""

    method: FairMethod
    weight: float  # λ of distribution normalization, α of nearest neighbour normalization
    bank: str  # names the bank's file, by its content
    texts: int  # in the bank, at least 2,000
    source: str  # in words, what the bank is made of
    gate: float = -1.0  # NNN: the mean cosine with the nearest texts from which on a picture is a hub


@dataclass(frozen=True, slots=True, eq=False)
class FairTrial:
    """A fair ranking that is tried without being the space's own: `bank` (texts, dim) is nowhere on disk."""

    ranking: FairRanking
    bank: UnitVectors


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
    quoted: bool = False  # TEXT in quotes: these words must occur
    # TEXT: what models are given in its place; "": they were taught none of its words.
    given: str | None = None

    @property
    def heard(self) -> str:
        """The words that models are given."""
        return self.given or self.text or ""


@dataclass(frozen=True, slots=True)
class UnderstoodFilter:
    """What a stretch of a typed sentence was understood as: a filter, the words it was read from, and its kind."""

    filter: str
    text: str
    kind: str  # date, place, person, camera, kind, orientation, size


@dataclass(frozen=True, slots=True)
class Correction:
    """A typing error: the `text` as it is typed, and the `word` that it is read as."""

    text: str
    word: str

    def __str__(self) -> str:
        return f"“{self.text}” is read as “{self.word}”"


@dataclass(frozen=True, slots=True)
class Understanding:
    """A typed query as it is asked: terms that are embedded, words that must occur, filters, and errors put right."""

    terms: tuple[Term, ...]
    words: tuple[str, ...] = ()
    filters: tuple[UnderstoodFilter, ...] = ()
    corrections: tuple[Correction, ...] = ()


USUAL_TOP = 32
USUAL_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Rerank:
    """Second stage: score the `top` candidates by cross-attention and blend (weight 1 = match score only).

    What is None is as the settings say, `rerank_top` and `rerank_weight`, or as `vasari tune ranking` chose; without
    either it is usual.

    Where the model is not on this machine, or not loaded within the deadline, the answer has the first stage's order,
    and a note says so; `required` makes that an error. Without a deadline the model is waited for.
    """

    top: int | None = None
    deadline_ms: float | None = None  # for loading the model, if it has to be, and comparing
    weight: float | None = None
    required: bool = False

    @property
    def depth(self) -> int:
        """How many candidates: `top`, or the usual number."""
        return USUAL_TOP if self.top is None else self.top

    @property
    def share(self) -> float:
        """The weight of the match score: `weight`, or the usual one."""
        return USUAL_WEIGHT if self.weight is None else self.weight

    def filled(self, top: int | None, weight: float | None) -> Rerank:
        """With these in place of what is None."""
        return replace(
            self,
            top=top if self.top is None else self.top,
            weight=weight if self.weight is None else self.weight,
        )


@dataclass(frozen=True, slots=True)
class TunedRerank:
    """How candidates are reranked in a space by one reranker, as `vasari tune ranking` measured."""

    top: int
    weight: float
    model: str  # the reranker's reference: what was measured holds for no other


class GroupScore(StrEnum):
    """What a group of items is ranked by, where one of each is shown."""

    BEST = "best"  # its best item
    MEAN = "mean"  # the mean of its items' vectors, as if they were one item


class Order(StrEnum):
    """How hits are put in order."""

    BEST = "best"  # the best first
    DATE = "date"  # the good matches, by when they were taken, the latest first


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
    # Words beside vectors: where there are any; True insists on some, False is off.
    hybrid: bool | None = None
    collapse: bool = False  # one of each group of near-duplicates
    diversify: float | None = None  # MMR's lambda in [0, 1]: 1 = relevance only
    min_relevance: float | None = None  # calibrated probability in [0, 1]
    exclude_query_items: bool = False  # leave the items that are terms out of the answer ("similar")
    explain: bool = False
    words: tuple[str, ...] = ()  # quoted ones: each must be said of an item, word for word
    relevance: bool = False  # tell of each hit how much better it matches than chance
    literally: bool = False  # sentences are not understood: dates, places and people stay words
    as_words: tuple[str, ...] = ()  # stretches of a sentence that are not understood
    group_by: str | None = None  # an attribute, or "stack": the best of the items that have the same value
    group_score: GroupScore = GroupScore.BEST
    regions: bool = False  # look into parts of pictures, too: for small things
    order: Order = Order.BEST


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: `score` is the cosine in [-1, 1], or the blended match score in [0, 1] once reranked.

    `relevance` is the share of unrelated queries, in [0, 1], that find nothing here that matches them as well; None
    where it was not asked for, cannot be told, or the reranker has judged.

    Of a search by groups, `members` is how many items the hit's group has that could have been found, itself counted,
    and `group` what they have in common, as JSON has it (None where it is in no group).

    `region` is the part of the picture that its score is of: left, top, right and bottom in pixels of the upright
    picture. None where the whole picture scored better, or parts were not asked for.
    """

    item: Item
    score: float
    reranked: bool = False
    relevance: float | None = None
    group: Any = None
    members: int | None = None  # None: not grouped
    region: tuple[int, int, int, int] | None = None

    def __index__(self) -> ItemId:
        """The number of its item: a hit may be given wherever one is named."""
        return self.item.id


@dataclass(frozen=True, slots=True)
class Share:
    """What vectors and words brought to the place of a hit, in standard deviations of what unrelated queries reach."""

    item: ItemId
    vector: float  # ≥ 0, after what fair ranking took off
    words: float  # ≥ 0
    matched: tuple[str, ...] = ()  # words of the query that are said of the item
    hub: float = 0.0  # what fair ranking took off the cosine


@dataclass(frozen=True, slots=True)
class Explain:
    """How an answer came about: the strategy, and milliseconds per stage in the order they ran.

    `shares` are those of the hits, where words or fair ranking had a say.
    """

    strategy: str  # "exact", "index", "exact over N matching rows", "index with a selector"
    candidates: int
    stages_ms: Mapping[str, float]
    notes: tuple[str, ...] = ()
    shares: tuple[Share, ...] = ()
    understood: Understanding | None = None


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """Ranked hits. `total` is how many items could have matched (after filter and deletions).

    `notes` are sentences for the person who asked: what the answer could not take into account, or do. `understood` are
    the filters that were read out of the query, `corrections` its typing errors that were put right.
    """

    hits: tuple[Hit, ...]
    total: int
    took_ms: float
    space: str
    reranked: bool = False
    explain: Explain | None = None
    notes: tuple[str, ...] = ()
    understood: tuple[UnderstoodFilter, ...] = ()
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that could not be used: a value, so that one bad file never stops a job."""

    uri: str
    stage: str  # list, read, limit, decode, encode
    reason: str  # one line a person understands
    # Of the file as it was listed; zeros where that is not known.
    bytes: int = field(default=0, compare=False)
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
