"""Maps of collections."""

from __future__ import annotations

import numpy as np

from vasari.indexer.embedding_map import project
from vasari.retrieval.domain import unit_vectors


def test_groups_stay_together() -> None:
    """Three tight groups of vectors are three groups on the map, and the map is the same each time."""
    drawn = np.random.default_rng(1)
    centres = drawn.normal(size=(3, 32))
    vectors = unit_vectors(np.repeat(centres, 30, axis=0) + 0.2 * drawn.normal(size=(90, 32)))
    points = project(vectors)
    assert points.shape == (90, 2)
    assert np.abs(points).max() == 1
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(1)
    assert (nearest // 30 == np.arange(90) // 30).all()
    np.testing.assert_array_equal(points, project(vectors))


def test_few_and_equal_vectors_have_a_place() -> None:
    """One vector, two, and many equal ones are no special case for the caller."""
    for count in (1, 2, 3, 20):
        points = project(unit_vectors(np.ones((count, 8))))
        assert points.shape == (count, 2)
        assert np.isfinite(points).all()


def test_a_map_can_be_stopped() -> None:
    """The work ends when whoever hears of it says so."""
    vectors = unit_vectors(np.random.default_rng(2).normal(size=(50, 8)))
    heard: list[int] = []

    def hear(done: int, total: int) -> bool:
        heard.append(done)
        return done < 3

    project(vectors, heard=hear)
    assert heard == [1, 2, 3]
