"""A library for programs and notebooks: the engine's, which also indexes, lists what is in it, and shows it.

    with Library.open("~/Pictures/.vasari", create=True) as library:
        library.index("~/Pictures")
        answer = library.search("a red boat", limit=3, filter="taken >= 2024", rerank=True)
        ids, matrix = library.vectors("tag:holiday")

It stands above the engine, as an index job does: what embeds folders may use the engine, and not the other way.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, Unpack, overload

from vasari.api.python.answers import Answer
from vasari.retrieval.domain import (
    Item,
    ItemId,
    Modality,
    SearchRequest,
    Term,
    TermKind,
    UnitVectors,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library import library as engine
from vasari.retrieval.search.query import parse_item
from vasari.retrieval.search.request import SearchOptions, search_request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vasari.indexer.progress import IndexReport, Progress

_PAGE = 1024  # items in memory at once


class Vectors(NamedTuple):
    """Vectors with the items that they belong to."""

    ids: NDArray[np.int64]  # (n,), ascending
    matrix: UnitVectors  # (n, dim): float32 rows of length 1


class Library(engine.Library):
    """One collection on disk: index it, search it, list it, add to it and take from it."""

    def __repr__(self) -> str:
        return f"Library({str(self.root)!r})"

    # Filling it.

    def index(
        self,
        *paths: str | PathLike[str],
        model: str | None = None,
        texts: bool = False,
        exclude: Sequence[str] = (),
        hidden: bool = False,
        retry_failed: bool = False,
        allow_removal: int = 0,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> IndexReport:
        """Bring the library in step with folders, tables, archives or buckets, as `vasari index` does.

        A model that is named fills its own space, and searches use that once it has all items. With `texts` the paths
        are files of texts. `exclude` has patterns as of .gitignore. `stop`, once set, ends the job after its batch.

        Raises NotFoundError for a path that is nowhere, LibraryLockedError while another job writes,
        ModelUnavailableError, and StorageError when the disk is full.
        """
        from vasari.indexer import job
        from vasari.indexer.sources.detect import choose_source, reading_for
        from vasari.indexer.sources.texts import choose_texts

        if not paths:
            raise UsageError("say what to index: one or more folders, pictures, tables or URLs")
        given = [os.fspath(path) for path in paths]
        space = self.use_model(model) if model is not None else None
        reading = reading_for(self, ignored=exclude, hidden=hidden)
        source = choose_texts(self, given) if texts else choose_source(given, reading)[0]
        options = job.IndexOptions(
            space=space.name if space else None, retry_failed=retry_failed, allow_removal=allow_removal
        )
        report = job.index(self, source, options, progress, stop)
        if space is not None and not report.interrupted:
            self.catalog.spaces.switch_when_complete(space.name)
        return report

    # Asking it.

    def search(
        self,
        request: SearchRequest | str | Path | bytes,
        query: UnitVectors | None = None,
        **options: Unpack[SearchOptions],
    ) -> Answer:
        """Search by a query string as on the command line, by a picture (a path or bytes), or by a whole request.

        Options are the fields of `SearchRequest`; `rerank=True` compares the best again. `query` (1, dim) is the
        query's vector, where it is there already. Raises QueryError for what cannot be read.
        """
        asked = search_request(request, options, files=True)
        return Answer.of(super().search(asked, query), self.thumbnail)

    def similar(self, what: SupportsIndex | str | Path | bytes, **options: Unpack[SearchOptions]) -> Answer:
        """Pictures like an item (a hit, an `Item`, its id or "item:5"), which is left out, or like a picture."""
        if isinstance(what, str):
            named = parse_item(what)
            what = Path(what) if named is None else named
        if isinstance(what, SupportsIndex):
            return self._similar(Term(TermKind.ITEM, item=int(what)), options)
        return self._similar(Term(TermKind.IMAGE, image=what), options)

    def _similar(self, term: Term, options: SearchOptions) -> Answer:
        return self.search(SearchRequest((term,), exclude_query_items=True), **options)

    # What is in it.

    def __len__(self) -> int:
        """How many pictures and texts there are."""
        return sum(self.catalog.items.count(modality) for modality in Modality)

    def __bool__(self) -> bool:
        """Whether it is a library, which an empty one is too."""
        return True

    def __iter__(self) -> Iterator[Item]:
        """All items, pictures before texts, by id; a page in memory at a time."""
        return self.items()

    def __contains__(self, what: object) -> bool:
        """Whether an item is in the library: a hit, an `Item`, its id, its uri or its file."""
        if isinstance(what, SupportsIndex):
            return int(what) in self.items([int(what)])
        if not isinstance(what, str | PathLike):
            return False
        from vasari.retrieval.storage.uris import absolute

        named = self.catalog.items.named
        return bool(named(str(what)) or named(absolute(what)))

    @overload
    def items(self, ids: Sequence[ItemId] | NDArray[np.int64], /) -> Mapping[ItemId, Item]: ...
    @overload
    def items(self, filter: str | None = None, modality: Modality | None = None) -> Iterator[Item]: ...
    def items(
        self,
        filter: str | Sequence[ItemId] | NDArray[np.int64] | None = None,  # noqa: A002
        modality: Modality | None = None,
    ) -> Mapping[ItemId, Item] | Iterator[Item]:
        """The items that a filter accepts, by id, pictures before texts; of ids those that still exist, by id.

        Raises QueryError for a filter that cannot be read.
        """
        if filter is not None and not isinstance(filter, str):
            return super().items(filter)
        kinds = Modality if modality is None else (modality,)
        chosen = [self.ids(filter, kind).tolist() for kind in kinds]
        return (item for ids in chosen for item in self._in_pages(ids))

    def ids(self, filter: str | None = None, modality: Modality = Modality.IMAGE) -> NDArray[np.int64]:  # noqa: A002
        """Ids (n,) of the items that a filter accepts, ascending."""
        if filter is None:
            return self.catalog.items.live_ids(modality)
        return self.catalog.filters.matching(filter, modality).copy()

    def _in_pages(self, ids: Sequence[ItemId]) -> Iterator[Item]:
        for start in range(0, len(ids), _PAGE):
            yield from super().items(ids[start : start + _PAGE]).values()

    def vectors(
        self,
        filter: str | None = None,  # noqa: A002
        modality: Modality = Modality.IMAGE,
        space: str | None = None,
    ) -> Vectors:
        """The vectors of all items, or of those that a filter accepts: ids (n,) and a float32 matrix (n, dim).

        An item that has none in the space is left out. The rows have length 1: their products are cosines.
        """
        import numpy as np

        gallery = self.gallery(modality, self.space(space))
        ids = np.sort(gallery.ids())
        if filter is not None:
            ids = np.intersect1d(ids, self.ids(filter, modality), assume_unique=True)
        return Vectors(ids, gallery.vectors_of(ids))

    def to_arrow(self, filter: str | None = None, *, vectors: bool = False) -> Any:  # noqa: A002
        """All items, or those that a filter accepts, as a pyarrow table, with the columns of `vasari export`.

        With `vectors`, items that have one in the default space, and it, float32 of length dim, in `embedding`.
        """
        from vasari.indexer.exchange.arrow import to_arrow

        return to_arrow(self, filter, vectors=vectors)

    def to_pandas(self, filter: str | None = None, *, vectors: bool = False) -> Any:  # noqa: A002
        """The same as a pandas data frame; MissingExtraError where there is no pandas."""
        from vasari.indexer.exchange.arrow import to_pandas

        return to_pandas(self, filter, vectors=vectors)

    def thumbnail(self, item: SupportsIndex, side: int = 320) -> bytes:
        """An item's picture as WebP that fits a square of `side` pixels; ImageError where it is gone or broken."""
        from vasari.retrieval.images.decode import decoding, thumbnail

        found = item if isinstance(item, Item) else self._known(int(item))
        with decoding(self.read_original(found), self.image_limits, target=side) as decoded:
            return thumbnail(decoded.picture, side)
