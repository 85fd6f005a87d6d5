"""open_clip's vision transformer written as an ONNX graph, from 8-bit pixels to features.

The picture's normalisation and its first convolution are one product: a patch's 3 p² pixels times a matrix that has
(pixel / 255 - mean) / std in it. Other vision towers (timm's, as SigLIP's, and ResNets) are not written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from open_clip.transformer import VisionTransformer
from torch import nn

from vasari.retrieval.models.export.layers import LayerWriter, has_plain_blocks
from vasari.retrieval.models.preprocessing import ImagePreprocessing


def can_write(visual: Any) -> bool:
    """Whether the tower is made of the layers that `write_graph` knows."""
    return (
        type(visual) is VisionTransformer
        and visual.attn_pool is None
        and visual.pool_type in {"tok", "avg"}
        and has_plain_blocks(visual.transformer)
    )


def write_graph(visual: Any, preprocessing: ImagePreprocessing) -> onnx.ModelProto:
    """The tower as a model from `pixels` (n, H, W, 3) uint8 to `features` (n, dim) float32, not normalised."""
    writer = LayerWriter()
    x = _embedded(writer, visual, preprocessing)
    if not isinstance(visual.ln_pre, nn.Identity):
        x = writer.layer_norm(x, visual.ln_pre)
    x = writer.blocks(x, visual.transformer, causal=False, first_only=visual.pool_type == "tok")
    features = _pooled(writer, visual, x)
    if visual.proj is not None:
        features = writer.product(features, visual.proj, None)
    height, width = preprocessing.height, preprocessing.width
    return writer.model(
        "image",
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", height, width, 3]),
        features,
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "dim"]),
    )


def _embedded(writer: LayerWriter, visual: Any, preprocessing: ImagePreprocessing) -> str:
    """Patches as vectors behind the class token, with their positions: (n, patches + 1, width)."""
    rows, columns = visual.grid_size
    high, wide = visual.patch_size
    split = writer.integers([-1, rows, high, columns, wide, 3])
    grid = writer.node("Reshape", "pixels", split)
    grid = writer.node("Transpose", grid, perm=[0, 1, 3, 2, 4, 5])  # (n, rows, columns, high, wide, 3)
    patches = writer.node("Reshape", grid, writer.integers([-1, rows * columns, high * wide * 3]))
    weight, shift = first_product(visual, preprocessing)
    x = writer.product(writer.node("Cast", patches, to=TensorProto.FLOAT), weight, None)
    positions = visual.positional_embedding.detach().float().cpu().numpy()  # (patches + 1, width)
    x = writer.add(x, writer.weight(positions[1:] + shift))
    token = visual.class_embedding.detach().float().cpu().numpy() + positions[0]
    count = writer.node("Shape", "pixels", end=1)
    shape = writer.node("Concat", count, writer.integers([1, len(token)]), axis=0)
    tokens = writer.node("Expand", writer.weight(token.reshape(1, 1, -1)), shape)
    return writer.node("Concat", tokens, x, axis=1)


def first_product(
    visual: Any, preprocessing: ImagePreprocessing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The convolution over raw pixels (high · wide · 3, width), and what the mean makes of it (width,)."""
    kernel = visual.conv1.weight.detach().float().cpu().numpy()  # (width, 3, high, wide)
    mean = np.asarray(preprocessing.mean, np.float32).reshape(1, 3, 1, 1)
    deviation = np.asarray(preprocessing.std, np.float32).reshape(1, 3, 1, 1)
    shift = -(kernel * mean / deviation).sum(axis=(1, 2, 3))
    weight = (kernel / (255 * deviation)).transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])
    return weight, shift


def _pooled(writer: LayerWriter, visual: Any, x: str) -> str:
    """One vector a picture (n, width), after the last norm."""
    if visual.pool_type == "tok":  # the norm works on each position for itself: only the pooled one is needed
        return writer.layer_norm(writer.node("Squeeze", x, writer.integers([1])), visual.ln_post)
    if not visual.final_ln_after_pool:
        x = writer.layer_norm(x, visual.ln_post)
    ends = (writer.integers([1]), writer.integers([2**31 - 1]), writer.integers([1]))
    mean = writer.node("ReduceMean", writer.node("Slice", x, *ends), writer.integers([1]), keepdims=0)
    return writer.layer_norm(mean, visual.ln_post) if visual.final_ln_after_pool else mean
