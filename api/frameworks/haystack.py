"""Haystack: a retriever over pictures, as a component of pipelines.

pipeline.add_component("pictures", VasariRetriever("~/Pictures/.vasari", top_k=5))
pipeline.run({"pictures": {"query": "a red boat at sunset"}})["pictures"]["documents"]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from haystack import Document, component, default_from_dict, default_to_dict

from vasari.api.frameworks.documents import picture_metadata, said_of
from vasari.api.frameworks.haystack_filters import condition
from vasari.api.python.library import Library
from vasari.retrieval.domain import Hit
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.request import SearchOptions, search_request

Filters = str | Mapping[str, Any]


@component
class VasariRetriever:
    """Finds pictures, or texts, by words: a document's content is what is said of it, its meta what is known.

    A filter is one of Vasari's, such as `taken >= 2024 and tag:sea`, or one of Haystack's.
    """

    __module__ = "vasari.haystack"  # as saved pipelines name it

    def __init__(
        self,
        library: Library | Path | str,
        top_k: int = 10,
        filters: Filters | None = None,
        rerank: bool = False,
        modality: Literal["image", "text"] = "image",
    ) -> None:
        """`library` is an open one, or the folder of one."""
        self._library = library if isinstance(library, Library) else Library.open(library)
        self._given = None if isinstance(library, Library) else str(library)
        self.top_k, self.filters, self.rerank, self.modality = top_k, filters, rerank, modality

    @component.output_types(documents=list[Document])  # type: ignore[untyped-decorator]
    def run(
        self, query: str, top_k: int | None = None, filters: Filters | None = None
    ) -> dict[str, list[Document]]:
        """The best `top_k`; it and `filters` may be given for one run."""
        options = SearchOptions(
            limit=self.top_k if top_k is None else top_k,
            filter=_written(filters or self.filters),
            rerank=self.rerank,
            modality=self.modality,
        )
        found = self._library.search(search_request(query, options))  # no word of it is taken as a file
        return {"documents": [_document(hit) for hit in found.hits]}

    def to_dict(self) -> dict[str, Any]:
        """For a pipeline that is saved; UsageError for a library that was given open."""
        if self._given is None:
            raise UsageError("to be saved, a retriever is given the folder of a library, and no open one")
        own: dict[str, Any] = default_to_dict(
            self,
            library=self._given,
            top_k=self.top_k,
            filters=self.filters,
            rerank=self.rerank,
            modality=self.modality,
        )
        return own

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse."""
        made: Self = default_from_dict(cls, data)
        return made


def _written(filters: Filters | None) -> str | None:
    return filters if filters is None or isinstance(filters, str) else condition(filters)


def _document(hit: Hit) -> Document:
    known = picture_metadata(hit)
    if hit.item.path is not None:
        known["file_path"] = hit.item.uri  # where Haystack's converters look for a picture
    return Document(id=str(hit.item.id), content=said_of(hit.item), meta=known, score=hit.score)
