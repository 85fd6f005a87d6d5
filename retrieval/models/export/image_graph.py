"""Vision towers written as ONNX graphs from 8-bit pixels to features: open_clip's transformer, SigLIP's, PE-Core's,
and EfficientNet-Lite.

A transformer's normalisation of pictures and its first convolution are one product: a patch's 3 p² pixels times a
matrix that has (pixel / 255 - mean) / std in it. Other vision towers (the rest of timm's, and ResNets) are not written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from vasari.retrieval.models.export.layers import LayerWriter
from vasari.retrieval.models.export.tower_weights import (
    Convolution,
    EfficientNetWeights,
    LatentPool,
    VisionWeights,
)
from vasari.retrieval.models.exported.single_image import GRAPH_FILE, WEIGHTS_FILE
from vasari.retrieval.models.preprocessing import ImagePreprocessing

_MIDDLE = 3.0  # of what ReLU6 lets through


def write_graph(
    tower: VisionWeights | EfficientNetWeights,
    preprocessing: ImagePreprocessing,
    directory: Path,
    written: Callable[[], None] = lambda: None,
) -> None:
    """Write the tower, from `pixels` (n, H, W, 3) uint8 to `features` (n, dim) float32, not normalised.

    A tower that does not pool gives all patches behind its class token, (n, patches + 1, dim). `written`: see
    `LayerWriter`.
    """
    with LayerWriter(directory / GRAPH_FILE, WEIGHTS_FILE, written) as writer:
        shape = ["n", "dim"]
        match tower:
            case EfficientNetWeights():
                features = _convolved(writer, tower, preprocessing)
            case VisionWeights():
                features = _transformed(writer, tower, preprocessing)
                shape = ["n", "patches", "dim"] if tower.pool == "none" else shape
        height, width = preprocessing.height, preprocessing.width
        writer.save(
            "image",
            helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", height, width, 3]),
            features,
            helper.make_tensor_value_info("features", TensorProto.FLOAT, shape),
        )


def _transformed(writer: LayerWriter, tower: VisionWeights, preprocessing: ImagePreprocessing) -> str:
    x = _embedded(writer, tower, preprocessing)
    if tower.ln_pre is not None:
        x = writer.layer_norm(x, tower.ln_pre)
    if tower.angles is not None:
        x = writer.rotary_blocks(x, tower.blocks, tower.angles)
    else:
        x = writer.blocks(x, tower.blocks, causal=False, first_only=tower.pool == "tok")
    features = _pooled(writer, tower, x)
    if tower.projection is None:
        return features
    return writer.product(features, tower.projection, tower.projection_bias)


def _convolved(writer: LayerWriter, tower: EfficientNetWeights, preprocessing: ImagePreprocessing) -> str:
    """Pictures are normalised before the first convolution, whose padding is of 0 in their new values."""
    mean, deviation = (np.asarray(each, np.float32) for each in (preprocessing.mean, preprocessing.std))
    pixels = writer.node("Cast", "pixels", to=TensorProto.FLOAT)
    scaled = writer.node("Mul", pixels, writer.weight(1 / (255 * deviation)))
    normal = writer.add(scaled, writer.weight(-mean / deviation))
    first, *others = tower.blocks
    x = _begun(writer, writer.node("Transpose", normal, perm=[0, 3, 1, 2]), tower.stem, first[0])
    for layer in first[1:]:
        x = _convolution(writer, x, layer)
    for block in others:
        given = x
        for layer in block:
            x = _convolution(writer, x, layer)
        if _keeps_shape(block):
            x = writer.add(x, given)
    x = writer.node("GlobalAveragePool", _convolution(writer, x, tower.last))
    x = writer.node("Flatten", x)
    return writer.linear(writer.gelu(writer.linear(x, tower.up), "none"), tower.down)


def _keeps_shape(block: Sequence[Convolution]) -> bool:
    first, last = block[0].kernel, block[-1].kernel
    inputs = len(first) if block[0].depthwise else first.shape[1]
    return inputs == len(last) and all(layer.stride == 1 for layer in block)


def _begun(writer: LayerWriter, x: str, stem: Convolution, filters: Convolution) -> str:
    """The first convolution and the depthwise one behind it, with what lies between them about zero.

    The one gives values about the middle of ReLU6, of which the other sees the differences of neighbours. bfloat16 has
    few bits for these beside a 3: nearly all that it loses of a photo is lost there.
    """
    centred = replace(stem, bias=stem.bias - _MIDDLE, bounded=False)
    x = writer.clip(_convolution(writer, x, centred), -_MIDDLE, _MIDDLE)
    edge = filters.kernel.shape[-1] // 2
    x = writer.node(
        "Pad",
        x,
        writer.integers([0, 0, edge, edge] * 2),
        writer.weight(np.full((), -_MIDDLE)),
        mode="constant",
    )
    regained = _MIDDLE * filters.kernel.sum(axis=(1, 2, 3))
    return _convolution(writer, x, replace(filters, bias=filters.bias + regained), padded=True)


def _convolution(writer: LayerWriter, x: str, layer: Convolution, *, padded: bool = False) -> str:
    x = writer.node(
        "Conv",
        x,
        writer.weight(layer.kernel),
        writer.weight(layer.bias),
        auto_pad="VALID" if padded else "SAME_UPPER",
        strides=[layer.stride] * 2,
        group=len(layer.kernel) if layer.depthwise else 1,
    )
    return writer.clip(x, 0, 2 * _MIDDLE) if layer.bounded else x


def _embedded(writer: LayerWriter, tower: VisionWeights, preprocessing: ImagePreprocessing) -> str:
    """Patches as vectors, with their positions, behind the class token if there is one: (n, patches + 1, width)."""
    rows, columns = tower.grid
    high, wide = tower.kernel.shape[2:]
    split = writer.integers([-1, rows, high, columns, wide, 3])
    grid = writer.node("Reshape", "pixels", split)
    grid = writer.node("Transpose", grid, perm=[0, 1, 3, 2, 4, 5])  # (n, rows, columns, high, wide, 3)
    patches = writer.node("Reshape", grid, writer.integers([-1, rows * columns, high * wide * 3]))
    weight, shift = first_product(tower, preprocessing)
    x = writer.product(writer.node("Cast", patches, to=TensorProto.FLOAT), weight)
    positions = np.asarray(tower.positions, np.float32)  # (patches + 1, width), or (patches, width)
    if tower.token is None:
        return writer.add(x, writer.weight(positions + shift))
    x = writer.add(x, writer.weight(positions[1:] + shift))
    tokens = _for_each(writer, np.asarray(tower.token, np.float32) + positions[0])
    return writer.node("Concat", tokens, x, axis=1)


def _for_each(writer: LayerWriter, vector: NDArray[np.float32]) -> str:
    """A constant (width,) for each picture: (n, 1, width)."""
    count = writer.node("Shape", "pixels", end=1)
    shape = writer.node("Concat", count, writer.integers([1, len(vector)]), axis=0)
    return writer.node("Expand", writer.weight(vector.reshape(1, 1, -1)), shape)


def first_product(
    tower: VisionWeights, preprocessing: ImagePreprocessing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The convolution over raw pixels (high · wide · 3, width), and what it adds, with the mean's share (width,)."""
    kernel = np.asarray(tower.kernel, np.float32)  # (width, 3, high, wide)
    mean = np.asarray(preprocessing.mean, np.float32).reshape(1, 3, 1, 1)
    deviation = np.asarray(preprocessing.std, np.float32).reshape(1, 3, 1, 1)
    shift = -(kernel * mean / deviation).sum(axis=(1, 2, 3))
    if tower.shift is not None:
        shift += np.asarray(tower.shift, np.float32)
    weight = (kernel / (255 * deviation)).transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])
    return weight, shift


