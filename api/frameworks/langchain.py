"""LangChain: a retriever over pictures, and a vector store for documents, in one library.

retriever = VasariRetriever(library="~/Pictures/.vasari", k=5)
retriever.invoke("a red boat at sunset")[0].metadata["uri"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, PrivateAttr

from vasari.api.frameworks import documents
from vasari.api.frameworks.documents import Documents, picture_metadata, said_of
from vasari.api.python.library import Library
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.request import SearchOptions, search_request

DEFAULT_K = 4  # as other stores of LangChain have it


class VasariRetriever(BaseRetriever):
    """Finds pictures, or texts, by words: a document's content is what is said of it, its metadata what is known.

    `library` is an open one, or the folder of one.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Library | Path | str
    k: int = DEFAULT_K
    filter: str | None = None
    rerank: bool = False
    modality: Literal["image", "text"] = "image"

    _opened: Library = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Open the library."""
        super().model_post_init(context)
        self._opened = self.library if isinstance(self.library, Library) else Library.open(self.library)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        """The best `k`; `k`, `filter`, `rerank` and `modality` may be given for one call too."""
        unknown = options.keys() - {"k", "filter", "rerank", "modality"}
        if unknown:
            raise UsageError(f"the retriever has no option {', '.join(sorted(unknown))}")
        named = {name: options.get(name, getattr(self, name)) for name in ("filter", "rerank", "modality")}
        named["limit"] = options.get("k", self.k)
        asked = search_request(query, cast("SearchOptions", named))
        found = self._opened.search(asked)  # no word of the query is taken as a file
        return [
            Document(said_of(hit.item), metadata=picture_metadata(hit), id=str(hit.item.id))
            for hit in found.hits
        ]


class VasariVectorStore(VectorStore):
    """Documents in a library, found by the vectors of an embedding of yours, or of the library's own model.

    A filter is one of Vasari's, such as `attr.year >= 2024`, or a mapping of metadata that has to be equal.
    """

    def __init__(
        self,
        library: Library | Path | str,
        embedding: Embeddings | None = None,
        collection: str = "langchain",
    ) -> None:
        """`library` is an open one, or a folder, in which one is made if need be."""
        opened = library if isinstance(library, Library) else Library.open(library, create=True)
        self._embedding = embedding
        embed = None if embedding is None else lambda said: embedding.embed_documents(list(said))
        self._documents = Documents(opened, collection, embed)

    @property
    def embeddings(self) -> Embeddings | None:
        """The embedding that was given."""
        return self._embedding

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, or replace those of their ids; the ids."""
        said = list(texts)
        known = metadatas or [{} for _ in said]
        names = ids or [None] * len(said)
        entries = zip(names, said, known, strict=True)
        return self._documents.put(
            [documents.Document(name or "", text, facts) for name, text, facts in entries]
        )

    def delete(self, ids: Sequence[str] | None = None, **kwargs: Any) -> bool:
        """Take documents out; without ids all."""
        if ids is None:
            self._documents.clear()
        else:
            self._documents.delete(ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents that are there."""
        return [_document(found) for found in self._documents.get(ids)]

    def similarity_search(
        self,
        query: str,
        k: int = DEFAULT_K,
        filter: Filter = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The nearest to a query."""
        return [document for document, _ in self.similarity_search_with_score(query, k, filter, **kwargs)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = DEFAULT_K,
        filter: Filter = None,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The same, each with the cosine."""
        vector = None if self._embedding is None else self._embedding.embed_query(query)
        return self._found(query, k, filter, vector)

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = DEFAULT_K,
        filter: Filter = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The nearest to a vector (dim,)."""
        return [document for document, _ in self._found("", k, filter, embedding)]

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A store that holds these texts; `library` and `collection` as for the class."""
        store = cls(embedding=embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def _found(
        self, query: str, k: int, given: Filter, vector: list[float] | None
    ) -> list[tuple[Document, float]]:
        where = given if given is None or isinstance(given, str) else _equal(given)
        return [
            (_document(document), score)
            for document, score in self._documents.search(query, k, where, vector)
        ]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """A cosine as relevance in [0, 1]."""
        return lambda cosine: (cosine + 1) / 2


Filter = str | dict[str, Any] | None


def _equal(metadata: dict[str, Any]) -> str | None:
    """The filter that asks for these values."""
    return (
        " and ".join(
            f"attr.{documents.quoted(name)} = {documents.written(value)}" for name, value in metadata.items()
        )
        or None
    )


def _document(found: documents.Document) -> Document:
    return Document(found.text, metadata=dict(found.metadata), id=found.id)
