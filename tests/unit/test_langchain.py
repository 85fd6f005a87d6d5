"""LangChain's own standard tests of retrievers and vector stores, and what is Vasari's beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from tests.service.colours import COLOURS, ColourLibrary, picture
from vasari.api.python.library import Library
from vasari.langchain import VasariRetriever, VasariVectorStore
from vasari.retrieval.domain import Caption, Modality
from vasari.retrieval.errors import MissingExtraError, NotFoundError, UsageError

pytestmark = pytest.mark.anyio


class Colours(ColourLibrary, Library):
    """A library whose model knows colours."""


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Colours]:
    """A picture of each colour."""
    base = tmp_path_factory.mktemp("langchain")
    (base / "photos").mkdir()
    for name in COLOURS:
        (base / "photos" / f"{name}.png").write_bytes(picture(name))
    with Colours.open(base / "library", create=True) as library:
        library.index(base / "photos")
        red = library.search("red")[0].item.id
        library.catalog.annotations.add_captions({red: [Caption("a red square")]})
        yield library


class TestStandardVectorStore(VectorStoreIntegrationTests):
    """Documents by an embedding of LangChain's."""

    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        with Library.open(tmp_path / "library", create=True) as library:
            yield VasariVectorStore(library, self.get_embeddings())


class TestStandardRetriever(RetrieversIntegrationTests):
    """Pictures by words."""

    @pytest.fixture(autouse=True)
    def _library(self, colours: Colours) -> None:
        self.colours = colours

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return VasariRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"library": self.colours}

    @property
    def retriever_query_example(self) -> str:
        return "red"


def test_a_document_tells_of_its_picture(colours: Colours) -> None:
    """Its content is its caption, or its name; its metadata says where it lies and how near it was."""
    best, second = VasariRetriever(library=colours, k=2).invoke("red")
    assert (best.page_content, best.metadata["captions"]) == ("a red square", ["a red square"])
    assert best.metadata["uri"].endswith("/red.png")
    assert best.metadata["score"] == pytest.approx(1, abs=1e-3)
    assert second.page_content.endswith(".png")
    (blue,) = VasariRetriever(library=colours, filter="name:blue*").invoke("red")
    assert blue.metadata["uri"].endswith("/blue.png")
    with pytest.raises(UsageError, match="no option top"):
        VasariRetriever(library=colours).invoke("red", top=3)


def test_no_word_of_a_query_is_a_file(colours: Colours, tmp_path: Path) -> None:
    """What somebody asks a chain may hold any path: nothing of the machine is read, nor told to be there or not."""
    secret = tmp_path / "secret.txt"
    secret.write_text("no picture")
    for path in (str(secret), f"{tmp_path}/nothing.png", "./", f"red + {secret}"):
        assert len(VasariRetriever(library=colours, k=2).invoke(path)) == 2


def test_a_retriever_opens_a_library_by_its_folder(tmp_path: Path) -> None:
    """One that is not there is told at once."""
    with pytest.raises(NotFoundError, match="no library in"):
        VasariRetriever(library=tmp_path / "nothing")


def test_metadata_narrows_a_search(tmp_path: Path) -> None:
    """By equality, whatever signs are in it, or by Vasari's filter language."""
    store = VasariVectorStore.from_texts(
        ["one", "two", "three"],
        TestStandardVectorStore.get_embeddings(),
        [{"n": 1, "by": 'a "b" *'}, {"n": 2, "by": "c", "new": True}, {"n": 3, "by": 'a "b" x'}],
        library=tmp_path / "library",
        collection="notes/2024 ü",
    )
    assert [found.page_content for found in store.similarity_search("x", filter={"by": 'a "b" *'})] == ["one"]
    assert [found.page_content for found in store.similarity_search("x", filter={"new": True, "n": 2})] == [
        "two"
    ]
    assert len(store.similarity_search("x", filter="attr.n >= 2")) == 2
    assert len(store.similarity_search("x", k=2)) == 2
    with pytest.raises(UsageError, match="compares metadata"):
        store.similarity_search("x", filter={"n": [1]})


def test_collections_do_not_see_each_other(tmp_path: Path) -> None:
    """Two in one library, of other dimensions or the same; all of one can be taken out."""
    embedding = TestStandardVectorStore.get_embeddings()
    with Library.open(tmp_path / "library", create=True) as library:
        one, two = (VasariVectorStore(library, embedding, name) for name in ("one", "one/two"))
        one.add_texts(["a", "b"], ids=["1", "2"])
        two.add_texts(["c"], ids=["1"])
        assert {found.page_content for found in one.similarity_search("a")} == {"a", "b"}
        assert two.get_by_ids(["1", "2"]) == [Document("c", id="1")]
        one.delete()
        assert (one.similarity_search("a"), len(two.similarity_search("a"))) == ([], 1)


def test_scores_are_cosines(tmp_path: Path) -> None:
    """The same words have cosine 1, and relevance 1."""
    store = VasariVectorStore(tmp_path / "library", TestStandardVectorStore.get_embeddings())
    store.add_texts(["boat", "castle"])
    (best, score), _ = store.similarity_search_with_score("boat")
    assert best.page_content == "boat"
    assert score == pytest.approx(1, abs=1e-3)
    assert store.similarity_search_with_relevance_scores("boat", k=1)[0][1] == pytest.approx(1, abs=1e-3)
    vector = TestStandardVectorStore.get_embeddings().embed_query("castle")
    assert store.similarity_search_by_vector(vector, k=1)[0].page_content == "castle"


def test_without_an_embedding_the_librarys_model_makes_the_vectors(tmp_path: Path) -> None:
    """Then pictures find documents, which are texts of the library like any other."""
    with Colours.open(tmp_path / "library", create=True) as library:
        library.add(picture("red"))
        store = VasariVectorStore(library)
        store.add_texts(["blue", "red"])
        assert store.similarity_search("red", k=1)[0].page_content == "red"
        assert library.search(picture("red"), modality="text")[0].item.text == "red"
        assert len(library.ids(modality=Modality.TEXT)) == 2


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its extra."""
    for name in ("vasari.langchain", "vasari.api.frameworks.langchain"):
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "langchain_core"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vasari\[langchain\]'"):
        import vasari.langchain  # noqa: F401
