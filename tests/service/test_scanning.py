"""Searches of the same moment are one pass, with the answers of a pass of their own."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vasari.api.service.runtime.shared_scan import SharedScan, SharedScans
from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot
from vasari.retrieval.vectors.segments import write_segment


@pytest.fixture
def plain(tmp_path: Path) -> Gallery:
    """A gallery of 300 vectors."""
    vectors = unit_vectors(np.random.default_rng(0).normal(size=(300, 16)))
    write_segment(tmp_path / "segments", 1, np.arange(1, 301, dtype=np.int64), vectors)
    return Gallery.open(tmp_path / "segments", tmp_path / "generations", GallerySnapshot([1], dim=16))


class Counted(SharedScan):
    """Counts passes; the first waits until all who come are in line."""

    def __init__(self, company: int) -> None:
        super().__init__()
        self.passes: list[int] = []
        self.company = company

    def _answer(self, gallery: Gallery, together: list[Any]) -> None:
        self.passes.append(len(together))
        if len(self.passes) == 1:
            while len(self._line) < self.company:
                threading.Event().wait(0.001)
        super()._answer(gallery, together)


def queries(number: int) -> UnitVectors:
    return unit_vectors(np.random.default_rng(number).normal(size=(1, 16)))


def test_many_searches_are_two_passes_with_equal_answers(plain: Gallery) -> None:
    """Whoever comes during a pass is answered by the next one, as if alone, with as many results as asked for."""
    shared = Counted(company=9)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda n: shared.search(plain, queries(n), n + 1), range(10)))
    assert shared.passes == [1, 9]
    for number, (ids, scores, strategy) in enumerate(answers):
        right = plain.search(queries(number), number + 1)
        np.testing.assert_array_equal(ids, right[0])
        np.testing.assert_allclose(scores, right[1], atol=1e-6)
        assert strategy == "exact"


def test_queries_scanned_together_are_scanned_right(plain: Gallery) -> None:
    """From few queries to many, one product of matrices finds what a product for each finds."""
    many = unit_vectors(np.random.default_rng(5).normal(size=(40, 16)))
    ids, scores, _ = plain.search(many, 7)
    for number, query in enumerate(many):
        right = plain.search(UnitVectors(query[None]), 7)
        np.testing.assert_array_equal(ids[number], right[0][0])
        np.testing.assert_allclose(scores[number], right[1][0], atol=1e-6)


def test_one_wrong_search_fails_alone(plain: Gallery) -> None:
    """A query of another length does not spoil the pass for the others."""
    shared = Counted(company=3)
    wrong = unit_vectors(np.ones((1, 7)))

    def ask(number: int) -> str:
        try:
            shared.search(plain, wrong if number == 2 else queries(number), 5)
        except Exception as error:
            return type(error).__name__
        return "answered"

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(ask, range(4)))
    assert outcomes.count("answered") == 3
    assert outcomes[2] != "answered"


def test_a_filter_goes_alone(plain: Gallery) -> None:
    """A filtered search finds only what is allowed."""
    allowed = np.array([3, 5, 7], dtype=np.int64)
    ids, _, _ = SharedScans().search(plain, queries(1), 10, allowed)
    assert set(ids[0].tolist()) == {3, 5, 7, -1}


def test_a_gallery_is_let_go_with_its_scan(plain: Gallery) -> None:
    """A newer state of the collection is another gallery: nothing keeps the older one's files open."""
    scans, gallery = SharedScans(), plain.refresh(GallerySnapshot([1], dim=16))
    scans.search(gallery, queries(1), 3)
    held = weakref.ref(gallery)
    del gallery
    gc.collect()
    assert held() is None
