"""LlamaIndex: an index over our store, filters held against its own in-memory ones, and pictures by words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.schema import Document, ImageNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from tests.service.colours import COLOURS, ColourLibrary, picture
from vasari.api.python.library import Library
from vasari.llama_index import VasariRetriever, VasariVectorStore
from vasari.retrieval.errors import MissingExtraError, UnsupportedError, UsageError

DIM = 8


class Colours(ColourLibrary, Library):
    """A library whose model knows colours."""


def vector(text: str) -> list[float]:
    """Another direction for each text."""
    seed = int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")
    return np.random.default_rng(seed).normal(size=DIM).tolist()  # type: ignore[no-any-return]


class HashEmbedding(BaseEmbedding):
    """Embeds a text as `vector` does."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return vector(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return vector(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return vector(query)


def node(name: str, text: str, document: str = "d", **metadata: Any) -> TextNode:
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)}
    return TextNode(id_=name, text=text, metadata=metadata, embedding=vector(text), relationships=source)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VasariVectorStore]:
    opened = VasariVectorStore(tmp_path / "library")
    yield opened
    opened.client.close()


def found(store: VasariVectorStore, text: str = "x", **query: Any) -> list[str]:
    """Ids of the nodes nearest to a text."""
    asked = VectorStoreQuery(query_embedding=vector(text), similarity_top_k=10, **query)
    return store.query(asked).ids or []


def test_an_index_of_llama_index_stands_on_it(store: VasariVectorStore) -> None:
    """Documents go in, the nearest come out, whole, with their metadata; a document can be deleted."""
    storage = StorageContext.from_defaults(vector_store=store)
    documents = [
        Document(doc_id=text, text=text, metadata={"n": n})
        for n, text in enumerate(["boat", "castle", "dog"])
    ]
    index = VectorStoreIndex.from_documents(documents, storage_context=storage, embed_model=HashEmbedding())
    best, *rest = index.as_retriever(similarity_top_k=2).retrieve("n: 1\n\ncastle")
    assert (best.node.get_content(), best.node.metadata, len(rest)) == ("castle", {"n": 1}, 1)
    assert best.score == pytest.approx(1, abs=1e-3)
    index.delete_ref_doc("castle")
    left = index.as_retriever(similarity_top_k=5).retrieve("castle")
    assert sorted(each.node.get_content() for each in left) == ["boat", "dog"]


def test_nodes_come_back_as_they_were(store: VasariVectorStore) -> None:
    """Text, metadata and relations; adding again replaces."""
    one = node("1", "first", a=1, b=["x"])
    assert store.add([one, node("2", "second")]) == ["1", "2"]
    (again,) = store.get_nodes(["1"])
    assert again.model_copy(update={"embedding": one.embedding}) == one
    store.add([node("1", "changed")])
    assert [each.get_content() for each in store.get_nodes(["1", "2", "3"])] == ["changed", "second"]


def test_a_query_can_be_narrowed(store: VasariVectorStore) -> None:
    """By document, by node, by metadata, by all of them."""
    store.add([node("1", "a", "d/1", n=1), node("2", "b", "d/1", n=2), node("3 ü", "c", "d*", n=3)])
    few = MetadataFilters(filters=[MetadataFilter(key="n", value=2, operator=FilterOperator.GTE)])
    assert found(store, "a")[0] == "1"
    assert sorted(found(store, doc_ids=["d/1"])) == ["1", "2"]
    assert sorted(found(store, node_ids=["1", "3 ü"])) == ["1", "3 ü"]
    assert sorted(found(store, filters=few)) == ["2", "3 ü"]
    assert found(store, filters=few, doc_ids=["d/1"]) == ["2"]
    assert [each.node_id for each in store.get_nodes(["1", "2"], few)] == ["2"]


def test_what_was_taken_out_is_gone(store: VasariVectorStore) -> None:
    """By document, which is named and no pattern, by filter, by node, or all."""
    store.add([node(str(n), f"text {n}", f"d{n}", n=n) for n in range(5)])
    store.delete("d*")
    assert len(found(store)) == 5
    store.delete("d0")
    store.delete_nodes(["1"])
    store.delete_nodes(filters=MetadataFilters(filters=[MetadataFilter(key="n", value=2)]))
    assert sorted(found(store)) == ["3", "4"]
    store.clear()
    assert found(store) == []


