"""open_clip's own text transformer written as an ONNX graph, node by node.

Towers that are not built of the plain layers (Hugging Face models, the experimental blocks) go through torch's exporter
in `export.text`: a space is made while somebody waits, and that exporter needs 10 to 60 seconds.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from torch import nn

from vasari.retrieval.models.clip.builder import TextTower
from vasari.retrieval.models.export.layers import LayerWriter, has_plain_blocks


def can_write(tower: TextTower) -> bool:
    """Whether the tower is made of the layers that `write_graph` knows."""
    return (
        tower.native
        and tower.pool in {"argmax", "eos", "first", "last"}
        and has_plain_blocks(tower.parts.transformer)
    )


def write_graph(tower: TextTower) -> onnx.ModelProto:
    """The tower as a model from `tokens` (n, length) int64 to `features` (n, dim) float32, not normalised."""
    parts, writer = tower.parts, LayerWriter()
    x = writer.blocks(_embedding(tower, writer), parts.transformer, causal=parts.attn_mask is not None)
    features = _projection(tower, writer, writer.layer_norm(_pooled(tower, writer, x), parts.ln_final))
    return writer.model(
        "text",
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", "length"]),
        features,
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "dim"]),
    )


def _embedding(tower: TextTower, writer: LayerWriter) -> str:
    table = writer.weight(tower.parts.token_embedding.weight)
    positions = writer.weight(tower.parts.positional_embedding)
    embedded = writer.node("Gather", table, "tokens")  # (n, length, width)
    length = writer.node("Shape", "tokens", start=1)
    axis = writer.integers([0])
    return writer.add(embedded, writer.node("Slice", positions, writer.integers([0]), length, axis))


def _pooled(tower: TextTower, writer: LayerWriter, x: str) -> str:
    """The one position that is projected, (n, width); the last norm works on each position for itself."""
    if tower.pool in {"first", "last"}:
        index = writer.weight(np.array(0 if tower.pool == "first" else -1))
        return writer.node("Gather", x, index, axis=1)
    ends = "tokens"
    if tower.pool == "eos":
        equal = writer.node("Equal", "tokens", writer.weight(np.array(tower.eos, dtype=np.int64)))
        ends = writer.node("Cast", equal, to=TensorProto.INT64)
    position = writer.node("ArgMax", ends, axis=1, keepdims=1)  # (n, 1), the first of equals
    return writer.node("GatherND", x, position, batch_dims=1)


def _projection(tower: TextTower, writer: LayerWriter, x: str) -> str:
    projection = tower.parts.text_projection
    if projection is None:
        return x
    if isinstance(projection, nn.Linear):
        return writer.linear(x, projection)
    return writer.product(x, projection, None)
