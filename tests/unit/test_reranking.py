"""The second stage: order, deadline, unreadable pictures, bounded memory. The reranker is a small fake."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from transformers.utils import logging as transformers_log

from tests.patience import until
from vasari.retrieval.domain import Item, Modality, Picture, Rerank, Term, TermKind
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.models.registry.presets import builtin_models_directory
from vasari.retrieval.models.reranker import BlipReranker
from vasari.retrieval.search import reranking
from vasari.retrieval.search.feature_cache import FeatureCache
from vasari.retrieval.search.pace import Batches, Pace
from vasari.retrieval.search.reranking import BATCH, Reranked, RerankStage, query_words, rerank

WORDS = (Term(TermKind.TEXT, text="bright"),)


class Clock:
    """Time that passes only where somebody works."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Brightness:
    """A reranker that likes bright pictures, and for texts those that name the picture's grey."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.encoded: list[int] = []
        self.asked: list[str] = []

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        return np.asarray(picture.resize((2, 2)), dtype=np.uint8)

    def encode_images(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        self.encoded.append(len(pictures))
        return [picture.reshape(4, 3)[:, :1].astype(np.float16) for picture in pictures]

    def score(self, texts: Sequence[str], features: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        self.clock.seconds += 0.02 * len(features)
        self.asked += texts
        greys = np.array([each[0, 0] for each in features], np.float32)
        if len(texts) == 1 and not texts[0].isdecimal():
            return np.asarray(greys / 255, np.float32)
        return np.array(
            [1 - abs(int(text) - grey) / 255 for text, grey in zip(texts, greys, strict=True)], np.float32
        )


def item(number: int, modality: Modality = Modality.IMAGE) -> Item:
    """Item n shows (or says) grey n."""
    return Item(number, modality, f"/{number}.png", f"hash {number}", 1, 1, text=str(number))


def grey(of: Item) -> Picture:
    return Image.new("RGB", (4, 4), (of.id, of.id, of.id))


def stage_of(
    reranker: Brightness, *, capacity: int = 10**6, broken: frozenset[int] = frozenset()
) -> RerankStage:
    def look(wanted: Item | bytes | Path) -> Picture:
        assert isinstance(wanted, Item)
        if wanted.id in broken:
            raise ImageError("no such file", "read")
        return grey(wanted)

    return RerankStage(reranker, FeatureCache(capacity), look)


def candidates(*ids: int) -> list[tuple[int, float]]:
    return [(number, 0.5 - place / 100) for place, number in enumerate(ids)]


def run(
    given: Sequence[tuple[int, float]],
    options: Rerank,
    stage: RerankStage,
    modality: Modality = Modality.IMAGE,
) -> Reranked:
    known = {number: item(number, modality) for number, _ in given}
    return rerank(WORDS, grey(item(90)), given, known, options, stage)


def order(outcome: Reranked) -> list[int]:
    return [number for number, _ in outcome.ranked]


EVER = Rerank(deadline_ms=None, weight=1.0)


def test_the_matcher_decides_the_order_of_the_head() -> None:
    """Only the first `top` are compared; what lies deeper keeps its place and its cosine."""
    outcome = run(
        candidates(10, 200, 90, 250, 30), Rerank(top=3, deadline_ms=None, weight=1.0), stage_of(Brightness())
    )
    assert order(outcome) == [200, 90, 10, 250, 30]
    assert outcome.scored == {10, 200, 90}
    assert dict(outcome.ranked)[200] == pytest.approx(200 / 255, abs=1e-3)
    assert dict(outcome.ranked)[250] == pytest.approx(0.47)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 255), unique=True, max_size=40),
    st.integers(1, 50),
    st.floats(0, 1),
    st.sets(st.integers(1, 255), max_size=20),
)
def test_no_candidate_is_lost_or_repeated(ids: list[int], top: int, weight: float, broken: set[int]) -> None:
    """Whatever cannot be read or compared, the outcome is a permutation, and its tail is untouched."""
    outcome = run(
        candidates(*ids),
        Rerank(top, None, weight),
        stage_of(Brightness(), broken=frozenset(broken)),
    )
    assert sorted(order(outcome)) == sorted(ids)
    assert order(outcome)[top:] == ids[top:]
    assert outcome.scored == set(ids[:top]) - broken


def test_what_was_compared_before_the_deadline_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """In rank order, as deep as the pace of the machine allows; the rest keeps its order behind, and a note says so."""
    clock = Clock()
    monkeypatch.setattr(reranking, "time", clock)
    given_ones = candidates(*range(1, 100))
    outcome = run(given_ones, Rerank(top=99, deadline_ms=410, weight=1.0), stage_of(Brightness(clock)))
    assert clock.seconds == pytest.approx(0.38)
    assert outcome.scored == set(range(1, 20))
    assert order(outcome)[:19] == list(range(19, 0, -1))
    assert outcome.ranked[19:] == given_ones[19:]
    assert outcome.notes == ("reranked: the first 19 of 99, as many as the deadline leaves time for",)


def test_no_candidate_is_begun_that_would_pass_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is then the first stage's; the pictures are encoded meanwhile, so that it works out the next time."""
    clock = Clock()
    monkeypatch.setattr(reranking, "time", clock)
    given_ones = candidates(*range(1, 30))
    stage = stage_of(Brightness(clock))
    stage.pace.encoded(1, 0.9)
    stage.pace.compared(1, 0.001)
    outcome = run(given_ones, Rerank(top=29, deadline_ms=300), stage)
    assert outcome.ranked == given_ones
    assert not outcome.reranked
    assert outcome.notes == ("not reranked: the deadline leaves no time to compare a candidate",)
    until(
        lambda: all(stage.cache.get(item(number).content_hash) is not None for number in range(1, BATCH + 1))
    )
    again = run(given_ones, Rerank(top=29, deadline_ms=300), stage)
    assert again.scored >= set(range(1, BATCH + 1))


