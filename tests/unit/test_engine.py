"""One search from request to response: pages, stages and their limits, over a real gallery and a collection in memory.

The law that everything hangs on: whatever stages are asked for, the pages of a search are slices of one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vasari.retrieval.domain import (
    EmbeddingSpace,
    Item,
    ItemId,
    Modality,
    Picture,
    Rerank,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.search.engine import blend_terms, search
from vasari.retrieval.search.relevance import Calibration
from vasari.retrieval.search.reranking import FeatureCache, RerankStage
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot
from vasari.retrieval.vectors.segments import write_segment

DIM = 8
SPACE = EmbeddingSpace("small", "small", "weights", "preprocessing", DIM)
SIZE = 700  # more than the head, so that pages reach beyond it


class Shuffling:
    """A reranker with opinions of its own: a fixed pseudo-random probability for each picture."""

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        return np.asarray(picture, dtype=np.uint8)[:1, :1]

    def encode_images(self, batch: NDArray[np.uint8]) -> NDArray[np.float16]:
        features: NDArray[np.float16] = batch[:, :, 0, :1].astype(np.float16)
        return features

    def score(self, texts: Sequence[str], features: NDArray[np.float16]) -> NDArray[np.float32]:
        return np.asarray((features[:, 0, 0].astype(np.float32) * 37 % 101) / 101, np.float32)

    def attention(self, text: str, features: NDArray[np.float16]) -> NDArray[np.float32]:
        return np.ones((1, 1), np.float32)


@dataclass
class Shelf:
    """A collection in memory: items 1 … n with random vectors; words, groups and filters as a test sets them."""

    held: Gallery
    groups: dict[ItemId, int] = field(default_factory=dict)
    named: list[ItemId] = field(default_factory=list)  # what full-text search finds, best first
    lacking: int = 0  # items without a vector
    gone: set[ItemId] = field(default_factory=set)  # deleted after the gallery was opened
    background: NDArray[np.float32] = field(default_factory=lambda: np.linspace(0, 0.9, 30, dtype=np.float32))
    stage: RerankStage = field(
        default_factory=lambda: RerankStage(
            Shuffling(),
            FeatureCache(10**6),
            lambda what: Image.new("RGB", (1, 1), (what.id % 251 if isinstance(what, Item) else 0, 0, 0)),
        )
    )

    def space(self, name: str | None = None) -> EmbeddingSpace:
        if name not in (None, SPACE.name):
            raise NotFoundError(f"no space {name}")
        return SPACE

    def gallery(self, modality: Modality, space: EmbeddingSpace) -> Gallery:
        return self.held

    def absent(self, gallery: Gallery, modality: Modality, space: EmbeddingSpace) -> int:
        return self.lacking

    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        return {
            number: Item(number, Modality.IMAGE, f"/{number}.png", f"{number}", 1, 1)
            for number in ids
            if number not in self.gone
        }

    def matching(self, filter_text: str, modality: Modality) -> NDArray[np.int64]:
        ids: NDArray[np.int64] = self.held.ids()
        return np.asarray(ids[ids % int(filter_text) == 0])

    def search(
        self, words: str, modality: Modality, limit: int, allowed: NDArray[np.int64] | None
    ) -> list[ItemId]:
        found = [item for item in self.named if allowed is None or item in allowed]
        return found[:limit]

    def groups_of(self, ids: Sequence[ItemId]) -> Mapping[ItemId, int]:
        return {item: self.groups[item] for item in ids if item in self.groups}

    def calibration(self, modality: Modality, space: EmbeddingSpace) -> Calibration:
        vectors = unit_vectors(np.random.default_rng(5).normal(size=(len(self.background), DIM)))
        return Calibration.of(vectors, self.background)

    def rerank_stage(self, within_ms: float | None = None) -> RerankStage:
        return self.stage

    def embed_query(self, terms: Sequence[Term], space: EmbeddingSpace) -> UnitVectors:
        texts = [term.text or "" for term in terms if term.text is not None]
        pictures = [term.image for term in terms if term.image is not None]
        items = [term.item for term in terms if term.item is not None]
        vectors = {
            TermKind.TEXT: self.embed_texts(texts) if texts else None,
            TermKind.IMAGE: unit_vectors(np.ones((len(pictures), DIM))) if pictures else None,
            TermKind.ITEM: self.held.vectors_of(items) if items else None,
        }
        return blend_terms(terms, {kind: found for kind, found in vectors.items() if found is not None})

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        return unit_vectors(np.stack([np.random.default_rng(len(text)).normal(size=DIM) for text in texts]))

    @property
    def catalog(self) -> Shelf:
        return self

    filters = full_text = perceptual_hashes = catalog


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    random = np.random.default_rng(0)
    # Of three pictures one is nearly the one before it: something for collapsing and diversifying.
    vectors = random.normal(size=(SIZE, DIM))
    vectors[2::3] = vectors[1::3][: len(vectors[2::3])] + 0.01 * random.normal(size=(len(vectors[2::3]), DIM))
    write_segment(folder / "segments", 1, np.arange(1, SIZE + 1), unit_vectors(vectors))
    return Gallery.open(folder / "segments", folder / "generations", GallerySnapshot([1], dim=DIM))


@pytest.fixture
def shelf(gallery: Gallery) -> Shelf:
    """Groups of two or more over two thirds of the items; words that know some near and some far ones."""
    groups = {number: number // 3 for number in range(1, SIZE + 1) if number % 3}
    return Shelf(gallery, groups, [*range(600, 640), *range(1, 60, 3)])


QUERY = SearchRequest((Term(TermKind.TEXT, text="a boat"),), limit=10)


def ids(response: SearchResponse) -> list[ItemId]:
    return [hit.item.id for hit in response.hits]


def pages(shelf: Shelf, request: SearchRequest, sizes: Sequence[int]) -> list[ItemId]:
    """The items of consecutive pages of these sizes."""
    found: list[ItemId] = []
    offset = 0
    for size in sizes:
        found += ids(search(shelf, replace(request, limit=size, offset=offset)))
        offset += size
    return found


requests = st.builds(
    replace,
    st.just(QUERY),
    collapse=st.booleans(),
    hybrid=st.booleans(),
    diversify=st.none() | st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    min_relevance=st.none() | st.sampled_from([0.1, 0.4, 0.8]),
    rerank=st.none() | st.builds(Rerank, st.sampled_from([1, 32, 300, 400]), st.none(), st.sampled_from([0.5, 1])),
    filter=st.none() | st.sampled_from(["2", "50"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests, st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_pages_are_slices_of_one_order(shelf: Shelf, request_: SearchRequest, sizes: list[int]) -> None:
    """No combination of stages loses or repeats a hit between pages, however they are cut."""
    whole = ids(search(shelf, replace(request_, limit=SIZE)))
    assert len(whole) == len(set(whole))
    assert pages(shelf, request_, sizes) == whole[: sum(sizes)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests, st.integers(1, SIZE))
def test_every_page_is_as_full_as_it_can_be(shelf: Shelf, request_: SearchRequest, limit: int) -> None:
    """Collapsing swallows hits, and the page is filled from further below; relevance alone may shorten it."""
    request_ = replace(request_, min_relevance=None, collapse=True)
    found = ids(search(shelf, replace(request_, limit=limit)))
    possible = set(shelf.matching(request_.filter or "1", Modality.IMAGE).tolist())
    groups = {shelf.groups.get(item, -item) for item in possible}
    assert len(found) == min(limit, len(groups))
    assert len({shelf.groups.get(item, -item) for item in found}) == len(found)
    assert set(found) <= possible


def test_one_huge_group_is_one_hit_and_hides_nothing(shelf: Shelf) -> None:
    """However deep the next group lies, it comes."""
    shelf.groups = dict.fromkeys(range(1, SIZE - 4), 1)
    found = ids(search(shelf, replace(QUERY, collapse=True)))
    assert len(found) == 6
    assert set(range(SIZE - 4, SIZE + 1)) <= set(found)


def test_the_plain_order_is_that_of_the_exact_cosines(shelf: Shelf) -> None:
    """Without stages the engine adds nothing to what the vectors say."""
    query = shelf.embed_texts(["a boat"])
    cosines = (shelf.held.vectors_of(shelf.held.ids()) @ query[0]).astype(np.float32)
    best = (np.argsort(-cosines, kind="stable") + 1).tolist()
    response = search(shelf, replace(QUERY, limit=50))
    assert ids(response) == best[:50]
    np.testing.assert_allclose([hit.score for hit in response.hits], np.sort(cosines)[::-1][:50], atol=1e-3)
    assert response.total == SIZE


def test_hybrid_finds_what_only_words_find(shelf: Shelf) -> None:
    """An item far away by its vector comes up by its caption, with its true cosine as score."""
    query = shelf.embed_texts(["a boat"])
    cosines = shelf.held.vectors_of(shelf.held.ids()) @ query[0]
    farthest = int(np.argmin(cosines)) + 1
    shelf.named = [farthest]
    response = search(shelf, replace(QUERY, hybrid=True))
    place = ids(response).index(farthest)
    assert place <= 1
    assert response.hits[place].score == pytest.approx(float(cosines.min()), abs=1e-3)


def test_hybrid_passes_over_items_without_a_vector_here(shelf: Shelf) -> None:
    """Words may know an item that only another model has embedded."""
    shelf.named = [SIZE + 100, 3]
    found = ids(search(shelf, replace(QUERY, hybrid=True)))
    assert 3 in found
    assert SIZE + 100 not in found


def test_hybrid_needs_words(shelf: Shelf) -> None:
    """A picture alone has none."""
    with pytest.raises(UsageError, match="words"):
        search(shelf, replace(QUERY, terms=(Term(TermKind.ITEM, item=1),), hybrid=True))


def test_relevance_shortens_the_answer_to_what_is_good_enough(shelf: Shelf) -> None:
    """Every hit reaches the threshold, no other item does; nonsense gets no answer at all."""
    request = replace(QUERY, limit=SIZE, min_relevance=0.6)
    threshold = shelf.calibration(Modality.IMAGE, SPACE).threshold(shelf.embed_texts(["a boat"]), 0.6)
    scores = [hit.score for hit in search(shelf, replace(request, min_relevance=None)).hits]
    found = search(shelf, request)
    assert 0 < len(found.hits) == sum(score >= threshold for score in scores)
    shelf.background = np.full(30, 2.0, np.float32)
    assert search(shelf, request).hits == ()


def test_a_late_reranker_leaves_the_first_order(shelf: Shelf) -> None:
    """The response says so, and each hit too."""
    plain = search(shelf, replace(QUERY, explain=True))
    late = search(shelf, replace(QUERY, rerank=Rerank(deadline_ms=0), explain=True))
    assert ids(late) == ids(plain)
    assert (late.reranked, {hit.reranked for hit in late.hits}) == (False, {False})
    assert late.explain is not None
    assert "deadline" in late.explain.notes[0]


def test_reranked_hits_are_marked(shelf: Shelf) -> None:
    """The first ones have the blended score, those beyond `top` their cosine."""
    response = search(shelf, replace(QUERY, rerank=Rerank(top=4, deadline_ms=None)))
    assert response.reranked
    assert [hit.reranked for hit in response.hits] == [True] * 4 + [False] * 6
    plain = search(shelf, QUERY)
    assert ids(response)[4:] == ids(plain)[4:]
    assert sorted(ids(response)[:4]) == sorted(ids(plain)[:4])


def test_the_query_s_own_items_are_left_out(shelf: Shelf) -> None:
    """As many hits come as were asked for, in every way of asking."""
    terms = (Term(TermKind.ITEM, item=7), Term(TermKind.TEXT, 0.1, text="a boat"))
    request = replace(QUERY, terms=terms, exclude_query_items=True)
    shelf.named = [7, 8]
    for hybrid in (False, True):
        found = ids(search(shelf, replace(request, hybrid=hybrid)))
        assert 7 not in found
        assert len(found) == 10
    assert ids(search(shelf, replace(request, exclude_query_items=False)))[0] == 7


def test_items_deleted_meanwhile_are_simply_not_there(shelf: Shelf) -> None:
    """A search that began before a deletion answers without the item."""
    first = ids(search(shelf, QUERY))
    shelf.gone = {first[0], first[3]}
    assert ids(search(shelf, QUERY)) == [item for item in first if item not in shelf.gone]
    reranked = search(shelf, replace(QUERY, rerank=Rerank(deadline_ms=None)))
    assert not shelf.gone & set(ids(reranked))


def test_a_filter_counts_what_could_match(shelf: Shelf) -> None:
    """`total` is the number of items the filter accepts, and all of them can be paged to."""
    response = search(shelf, replace(QUERY, filter="50", limit=100))
    assert sorted(ids(response)) == list(range(50, SIZE + 1, 50))
    assert response.total == SIZE // 50


def test_a_second_stage_s_numbers_are_checked(shelf: Shelf) -> None:
    """Negative and endless times, and what is no number, are refused in words before anything is loaded."""
    nan, endless = float("nan"), float("inf")
    for wrong in (
        Rerank(deadline_ms=nan),
        Rerank(deadline_ms=-1.0),
        Rerank(deadline_ms=endless),
        Rerank(top=0),
        Rerank(weight=nan),
    ):
        with pytest.raises(UsageError):
            search(shelf, SearchRequest((Term(TermKind.TEXT, text="3"),), rerank=wrong))
