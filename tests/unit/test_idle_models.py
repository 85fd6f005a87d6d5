"""Models that nobody asks for leave memory, and come back with the next who does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.conftest import Serve
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Rerank, SearchRequest, Term, TermKind
from vasari.retrieval.library.last_uses import LastUses, LoadedKind
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

__all__ = ["coloured", "serve"]
from tests.service.conftest import coloured, serve


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Six drawings by the built-in model."""
    folder = tmp_path_factory.mktemp("idle")
    render(folder / "p", seed=2, count=6, split=Split.TRAIN, size=96)
    settings = Settings(library=folder / "library", offline=True, threads=1)
    with Library.open(settings=settings, create=True) as opened:
        opened.use_model("scenes")
        index(opened, FolderSource([folder / "p" / "images"], limits=opened.image_limits))
        yield opened


def test_what_is_given_back_comes_back(library: Library) -> None:
    """Searches, reranked ones too, answer the same before and after their models left memory."""
    request = SearchRequest((Term(TermKind.TEXT, text="a red boat"),), limit=6, rerank=Rerank(top=6))
    before = library.search(request)
    assert LoadedKind.RERANKER in library.models.loaded()
    given = library.give_back_models(0)
    assert LoadedKind.RERANKER in given
    assert library.models.loaded() == []
    assert library.models.uses.rests(LoadedKind.RERANKER)
    after = library.search(request)
    assert [hit.item.id for hit in after.hits] == [hit.item.id for hit in before.hits]
    scores = [hit.score for hit in before.hits]
    assert [hit.score for hit in after.hits] == pytest.approx(scores, abs=1e-3)
    assert not library.models.uses.rests(LoadedKind.RERANKER)


def test_what_is_in_use_stays(library: Library) -> None:
    """Only what nobody asked for in so many seconds is given back."""
    library.search("a red boat")
    assert library.give_back_models(3600) == []
    assert library.models.loaded() != []


def test_a_probe_is_no_use() -> None:
    """A look whether a model works does not keep it in memory."""
    now = 0.0
    uses = LastUses(lambda: now)
    uses.note(LoadedKind.TEXT)
    now = 10.0
    with uses.unnoticed(LoadedKind.TEXT):
        uses.note(LoadedKind.TEXT)
    assert uses.idle(LoadedKind.TEXT) == 10.0


def test_readiness_tells_what_is_loaded_and_loads_nothing(serve: Serve) -> None:
    """`/readyz` is ready with a model that rests, and names those in memory."""
    served = serve()
    assert served.client.get("/readyz").json()["checks"]["model"]["loaded"] == []
    asked = len(served.library.model.text_batches)
    served.library.models.uses.rest(LoadedKind.TEXT)
    ready = served.client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["model"]["ok"]) == (200, True)
    assert len(served.library.model.text_batches) == asked
    served.client.post("/v1/search", json={"query": "red"})
