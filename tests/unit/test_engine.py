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

from vasari.retrieval.catalog.analyzer import Sought
from vasari.retrieval.catalog.filters.groups import GroupLabels
from vasari.retrieval.domain import (
    EmbeddingSpace,
    FairTrial,
    GroupScore,
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
from vasari.retrieval.search.feature_cache import FeatureCache
from vasari.retrieval.search.relevance import Calibration
from vasari.retrieval.search.reranking import RerankStage
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot
from vasari.retrieval.vectors.index import Ids
from vasari.retrieval.vectors.segments import write_segment

DIM = 8
SPACE = EmbeddingSpace("small", "small", "weights", "preprocessing", DIM)
SIZE = 700  # more than the head, so that pages reach beyond it


class Shuffling:
    """A reranker with opinions of its own: a fixed pseudo-random probability for each picture."""

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        return np.asarray(picture, dtype=np.uint8)[:1, :1]

    def encode_images(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        return [picture[:, 0, :1].astype(np.float16) for picture in pictures]

    def score(self, texts: Sequence[str], features: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        return np.array([float(each[0, 0]) * 37 % 101 / 101 for each in features], np.float32)


@dataclass
class Shelf:
    """A collection in memory: items 1 … n with random vectors; words, groups and filters as a test sets them."""

    held_by: Gallery
    groups: dict[ItemId, int] = field(default_factory=dict)
    products: dict[ItemId, str] = field(default_factory=dict)  # what items are grouped by
    said: dict[str, list[ItemId]] = field(default_factory=dict)  # of which items each word is said
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
        return self.held_by

    def absent(self, gallery: Gallery, modality: Modality, space: EmbeddingSpace) -> int:
        return self.lacking

    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        return {
            number: Item(number, Modality.IMAGE, f"/{number}.png", f"{number}", 1, 1)
            for number in ids
            if number not in self.gone
        }

    def matching(
        self, filter_text: str | None, modality: Modality, within: str | None = None
    ) -> NDArray[np.int64]:
        ids: NDArray[np.int64] = self.held_by.ids()
        return np.asarray(ids[ids % int(filter_text or 1) == 0])

    def counts(self, phrases: Sequence[Sought]) -> NDArray[np.int64]:
        return np.array([len(self.postings(phrase)) for phrase in phrases], np.int64)

    def postings(self, phrase: Sought) -> Ids:
        return np.array(sorted(self.said.get(str(phrase), [])), np.int64)

    def held(self, ids: Sequence[ItemId], phrases: Sequence[Sought]) -> NDArray[np.float32]:
        holds = [[item in self.said.get(str(phrase), []) for phrase in phrases] for item in ids]
        return np.array(holds, np.float32).reshape(len(ids), len(phrases))

    def groups_of(self, ids: Sequence[ItemId]) -> Mapping[ItemId, int]:
        return {item: self.groups[item] for item in ids if item in self.groups}

    def labels(self, by: str, modality: Modality, within: str | None = None) -> GroupLabels:
        names = sorted(set(self.products.values()))
        ids = sorted(self.products)
        labels = [names.index(self.products[item]) for item in ids]
        return GroupLabels(np.array(ids, np.int64), np.array(labels, np.int64), tuple(names))

    def calibration(
        self,
        modality: Modality,
        space: EmbeddingSpace,
        seen: NDArray[np.int64] | None = None,
        *,
        fair: FairTrial | bool = False,
    ) -> Calibration:
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
            TermKind.ITEM: self.held_by.vectors_of(items) if items else None,
        }
        return blend_terms(terms, {kind: found for kind, found in vectors.items() if found is not None})

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        return unit_vectors(np.stack([np.random.default_rng(len(text)).normal(size=DIM) for text in texts]))

    @property
    def catalog(self) -> Shelf:
        return self

    filters = full_text = perceptual_hashes = groupings = catalog  # one object is all of a catalog


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
    products = {number: f"P{number % 37 // 2}" for number in range(1, SIZE + 1) if number % 5}
    return Shelf(gallery, groups, products, {"boat": [*range(600, 640), *range(1, 60, 3)]})


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
    group_by=st.none() | st.just("product"),
    hybrid=st.none() | st.booleans(),
    words=st.sampled_from([(), (), ("boat",)]),
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
    request_ = replace(request_, min_relevance=None, collapse=True, group_by=None)
    found = ids(search(shelf, replace(request_, limit=limit)))
    possible = set(shelf.matching(request_.filter or "1", Modality.IMAGE).tolist())
    if request_.words:
        possible &= set(shelf.said["boat"])
    groups = {shelf.groups.get(item, -item) for item in possible}
    assert len(found) == min(limit, len(groups))
    assert len({shelf.groups.get(item, -item) for item in found}) == len(found)
    assert set(found) <= possible


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests,
    st.integers(1, SIZE),
    st.dictionaries(st.integers(1, SIZE), st.sampled_from("abcdefgh")) | st.none(),
)
def test_as_many_groups_come_as_there_are(
    shelf: Shelf, request_: SearchRequest, limit: int, products: dict[ItemId, str] | None
) -> None:
    """k groups whenever the filter leaves k, one hit each, that says how many it stands for."""
    shelf.products = shelf.products if products is None else products
    request_ = replace(request_, min_relevance=None, collapse=False, group_by="product", limit=limit)
    response = search(shelf, request_)
    possible = set(shelf.matching(request_.filter or "1", Modality.IMAGE).tolist())
    if request_.words:
        possible &= set(shelf.said["boat"])
    groups: dict[str | int, list[ItemId]] = {}
    for item in possible:
        groups.setdefault(shelf.products.get(item, item), []).append(item)
    shown = [shelf.products.get(item, item) for item in ids(response)]
    assert len(shown) == len(set(shown)) == min(limit, len(groups))
    assert [hit.members for hit in response.hits] == [len(groups[name]) for name in shown]
    assert [hit.group for hit in response.hits] == [shelf.products.get(item) for item in ids(response)]


@pytest.mark.parametrize("hybrid", [False, None])
def test_each_group_is_shown_by_its_best(shelf: Shelf, hybrid: bool | None) -> None:
    """The order of groups is the plain order of all items with what comes after the first of its group left out."""
    every = ids(search(shelf, replace(QUERY, limit=SIZE, hybrid=hybrid)))
    best: dict[str | int, ItemId] = {}
    for item in every:
        best.setdefault(shelf.products.get(item, item), item)
    for limit in (1, 7, SIZE):
        grouped = search(shelf, replace(QUERY, limit=limit, group_by="product", hybrid=hybrid))
        assert ids(grouped) == list(best.values())[:limit]


@pytest.mark.parametrize("left_out", [False, True])
@pytest.mark.parametrize("where", [None, "7"])
def test_groups_are_ranked_by_their_mean(shelf: Shelf, left_out: bool, where: str | None) -> None:
    """Each group counts as one item with the mean of its vectors, and is shown by its best; what is left out is out."""
    request_ = SearchRequest(
        (Term(TermKind.ITEM, item=7),),
        filter=where,
        group_by="product",
        group_score=GroupScore.MEAN,
        limit=SIZE,
    )
    query = shelf.held_by.vectors_of([7])[0]
    groups: dict[str | int, list[ItemId]] = {}
    for item in shelf.matching(where, Modality.IMAGE).tolist():
        if not (left_out and item == 7):
            groups.setdefault(shelf.products.get(item, item), []).append(item)
    expected = []
    for members in groups.values():
        vectors = shelf.held_by.vectors_of(members)
        mean = vectors.mean(axis=0)
        expected.append((mean @ query / np.linalg.norm(mean), members[int(np.argmax(vectors @ query))]))
    expected.sort(reverse=True)
    hits = search(shelf, replace(request_, exclude_query_items=left_out)).hits
    assert [hit.item.id for hit in hits] == [item for _, item in expected]
    np.testing.assert_allclose([hit.score for hit in hits], [score for score, _ in expected], atol=2e-3)
    short = search(shelf, replace(request_, exclude_query_items=left_out, limit=3, offset=2)).hits
    assert [hit.item.id for hit in short] == [item for _, item in expected[2:5]]


def test_a_mean_is_of_groups(shelf: Shelf) -> None:
    """It takes groups, and has no say for words."""
    with pytest.raises(UsageError, match="group_by"):
        search(shelf, replace(QUERY, group_score=GroupScore.MEAN))
    with pytest.raises(UsageError, match="hybrid"):
        search(shelf, replace(QUERY, group_score=GroupScore.MEAN, group_by="product", hybrid=True))


def test_an_item_that_is_left_out_is_no_member(shelf: Shelf) -> None:
    """What asks for items like one counts the others of its group."""
    shelf.products = dict.fromkeys((1, 2, 3), "one")
    request_ = SearchRequest((Term(TermKind.ITEM, item=2),), limit=SIZE, group_by="product")
    for left_out in (False, True):
        response = search(shelf, replace(request_, exclude_query_items=left_out))
        (hit,) = (hit for hit in response.hits if hit.group == "one")
        assert hit.members == 3 - left_out


def test_one_huge_group_is_one_hit_and_hides_nothing(shelf: Shelf) -> None:
    """However deep the next group lies, it comes."""
    shelf.groups = dict.fromkeys(range(1, SIZE - 4), 1)
    found = ids(search(shelf, replace(QUERY, collapse=True)))
    assert len(found) == 6
    assert set(range(SIZE - 4, SIZE + 1)) <= set(found)


def test_the_plain_order_is_that_of_the_exact_cosines(shelf: Shelf) -> None:
    """Without stages the engine adds nothing to what the vectors say."""
    query = shelf.embed_texts(["a boat"])
    cosines = (shelf.held_by.vectors_of(shelf.held_by.ids()) @ query[0]).astype(np.float32)
    best = (np.argsort(-cosines, kind="stable") + 1).tolist()
    response = search(shelf, replace(QUERY, limit=50, hybrid=False))
    assert ids(response) == best[:50]
    np.testing.assert_allclose([hit.score for hit in response.hits], np.sort(cosines)[::-1][:50], atol=1e-3)
    assert response.total == SIZE


def test_a_rare_word_brings_what_vectors_do_not_find(shelf: Shelf) -> None:
    """The farthest item of all comes first by a word that only it has, and keeps its true cosine as score."""
    query = shelf.embed_texts(["boat 2041"])
    cosines = shelf.held_by.vectors_of(shelf.held_by.ids()) @ query[0]
    farthest = int(np.argmin(cosines)) + 1
    shelf.said["2041"] = [farthest]
    request = replace(QUERY, terms=(Term(TermKind.TEXT, text="boat 2041"),))
    response = search(shelf, request)
    assert ids(response)[0] == farthest
    assert response.hits[0].score == pytest.approx(float(cosines.min()), abs=1e-3)
    assert farthest not in ids(search(shelf, replace(request, hybrid=False)))


def test_words_that_nobody_holds_change_nothing(shelf: Shelf) -> None:
    """Nor does switching words off where there are none; the answer says nothing of words."""
    shelf.said = {}
    plain = search(shelf, replace(QUERY, hybrid=False, explain=True))
    for hybrid in (None, True):
        response = search(shelf, replace(QUERY, hybrid=hybrid, explain=True))
        assert response.hits == plain.hits
        assert response.explain is not None
        assert response.explain.shares == ()


def test_explain_shows_the_shares(shelf: Shelf) -> None:
    """What vectors and words brought to each hit, and which words: in the order of the sums."""
    response = search(shelf, replace(QUERY, limit=SIZE, explain=True))
    assert response.explain is not None
    shares = response.explain.shares
    head = [share.item for share in shares]
    assert head == [item for item in ids(response) if item in set(head)]
    assert set(shelf.said["boat"]) <= set(head)
    for share in shares:
        assert (share.matched == ("boat",)) == (share.item in shelf.said["boat"]) == (share.words > 0)
    sums = [share.vector + share.words for share in shares]
    assert sums == sorted(sums, reverse=True)


def test_quoted_words_must_occur(shelf: Shelf) -> None:
    """Only items of which every quoted word is said come back, and they are what could have matched."""
    shelf.said["no entry"] = [3, 7, 601, 602]
    response = search(shelf, replace(QUERY, words=("No entry!",), hybrid=False))
    assert sorted(ids(response)) == [3, 7, 601, 602]
    assert response.total == 4
    assert sorted(ids(search(shelf, replace(QUERY, words=("no entry", "boat"))))) == [7, 601, 602]
    assert ids(search(shelf, replace(QUERY, words=("no entry",), filter="7"))) == [7, 602]
    nowhere = search(shelf, replace(QUERY, words=("nobody",)))
    assert ids(nowhere) == []
    assert nowhere.notes == (
        "nothing that was searched has “nobody” in its captions, tags and names, or in its picture",
    )
    with pytest.raises(UsageError, match="no word in"):
        search(shelf, replace(QUERY, words=("?!",)))


def test_words_pass_over_items_without_a_vector_here(shelf: Shelf) -> None:
    """Words may know an item that only another model has embedded, or of another modality."""
    shelf.said = {"boat": [SIZE + 100, 3]}
    for words in ((), ("boat",)):
        found = ids(search(shelf, replace(QUERY, words=words)))
        assert 3 in found
        assert SIZE + 100 not in found


def test_relevance_counts_words_in(shelf: Shelf) -> None:
    """What no vector tells, but a rare word does, is a good match."""
    shelf.background = np.full(30, 0.95, np.float32)
    shelf.said = {"boat": [5]}
    request = replace(QUERY, min_relevance=0.9)
    assert ids(search(shelf, replace(request, hybrid=False))) == []
    assert ids(search(shelf, request)) == [5]


def test_each_hit_tells_its_relevance_on_request(shelf: Shelf) -> None:
    """Falling with the ranks, words counted in; those that `min_relevance` keeps are those that reach it."""
    shelf.background = np.linspace(0.1, 0.95, 30).astype(np.float32)
    shelf.said = {"boat": [5]}
    assert all(hit.relevance is None for hit in search(shelf, QUERY).hits)
    request = replace(QUERY, limit=SIZE, relevance=True)
    told = [hit.relevance for hit in search(shelf, request).hits]
    assert all(one is not None and 0 <= one <= 1 for one in told)
    assert told == sorted(told, key=lambda one: -(one or 0))
    kept = len(search(shelf, replace(request, min_relevance=0.5)).hits)
    assert kept == pytest.approx(sum((one or 0) >= 0.5 for one in told), abs=SIZE // 20)
    assert 0 < kept < SIZE


def test_what_nobody_knows_is_no_match(shelf: Shelf) -> None:
    """Words that the model was never taught find what they find, at relevance 0, unless they are said of an item."""
    shelf.said = {}
    request = replace(QUERY, terms=(Term(TermKind.TEXT, text="boat", given=""),), relevance=True)
    assert {hit.relevance for hit in search(shelf, request).hits} == {0.0}
    assert ids(search(shelf, replace(request, min_relevance=0.0))) == ids(search(shelf, request))
    assert ids(search(shelf, replace(request, min_relevance=0.1))) == []
    shelf.background = np.full(30, 0.95, np.float32)
    shelf.said = {"boat": [5]}
    assert ids(search(shelf, replace(request, min_relevance=0.9))) == [5]


def test_hybrid_needs_words(shelf: Shelf) -> None:
    """A picture alone has none."""
    with pytest.raises(UsageError, match="words"):
        search(shelf, replace(QUERY, terms=(Term(TermKind.ITEM, item=1),), hybrid=True))


def test_relevance_shortens_the_answer_to_what_is_good_enough(shelf: Shelf) -> None:
    """Every hit reaches the threshold, no other item does; nonsense gets no answer at all."""
    request = replace(QUERY, limit=SIZE, min_relevance=0.6, hybrid=False)
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
    shelf.said = {"boat": [7, 8]}
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
