"""open_clip's own text transformer written as an ONNX graph, node by node.

Towers that are not built of the plain layers (Hugging Face models, the experimental blocks) go through torch's exporter
in `export.text`: a space is made while somebody waits, and that exporter needs 10 to 60 seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from onnx import TensorProto, helper

from vasari.retrieval.models.export.layers import LayerWriter
from vasari.retrieval.models.export.tower_weights import TextWeights
from vasari.retrieval.models.exported.text import GRAPH_FILE, WEIGHTS_FILE


def write_graph(tower: TextWeights, directory: Path, written: Callable[[], None] = lambda: None) -> None:
    """Write the tower, from `tokens` (n, length) int64 to `features` (n, dim) float32, not normalised.

    `written`: see `LayerWriter`.
    """
    with LayerWriter(directory / GRAPH_FILE, WEIGHTS_FILE, written) as writer:
        x = writer.blocks(_embedding(tower, writer), tower.blocks, causal=tower.causal)
        features = writer.layer_norm(_pooled(tower, writer, x), tower.ln_final)
        if tower.projection is not None:
            features = writer.linear(features, tower.projection)
        writer.save(
            "text",
            helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", "length"]),
            features,
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "dim"]),
        )


def _embedding(tower: TextWeights, writer: LayerWriter) -> str:
    embedded = writer.node("Gather", writer.weight(tower.table), "tokens")  # (n, length, width)
    length = writer.node("Shape", "tokens", start=1)
    positions = writer.node(
        "Slice", writer.weight(tower.positions), writer.integers([0]), length, writer.integers([0])
    )
    return writer.add(embedded, positions)


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
