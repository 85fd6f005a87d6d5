"""Two-dimensional map of a collection (UMAP): its vectors in the plane, neighbours beside neighbours.

Principal components give the first layout; then each point is drawn to its nearest neighbours and pushed from random
others, as UMAP does it (McInnes et al., 2018, sections 3.2 and 4; curve fitted for min_dist = 0.1). For at most some
thousand points: neighbours are found exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors

Points = NDArray[np.float32]  # (n, 2), each coordinate in [-1, 1]
_A, _B = 1.577, 0.895  # 1 / (1 + a d^2b) for min_dist 0.1
_NEIGHBOURS = 12
_STRANGERS = 5
_CHUNK = 1024


def project(
    vectors: UnitVectors,
    *,
    epochs: int = 120,
    seed: int = 0,
    heard: Callable[[int, int], bool] = lambda _done, _total: True,
) -> Points:
    """Coordinates (n, 2) of vectors (n, dim); the same vectors give the same map.

    `heard` is told how many of all epochs are done, and stops the work by answering False.
    """
    count = len(vectors)
    points = _principal(vectors)
    if count > 3:
        drawn = np.random.default_rng(seed)
        sources, targets = _edges(vectors, min(_NEIGHBOURS, count - 1))
        for epoch in range(epochs):
            rate = np.float32(1 - epoch / epochs)
            _attract(points, sources, targets, rate)
            _repel(points, drawn.integers(0, count, (_STRANGERS, count)), rate)
            if not heard(epoch + 1, epochs):
                break
    points -= points.mean(0)
    widest = np.abs(points).max(initial=0.0)
    result: Points = (points / widest if widest > 0 else points).astype(np.float32)
    return result


def _principal(vectors: UnitVectors) -> Points:
    """Initial layout by the two principal components (PCA), to a spread of about ten units."""
    centred = vectors - vectors.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    flat = np.zeros((len(vectors), 2), dtype=np.float32)
    found = centred @ directions[:, ::-1][:, :2]
    flat[:, : found.shape[1]] = found
    spread = flat.std(0)
    layout: Points = (2.5 * flat / np.where(spread > 1e-6, spread, 1)).astype(np.float32)
    return layout


def _edges(vectors: UnitVectors, neighbours: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nearest-neighbour graph: sources and targets (n * neighbours,)."""
    found = []
    for start in range(0, len(vectors), _CHUNK):
        cosines = vectors[start : start + _CHUNK] @ vectors.T  # (chunk, n)
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -2
        found.append(np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours])
    targets = np.concatenate(found)
    return np.repeat(np.arange(len(vectors)), neighbours), targets.ravel().astype(np.int64)


def _attract(
    points: Points, sources: NDArray[np.int64], targets: NDArray[np.int64], rate: np.float32
) -> None:
    difference = points[sources] - points[targets]
    squared = np.maximum((difference**2).sum(1), 1e-6)
    pull = -2 * _A * _B * squared ** (_B - 1) / (1 + _A * squared**_B)
    step = rate * np.clip(pull[:, None] * difference, -4, 4) / _NEIGHBOURS
    np.add.at(points, sources, step)
    np.add.at(points, targets, -step)


def _repel(points: Points, strangers: NDArray[np.int64], rate: np.float32) -> None:
    for others in strangers:
        difference = points - points[others]
        squared = (difference**2).sum(1)
        push = 2 * _B / ((0.001 + squared) * (1 + _A * squared**_B))
        points += rate * np.clip(push[:, None] * difference, -4, 4) / _STRANGERS
