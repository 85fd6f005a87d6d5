"""open_clip's vision transformer written as an ONNX graph, from 8-bit pixels to features.

The picture's normalisation and its first convolution are one product: a patch's 3 p² pixels times a matrix that has
(pixel / 255 - mean) / std in it. Other vision towers (timm's, as SigLIP's, and ResNets) are not written.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from vasari.retrieval.models.export.layers import LayerWriter
from vasari.retrieval.models.export.tower_weights import VisionWeights
from vasari.retrieval.models.exported.single_image import GRAPH_FILE, WEIGHTS_FILE
from vasari.retrieval.models.preprocessing import ImagePreprocessing


def write_graph(tower: VisionWeights, preprocessing: ImagePreprocessing, directory: Path) -> None:
    """Write the tower, from `pixels` (n, H, W, 3) uint8 to `features` (n, dim) float32, not normalised."""
    with LayerWriter(directory / GRAPH_FILE, WEIGHTS_FILE) as writer:
        x = _embedded(writer, tower, preprocessing)
        if tower.ln_pre is not None:
            x = writer.layer_norm(x, tower.ln_pre)
        x = writer.blocks(x, tower.blocks, causal=False, first_only=tower.pool == "tok")
        features = _pooled(writer, tower, x)
        if tower.projection is not None:
            features = writer.product(features, tower.projection)
        height, width = preprocessing.height, preprocessing.width
        writer.save(
            "image",
            helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", height, width, 3]),
            features,
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "dim"]),
        )


def _embedded(writer: LayerWriter, tower: VisionWeights, preprocessing: ImagePreprocessing) -> str:
    """Patches as vectors behind the class token, with their positions: (n, patches + 1, width)."""
    rows, columns = tower.grid
    high, wide = tower.kernel.shape[2:]
    split = writer.integers([-1, rows, high, columns, wide, 3])
    grid = writer.node("Reshape", "pixels", split)
    grid = writer.node("Transpose", grid, perm=[0, 1, 3, 2, 4, 5])  # (n, rows, columns, high, wide, 3)
    patches = writer.node("Reshape", grid, writer.integers([-1, rows * columns, high * wide * 3]))
    weight, shift = first_product(tower, preprocessing)
    x = writer.product(writer.node("Cast", patches, to=TensorProto.FLOAT), weight)
    positions = np.asarray(tower.positions, np.float32)  # (patches + 1, width)
    x = writer.add(x, writer.weight(positions[1:] + shift))
    token = np.asarray(tower.token, np.float32) + positions[0]
    count = writer.node("Shape", "pixels", end=1)
    shape = writer.node("Concat", count, writer.integers([1, len(token)]), axis=0)
    tokens = writer.node("Expand", writer.weight(token.reshape(1, 1, -1)), shape)
    return writer.node("Concat", tokens, x, axis=1)


def first_product(
    tower: VisionWeights, preprocessing: ImagePreprocessing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The convolution over raw pixels (high · wide · 3, width), and what the mean makes of it (width,)."""
    kernel = np.asarray(tower.kernel, np.float32)  # (width, 3, high, wide)
    mean = np.asarray(preprocessing.mean, np.float32).reshape(1, 3, 1, 1)
    deviation = np.asarray(preprocessing.std, np.float32).reshape(1, 3, 1, 1)
    shift = -(kernel * mean / deviation).sum(axis=(1, 2, 3))
    weight = (kernel / (255 * deviation)).transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])
    return weight, shift


def _pooled(writer: LayerWriter, tower: VisionWeights, x: str) -> str:
    """One vector a picture (n, width), after the last norm."""
    if tower.pool == "tok":  # the norm works on each position for itself: only the pooled one is needed
        return writer.layer_norm(writer.node("Squeeze", x, writer.integers([1])), tower.ln_post)
    if not tower.norm_after_pool:
        x = writer.layer_norm(x, tower.ln_post)
    ends = (writer.integers([1]), writer.integers([2**31 - 1]), writer.integers([1]))
    mean = writer.node("ReduceMean", writer.node("Slice", x, *ends), writer.integers([1]), keepdims=0)
    return writer.layer_norm(mean, tower.ln_post) if tower.norm_after_pool else mean
