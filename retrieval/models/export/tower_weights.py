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
        return _split(self.given, 3)


@dataclass(frozen=True, slots=True)
class LatentPool:
    """SigLIP's pooling: one learned vector asks all patches, and what it gets goes through one more product."""

    latent: Array  # (width,)
    asking: Linear
    given: Linear  # keys and values: (2 · width, width)
    out: Linear
    norm: Norm
    up: Linear
    down: Linear
    heads: int
    gelu: Gelu

    def parts(self) -> list[Linear]:
        """What makes keys and values, each for itself."""
        return _split(self.given, 2)


@dataclass(frozen=True, slots=True)
class VisionWeights:
    """A vision transformer."""

    kernel: Array  # of the first convolution: (width, 3, high, wide)
    token: Array | None  # of the class: (width,); None: there is none
    # (rows · columns + 1, width), of the class token first; without one (rows · columns, width)
    positions: Array
    grid: tuple[int, int]  # rows and columns of patches
    ln_pre: Norm | None
    blocks: Sequence[Block]
    ln_post: Norm
    projection: Array | None  # (width, dim)
    pool: Literal["tok", "avg", "none"] | LatentPool = "tok"
    norm_after_pool: bool = False
    shift: Array | None = None  # the first convolution's bias: (width,)
    projection_bias: Array | None = None  # (dim,)
    angles: Array | None = None  # of rotary positions: (positions, width / heads / 2), in radians


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution over `kernel` (outputs, inputs, k, k), its batch norm folded in; padded as TensorFlow's "same".

    Where it is `depthwise`, each channel is filtered by itself: `inputs` is 1.
    """

    kernel: Array
    bias: Array  # (outputs,)
    stride: int = 1
    depthwise: bool = False
    bounded: bool = True  # followed by ReLU6


@dataclass(frozen=True, slots=True)
class EfficientNetWeights:
    """EfficientNet-Lite (Tan and Le, 2019, without squeeze-and-excitation) below a perceptron of one hidden layer."""

    stem: Convolution
    blocks: Sequence[Sequence[Convolution]]  # added to what they are given, where both are of one shape
    last: Convolution
    up: Linear
    down: Linear


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


@dataclass(frozen=True, slots=True)
class MaskedTextWeights:
    """A text transformer as BERT is: each norm comes behind its sum, and padding is not looked at."""

    table: Array  # (words, width)
    positions: Array  # (places, width)
    ln_embedded: Norm
    blocks: Sequence[Block]  # `ln_1` behind attention, `ln_2` behind the products
    pad_id: int
    counted: bool  # places are those of words alone, from behind `pad_id` on (RoBERTa), else those of the row
    pool: Literal["first", "mean"]
    head: Sequence[Linear]  # with a GELU between two
    ln_final: Norm | None = None  # before the head

    @property
    def longest(self) -> int:
        """How many tokens there are places for."""
        return len(self.positions) - (self.pad_id + 1 if self.counted else 0)


def joined(parts: Sequence[Linear]) -> Linear:
    """What makes queries, keys and values, as one product."""
    biases = [part.bias for part in parts if part.bias is not None]
    return Linear(np.concatenate([part.weight for part in parts]), np.concatenate(biases))


def _split(layer: Linear, parts: int) -> list[Linear]:
    biases = [None] * parts if layer.bias is None else np.split(layer.bias, parts)
    return list(map(Linear, np.split(layer.weight, parts), biases))