def test_a_picture_that_takes_longer_than_the_deadline_is_not_waited_for() -> None:
    """However long its file takes to be read: the answer is there in time, and the picture for the next question."""
    slow = threading.Event()
    known = {number: item(number) for number in (10, 20)}

    def look(wanted: Item | bytes | Path) -> Picture:
        assert isinstance(wanted, Item)
        assert slow.wait(60)
        return grey(wanted)

    stage = RerankStage(Brightness(), FeatureCache(10**6), look)
    outcome = rerank(WORDS, None, candidates(10, 20), known, Rerank(deadline_ms=20, weight=1.0), stage)
    assert outcome.ranked == candidates(10, 20)
    assert outcome.notes == ("not reranked: the deadline leaves no time to compare a candidate",)
    slow.set()
    until(lambda: stage.cache.get(known[20].content_hash) is not None)
    again = rerank(WORDS, None, candidates(10, 20), known, Rerank(deadline_ms=60_000, weight=1.0), stage)
    assert order(again) == [20, 10]


@pytest.mark.parametrize("capacity", [0, 10**6])
def test_pictures_are_waited_for_as_long_as_there_is_time(capacity: int) -> None:
    """One after the other, those that cannot be read included, even where none is kept."""
    stage = stage_of(Brightness(), capacity=capacity, broken=frozenset({20}))
    outcome = run(candidates(10, 20, 30), Rerank(deadline_ms=60_000, weight=1.0), stage)
    assert order(outcome) == [30, 10, 20]
    assert outcome.notes == ("not reranked: /20.png: no such file",)


def test_a_query_s_picture_is_encoded_once_under_a_deadline() -> None:
    """It is waited for, and kept for the next question with it."""
    reranker = Brightness()
    stage = stage_of(reranker)
    for _ in range(2):
        outcome = run(candidates(200, 95, 20), Rerank(deadline_ms=60_000, weight=1.0), stage, Modality.TEXT)
        assert order(outcome) == [95, 20, 200]
    assert reranker.encoded == [1]


@given(st.floats(0.01, 1), st.floats(0.01, 5), st.floats(1, 1.6))
def test_a_deadline_is_kept_by_a_machine_that_becomes_slower(
    pair: float, deadline: float, slower: float
) -> None:
    """Whatever the pace was: pairs that take up to 1.6 times as long as the last ones never pass the deadline."""
    batches, left = Batches(Pace(0.0, pair), BATCH), deadline
    while count := batches.next(99, left):
        seconds = count * pair * slower
        left -= seconds
        batches.took(count, seconds)
        assert left >= -1e-9
        slower = 1.0
    assert batches.next(99, None) == BATCH


def test_a_machine_that_was_slow_once_is_tried_again() -> None:
    """Some questions are turned down by what a pair took then, and not all of them for ever."""
    pace = Pace(0.0, 2.0)
    tried = [Batches(pace, BATCH).next(8, 0.8) for _ in range(8)]
    assert tried[0] == 0
    assert tried[-1] == 1


