"""Relevance: hits are judged by how background queries fare on the same collection."""

from __future__ import annotations

import numpy as np
import pytest

from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.search.relevance import BACKGROUND, Calibration


def background(count: int = 40, dim: int = 64) -> UnitVectors:
    return unit_vectors(np.random.default_rng(0).normal(size=(count, dim)))


def far(dim: int = 64) -> UnitVectors:
    """A query with nothing in common with the background but chance."""
    return unit_vectors(np.random.default_rng(1).normal(size=(1, dim)))


def test_the_threshold_rises_with_what_is_asked() -> None:
    """Relevance 0 asks next to nothing, relevance 1 more than the best background query reached."""
    calibration = Calibration.of(background(), np.linspace(0.1, 0.3, 40, dtype=np.float32))
    thresholds = [calibration.threshold(far(), least) for least in (0.0, 0.5, 0.95, 1.0)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


@pytest.mark.parametrize("least", [0.1, 0.5, 0.9])
def test_threshold_and_relevance_agree(least: float) -> None:
    """A hit exactly at the threshold is about as relevant as was asked for."""
    calibration = Calibration.of(background(), np.linspace(0.1, 0.3, 40, dtype=np.float32))
    assert calibration.relevance(far(), calibration.threshold(far(), least)) == pytest.approx(least, abs=0.05)


def test_a_query_in_the_crowd_must_do_better() -> None:
    """What lies among many background queries is held to a higher cosine than what lies apart."""
    crowd = unit_vectors(np.eye(64)[0] + 0.3 * np.random.default_rng(2).normal(size=(20, 64)) / 8)
    vectors = UnitVectors(np.concatenate([background(20), crowd]))
    calibration = Calibration.of(vectors, np.full(40, 0.2, np.float32))
    inside = UnitVectors(np.eye(64, dtype=np.float32)[:1])
    assert calibration.threshold(inside, 0.9) > calibration.threshold(far(), 0.9) + 0.2


def test_a_twin_among_the_background_does_no_harm() -> None:
    """A query that happens to be one of the background is judged by its other neighbours."""
    vectors = background()
    calibration = Calibration.of(vectors, np.full(40, 0.2, np.float32))
    twin, other = UnitVectors(vectors[:1]), far()
    assert calibration.threshold(twin, 0.9) == pytest.approx(calibration.threshold(other, 0.9), abs=0.1)


def test_an_empty_collection_can_be_calibrated() -> None:
    """Where nothing was found the thresholds are finite all the same."""
    calibration = Calibration.of(background(), np.full(40, -np.inf, np.float32))
    assert np.isfinite(calibration.threshold(far(), 0.95))


def test_background_queries_are_different_from_each_other() -> None:
    """A repeated query would count twice, and be its own nearest neighbour."""
    assert len(set(BACKGROUND)) == len(BACKGROUND) >= 50
