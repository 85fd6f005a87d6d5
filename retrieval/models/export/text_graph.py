"""open_clip's own text transformer, or one as BERT is, written as an ONNX graph, node by node.

Towers that are not built of these layers (the rest of Hugging Face's, the experimental blocks) go through torch's
exporter in `export.text`: a space is made while somebody waits, and that exporter needs 10 to 60 seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from onnx import TensorProto, helper

from vasari.retrieval.models.export.layers import LayerWriter
from vasari.retrieval.models.export.tower_weights import Array, MaskedTextWeights, TextWeights
from vasari.retrieval.models.exported.text import GRAPH_FILE, WEIGHTS_FILE


def write_graph(
    tower: TextWeights | MaskedTextWeights, directory: Path, written: Callable[[], None] = lambda: None
) -> None:
    """Write the tower, from `tokens` (n, length) int64 to `features` (n, dim) float32, not normalised.

    `written`: see `LayerWriter`.
    """
    with LayerWriter(directory / GRAPH_FILE, WEIGHTS_FILE, written) as writer:
        match tower:
            case MaskedTextWeights():
                features = _masked_features(tower, writer)
            case TextWeights():
                features = _features(tower, writer)
        writer.save(
            "text",
            helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", "length"]),
            features,
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "dim"]),
        )


def _features(tower: TextWeights, writer: LayerWriter) -> str:
    x = writer.blocks(_embedding(tower, writer), tower.blocks, causal=tower.causal)
    features = writer.layer_norm(_pooled(tower, writer, x), tower.ln_final)
    return features if tower.projection is None else writer.linear(features, tower.projection)


def _masked_features(tower: MaskedTextWeights, writer: LayerWriter) -> str:
    padding = writer.node("Equal", "tokens", writer.integers(tower.pad_id))
    real = writer.node("Cast", writer.node("Not", padding), to=TensorProto.INT32)  # (n, length)
    if tower.counted:
        words = writer.node("Cast", real, to=TensorProto.INT64)
        counted = writer.node("Mul", writer.node("CumSum", words, writer.integers(1)), words)
        at = writer.add(counted, writer.integers(tower.pad_id))
        places = writer.node("Gather", writer.weight(tower.positions), at)
    else:
        places = _places(writer, tower.positions)
    x = writer.add(writer.node("Gather", writer.weight(tower.table), "tokens"), places)
    x = writer.masked_blocks(writer.layer_norm(x, tower.ln_embedded), tower.blocks, real)
    if tower.pool == "first":
        x = writer.node("Gather", x, writer.integers(0), axis=1)
    else:
        x = _mean(writer, x, writer.node("Cast", real, to=TensorProto.FLOAT))
    if tower.ln_final is not None:
        x = writer.layer_norm(x, tower.ln_final)
    for layer in tower.head[:-1]:
        x = writer.gelu(writer.linear(x, layer), "none")
    return writer.linear(x, tower.head[-1])


def _mean(writer: LayerWriter, x: str, real: str) -> str:
    """Of the positions of `x` (n, length, width) where `real` (n, length) is 1."""
    weights = writer.node("Unsqueeze", real, writer.integers([2]))
    along = writer.integers([1])
    total = writer.node("ReduceSum", writer.node("Mul", x, weights), along, keepdims=0)
    return writer.node("Div", total, writer.node("ReduceSum", weights, along, keepdims=0))


def _embedding(tower: TextWeights, writer: LayerWriter) -> str:
    embedded = writer.node("Gather", writer.weight(tower.table), "tokens")  # (n, length, width)
    return writer.add(embedded, _places(writer, tower.positions))


def _places(writer: LayerWriter, positions: Array) -> str:
    """Those of a row, in order: (length, width)."""
    length = writer.node("Shape", "tokens", start=1)
    return writer.node("Slice", writer.weight(positions), writer.integers([0]), length, writer.integers([0]))


def _pooled(tower: TextWeights, writer: LayerWriter, x: str) -> str:
    """The one position that is projected, (n, width); the last norm works on each position for itself."""
    if tower.pool in {"first", "last"}:
        return writer.node("Gather", x, writer.integers(0 if tower.pool == "first" else -1), axis=1)
    ends = "tokens"
    if tower.pool == "eos":
        ends = writer.node(
            "Cast", writer.node("Equal", "tokens", writer.integers(tower.eos)), to=TensorProto.INT64
        )
    position = writer.node("ArgMax", ends, axis=1, keepdims=1)  # (n, 1), the first of equals
    return writer.node("GatherND", x, position, batch_dims=1)
