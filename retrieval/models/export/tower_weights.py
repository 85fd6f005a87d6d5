"""What open_clip's own towers are made of, in numpy: what the graph writers write, wherever the weights come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # of floating point, of any width
Gelu = Literal["none", "tanh", "quick"]  # exact, torch's approximation, CLIP's own: x · sigmoid(1.702 x)


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation over `weight` (width,)."""

    weight: Array
    bias: Array
    eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class Linear:
    """x W^T + b for `weight` (outputs, inputs)."""

    weight: Array
    bias: Array | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One layer: attention and two products, each behind its norm and beside the residual."""

    ln_1: Norm
    given: Linear  # queries, keys and values: (3 · width, width)
    out: Linear
    ln_2: Norm
    up: Linear
    down: Linear
    heads: int
    gelu: Gelu

    def parts(self) -> list[Linear]:
        """What makes queries, keys and values, each for itself."""
        biases = [None] * 3 if self.given.bias is None else np.split(self.given.bias, 3)
        return list(map(Linear, np.split(self.given.weight, 3), biases))


@dataclass(frozen=True, slots=True)
class VisionWeights:
    """A vision transformer."""

    kernel: Array  # of the first convolution: (width, 3, high, wide)
    token: Array  # of the class: (width,)
    positions: Array  # (rows · columns + 1, width)
    grid: tuple[int, int]  # rows and columns of patches
    ln_pre: Norm | None
    blocks: Sequence[Block]
    ln_post: Norm
    projection: Array | None  # (width, dim)
    pool: Literal["tok", "avg"] = "tok"
    norm_after_pool: bool = False


@dataclass(frozen=True, slots=True)
class TextWeights:
    """A text transformer."""

    table: Array  # (words, width)
    positions: Array  # (context, width)
    blocks: Sequence[Block]
    causal: bool
    ln_final: Norm
    projection: Linear | None
    pool: Literal["argmax", "eos", "first", "last"] = "argmax"
    eos: int = 0
