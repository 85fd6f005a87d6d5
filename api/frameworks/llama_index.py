"""LlamaIndex: a retriever over pictures, and a vector store for nodes, in one library.

VasariRetriever("~/Pictures/.vasari").retrieve("a red boat")[0].node.image_path
VectorStoreIndex(nodes, storage_context=StorageContext.from_defaults(vector_store=VasariVectorStore("notes")))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, ImageNode, MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from vasari.api.frameworks.documents import Document, Documents, picture_metadata, quoted, said_of
from vasari.api.frameworks.llama_filters import condition
from vasari.api.python.library import Library
from vasari.retrieval.domain import Hit
from vasari.retrieval.errors import UnsupportedError, UsageError
from vasari.retrieval.search.request import SearchOptions, search_request


class VasariRetriever(BaseRetriever):
    """Finds pictures, or texts, by words; options are those of `Library.search`."""

    def __init__(self, library: Library | Path | str, similarity_top_k: int = 2, **options: Any) -> None:
        """`library` is an open one, or the folder of one."""
        self._library = library if isinstance(library, Library) else Library.open(library)
        unknown = options.keys() - SearchOptions.__annotations__.keys()
        if unknown or "limit" in options:
            raise UsageError(f"the retriever has no option {', '.join(sorted(unknown or {'limit'}))}")
        self._options: Any = {"limit": similarity_top_k, **options}
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        asked = search_request(query_bundle.query_str, self._options)
        found = self._library.search(asked)  # no word of the query is taken as a file
        return [NodeWithScore(node=_node(hit), score=hit.score) for hit in found.hits]


class VasariVectorStore(BasePydanticVectorStore):
    """Nodes with their embeddings in a library; whatever embedded them has to embed the queries."""

    stores_text: bool = True
    is_embedding_query: bool = True
    flat_metadata: bool = False
    _documents: Documents = PrivateAttr()

    def __init__(self, library: Library | Path | str, collection: str = "llama_index") -> None:
        """`library` is an open one, or a folder, in which one is made if need be."""
        super().__init__(stores_text=True)
        opened = library if isinstance(library, Library) else Library.open(library, create=True)
        self._documents = Documents(opened, collection, _no_embedding)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "VasariVectorStore"

    @property
    def client(self) -> Library:
        """The library."""
        return self._documents.library

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes, or replace those of their ids; the ids."""
        kept = [
            Document(
                node.node_id,
                node.get_content(metadata_mode=MetadataMode.NONE),
                node_to_metadata_dict(node, remove_text=True, flat_metadata=False),
            )
            for node in nodes
        ]
        return self._documents.put(kept, [node.get_embedding() for node in nodes])

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Take out the nodes of a document."""
        self._documents.delete(self._documents.ids(_of_documents([ref_doc_id])))

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Take out nodes by id, by filter, or by both."""
        self._documents.delete(self._chosen(node_ids, filters))

    def clear(self) -> None:
        """Take out all."""
        self._documents.clear()

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Nodes by id, by filter, or by both."""
        return [_restored(found) for found in self._documents.get(self._chosen(node_ids, filters))]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The nodes nearest to the query's embedding, with their cosines; modes are default and mmr."""
        if query.query_embedding is None:
            raise UsageError("a query needs its embedding: this store embeds nothing itself")
        if query.mode not in (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.MMR):
            raise UnsupportedError(f"a library has no query mode {query.mode.value!r}: use default or mmr")
        diversify = None if query.mode is VectorStoreQueryMode.DEFAULT else query.mmr_threshold or 0.5
        found = self._documents.search(
            query.query_str or "",
            query.similarity_top_k,
            self._where(query),
            query.query_embedding,
            diversify,
        )
        return VectorStoreQueryResult(
            nodes=[_restored(document) for document, _ in found],
            similarities=[score for _, score in found],
            ids=[document.id for document, _ in found],
        )

    def _where(self, query: VectorStoreQuery) -> str | None:
        parts = [
            condition(query.filters) if query.filters else None,
            _of_documents(query.doc_ids) if query.doc_ids else None,
            self._documents.named(query.node_ids) if query.node_ids else None,
        ]
        return " and ".join(f"({part})" for part in parts if part) or None

    def _chosen(self, node_ids: list[str] | None, filters: MetadataFilters | None) -> list[str]:
        if filters is None:
            return self._documents.ids() if node_ids is None else node_ids
        passing = self._documents.ids(condition(filters))
        return passing if node_ids is None else [name for name in node_ids if name in set(passing)]


def _no_embedding(_texts: Sequence[str]) -> Any:
    raise UsageError("this store is given vectors, and makes none")


def _of_documents(names: Sequence[str]) -> str:
    return " or ".join(f"attr.ref_doc_id = {quoted(name)}" for name in names)


def _restored(found: Document) -> BaseNode:
    return metadata_dict_to_node(dict(found.metadata), text=found.text)


def _node(hit: Hit) -> BaseNode:
    item = hit.item
    if item.text is not None:
        return TextNode(id_=str(item.id), text=item.text, metadata=picture_metadata(hit))
    place = {"image_path": item.uri} if item.path is not None else {"image_url": item.uri}
    return ImageNode(id_=str(item.id), text=said_of(item), metadata=picture_metadata(hit), **place)
