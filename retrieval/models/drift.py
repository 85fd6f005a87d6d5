"""How near the vectors of another form of a tower are to its own, told by what they do not have in common.

A tower puts all texts, or all pictures, into a narrow cone, in which every cosine is high: an int8 text tower whose
cosines are 0.9994 may have 0.96 once the vector that all share is taken off, and that rest is what a search goes by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors

_NOTHING = 1e-6  # the length of what is left of a vector that is the shared one


def centred_cosines(found: UnitVectors, expected: UnitVectors) -> NDArray[np.float32]:
    """Cosines (n,) of rows of `found` and `expected`, both less the mean of `expected`.

    Where nothing is left of an expected row, 1 if the found row is the same, else 0.
    """
    shared = expected.mean(axis=0)
    left, right = found - shared, expected - shared
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosines = (left * right).sum(axis=1) / np.maximum(lengths, _NOTHING**2)
    alike = np.linalg.norm(left - right, axis=1) < _NOTHING
    plain: NDArray[np.float32] = np.where(alike, 1.0, cosines).astype(np.float32)
    return plain