def _pooled(writer: LayerWriter, tower: VisionWeights, x: str) -> str:
    """One vector a picture (n, width), or where the tower does not pool all of them, after the last norm."""
    if isinstance(tower.pool, LatentPool):
        return _asked(writer, tower.pool, writer.layer_norm(x, tower.ln_post))
    if tower.pool == "none":
        return writer.layer_norm(x, tower.ln_post)
    if tower.pool == "tok":  # the norm works on each position for itself: only the pooled one is needed
        return writer.layer_norm(writer.node("Squeeze", x, writer.integers([1])), tower.ln_post)
    if not tower.norm_after_pool:
        x = writer.layer_norm(x, tower.ln_post)
    ends = (writer.integers([1]), writer.integers([2**31 - 1]), writer.integers([1]))
    mean = writer.node("ReduceMean", writer.node("Slice", x, *ends), writer.integers([1]), keepdims=0)
    return writer.layer_norm(mean, tower.ln_post) if tower.norm_after_pool else mean


def _asked(writer: LayerWriter, pool: LatentPool, x: str) -> str:
    """What the learned vector gets from the patches: (n, width). Its product is the same for all pictures."""
    latent = np.asarray(pool.latent, np.float32) @ np.asarray(pool.asking.weight, np.float32).T
    if pool.asking.bias is not None:
        latent = latent + np.asarray(pool.asking.bias, np.float32)
    pooled = writer.latent_pool(x, pool, _for_each(writer, latent))
    return writer.node("Squeeze", pooled, writer.integers([1]))
