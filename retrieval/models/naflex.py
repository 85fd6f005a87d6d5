"""NaFlex preprocessing (SigLIP 2, Tschannen et al., 2025, section 2.4): a picture as a sequence of patches.

A picture keeps its shape: it is scaled until its patches are as many as the model takes, at most. The rows that are
left over are padding. Light: numpy only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PATCH = 16  # of the released models
MOST_PATCHES = 256  # likewise
BYTE = 256
_PRECISION = 1e-5  # of the scale, as transformers searches it
_LARGEST_SCALE = 100.0


class Grid(NamedTuple):
    """Patches down and across."""

    rows: int
    columns: int


def grid_of(width: int, height: int, patch: int, most: int) -> Grid:
    """The largest grid of whole patches, `most` at most, that a picture of this shape is scaled to."""
    low, high = _PRECISION / 10, _LARGEST_SCALE
    while high - low >= _PRECISION:
        middle = (low + high) / 2
        grid = _grid(width, height, patch, middle)
        low, high = (middle, high) if grid.rows * grid.columns <= most else (low, middle)
    return _grid(width, height, patch, low)


def _grid(width: int, height: int, patch: int, scale: float) -> Grid:
    return Grid(max(1, math.ceil(height * scale / patch)), max(1, math.ceil(width * scale / patch)))


def packed(pixels: NDArray[np.uint8], patch: int, most: int) -> NDArray[np.uint8]:
    """Patches of pixels (H, W, 3) in reading order, padded, then a row that says the grid: (most + 1, patch², 3)."""
    grid = Grid(pixels.shape[0] // patch, pixels.shape[1] // patch)
    parts = pixels.reshape(grid.rows, patch, grid.columns, patch, 3).transpose(0, 2, 1, 3, 4)
    rows = np.zeros((most + 1, patch * patch, 3), dtype=np.uint8)
    rows[: grid.rows * grid.columns] = parts.reshape(-1, patch * patch, 3)
    rows[-1, 0, :2] = divmod(grid.rows, BYTE)
    rows[-1, 1, :2] = divmod(grid.columns, BYTE)
    return rows