def test_the_pace_is_known_before_the_first_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that is opened for a deadline has measured itself, warm."""
    clock = Clock()
    monkeypatch.setattr(reranking, "time", clock)
    stage = stage_of(Brightness(clock))
    stage.measure(grey(item(1)))
    assert stage.pace.image == 0
    assert stage.pace.pair == pytest.approx(0.02)


def test_an_unreadable_picture_stands_behind_those_compared() -> None:
    """It is not lost, the others are compared all the same, and a note names it."""
    outcome = run(candidates(10, 20, 30), EVER, stage_of(Brightness(), broken=frozenset({20})))
    assert order(outcome) == [30, 10, 20]
    assert outcome.scored == {10, 30}
    assert outcome.notes == ("not reranked: /20.png: no such file",)


def test_nothing_readable_is_no_reranking() -> None:
    """The first stage's order stays, unreranked."""
    given_ones = candidates(10, 20)
    outcome = run(given_ones, EVER, stage_of(Brightness(), broken=frozenset({10, 20})))
    assert (outcome.ranked, outcome.reranked) == (given_ones, False)


def test_items_deleted_meanwhile_are_not_compared() -> None:
    """They keep a place at the end, from which the engine drops them."""
    outcome = rerank(WORDS, None, candidates(10, 20), {20: item(20)}, EVER, stage_of(Brightness()))
    assert (order(outcome), set(outcome.scored)) == ([20, 10], {20})


def test_texts_are_compared_with_the_query_s_picture() -> None:
    """Image to text: the picture is encoded once, each text matched with it."""
    reranker = Brightness()
    outcome = run(candidates(200, 95, 20), EVER, stage_of(reranker), Modality.TEXT)
    assert order(outcome) == [95, 20, 200]
    assert reranker.encoded == [1]
    assert reranker.asked == ["200", "95", "20"]


def test_what_cannot_be_compared_is_a_wrong_request() -> None:
    """Pictures need words, texts need a picture."""
    known = {1: item(1)}
    with pytest.raises(UsageError, match="add some words"):
        rerank((), None, candidates(1), known, EVER, stage_of(Brightness()))
    with pytest.raises(UsageError, match="picture"):
        rerank(WORDS, None, candidates(1), {1: item(1, Modality.TEXT)}, EVER, stage_of(Brightness()))


def test_features_are_encoded_once() -> None:
    """A second query over the same pictures pays for matching only, whatever the pictures are called."""
    reranker = Brightness()
    stage = stage_of(reranker)
    first = run(candidates(10, 20, 30), EVER, stage)
    again = run(candidates(10, 20, 30), EVER, stage)
    assert reranker.encoded == [3]
    assert first.ranked == again.ranked


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 40)), max_size=60))
def test_the_cache_never_outgrows_its_capacity(uses: list[tuple[str, int]]) -> None:
    """What it says it holds is what it holds, and the least recently used go first."""
    cache = FeatureCache(200)
    recent: dict[str, NDArray[np.float16]] = {}
    for name, length in uses:
        kept = cache.get(name)
        if kept is None:
            recent[name] = kept = np.zeros((length, 1), np.float16)
            cache.put(name, kept)
        else:
            recent[name] = recent.pop(name)
        while sum(features.nbytes for features in recent.values()) > cache.capacity:
            recent.pop(next(iter(recent)))
        assert cache.size == sum(features.nbytes for features in recent.values()) <= cache.capacity
    assert all(cache.get(name) is features for name, features in recent.items())


def test_query_words_are_the_positive_texts_heaviest_first() -> None:
    """What is subtracted, and pictures, are not what a picture is compared with."""
    terms = (
        Term(TermKind.TEXT, 1.0, text="sea"),
        Term(TermKind.TEXT, -1.0, text="people"),
        Term(TermKind.TEXT, 2.0, text="boat"),
        Term(TermKind.ITEM, 1.0, item=3),
    )
    assert query_words(terms) == "boat, sea"


def test_loading_a_reranker_leaves_the_progress_bars_of_others_as_they_were() -> None:
    """A program that embeds Vasari keeps what it has chosen for transformers."""
    before = transformers_log.is_progress_bar_enabled()
    BlipReranker(builtin_models_directory() / "scenes-itm")
    assert transformers_log.is_progress_bar_enabled() == before