def test_what_it_cannot_do_is_said(store: VasariVectorStore) -> None:
    """A mode, an operator, a query or a node without its vector."""
    store.add([node("1", "a", n=1)])
    assert found(store, mode=VectorStoreQueryMode.MMR, mmr_threshold=0.3) == ["1"]
    with pytest.raises(UnsupportedError, match="query mode 'hybrid'"):
        found(store, mode=VectorStoreQueryMode.HYBRID)
    with pytest.raises(UnsupportedError, match="operator 'all'"):
        found(
            store,
            filters=MetadataFilters(
                filters=[MetadataFilter(key="n", value=["x"], operator=FilterOperator.ALL)]
            ),
        )
    with pytest.raises(UsageError, match="needs its embedding"):
        store.query(VectorStoreQuery(query_str="a"))


NODES = [
    node("0", "a"),
    node("1", "b", n=1, by="ann"),
    node("2", "c", n=2.5, by='"bob" *?\\'),
    node("3", "d", n=-3, by="carl", new=True),
]
NUMBERS = st.sampled_from([1.0, 2.5, -3.0, 0.0, 7.0])
NAMES = st.sampled_from(["ann", '"bob" *?\\', "carl", "x"])
EQUALITY = st.sampled_from([FilterOperator.EQ, FilterOperator.NE])
ORDER = st.sampled_from([FilterOperator.GT, FilterOperator.GTE, FilterOperator.LT, FilterOperator.LTE])
AMONG = st.sampled_from([FilterOperator.IN, FilterOperator.NIN])


def some(
    key: str, value: st.SearchStrategy[Any], operator: st.SearchStrategy[FilterOperator]
) -> st.SearchStrategy[Any]:
    return st.builds(MetadataFilter, key=st.just(key), value=value, operator=operator)


SINGLE = st.one_of(
    some("n", NUMBERS, st.one_of(EQUALITY, ORDER)),
    some("by", NAMES, EQUALITY),
    some("n", st.lists(NUMBERS, min_size=1, max_size=3), AMONG),
    some("by", st.lists(NAMES, min_size=1, max_size=3), AMONG),
)
CONDITIONS = st.sampled_from([FilterCondition.AND, FilterCondition.OR])
FILTERS = st.recursive(
    st.builds(MetadataFilters, filters=st.lists(SINGLE, min_size=1, max_size=2), condition=CONDITIONS),
    lambda inner: st.builds(
        MetadataFilters,
        filters=st.lists(st.one_of(SINGLE, inner), min_size=1, max_size=2),
        condition=CONDITIONS,
    ),
    max_leaves=3,
)


def accepts(filters: MetadataFilter | MetadataFilters, metadata: dict[str, Any]) -> bool:
    """LlamaIndex's own function for each single filter; it combines them, but none within another."""
    if isinstance(filters, MetadataFilter):
        return build_metadata_filter_fn(lambda _: metadata, MetadataFilters(filters=[filters]))("")
    together = all if filters.condition is FilterCondition.AND else any
    return together(accepts(each, metadata) for each in filters.filters)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VasariVectorStore]:
    opened = VasariVectorStore(tmp_path_factory.mktemp("filters") / "library")
    opened.add(NODES)
    yield opened
    opened.client.close()


@given(filters=FILTERS)
def test_filters_mean_what_they_mean_in_llama_index(
    filled: VasariVectorStore, filters: MetadataFilters
) -> None:
    """Its own in-memory store is the oracle."""
    right = [each.node_id for each in NODES if accepts(filters, each.metadata)]
    assert sorted(found(filled, filters=filters)) == right


def test_pictures_are_found_by_words(tmp_path: Path) -> None:
    """As image nodes, which a model that sees can be given."""
    (tmp_path / "photos").mkdir()
    for name in COLOURS:
        (tmp_path / "photos" / f"{name}.png").write_bytes(picture(name))
    with Colours.open(tmp_path / "library", create=True) as library:
        library.index(tmp_path / "photos")
        best, second = VasariRetriever(library).retrieve("red")
        assert isinstance(best.node, ImageNode)
        assert best.node.image_path == str(tmp_path / "photos" / "red.png")
        assert best.score is not None
        assert second.score is not None
        assert best.score > second.score
        (blue,) = VasariRetriever(library, 5, filter="name:blue*").retrieve("red")
        assert blue.node.metadata["uri"].endswith("blue.png")
        (tmp_path / "secret.txt").write_text("no picture, and nobody's to read")
        assert len(VasariRetriever(library, 2).retrieve(str(tmp_path / "secret.txt"))) == 2
        with pytest.raises(UsageError, match="no option k"):
            VasariRetriever(library, k=3)


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its extra."""
    for name in [
        name for name in sys.modules if name.startswith(("vasari.llama_index", "vasari.api.frameworks.llama"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "llama_index"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "llama_index", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vasari\[llama-index\]'"):
        import vasari.llama_index  # noqa: F401
