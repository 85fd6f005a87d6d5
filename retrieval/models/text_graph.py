"""open_clip's own text transformer written as an ONNX graph, node by node.

torch's exporters need 10 to 60 seconds for a ViT-B-32 text tower, and a space is made while somebody waits; writing
the twelve equal layers directly takes the time of copying the weights. Towers that are not built of the plain
layers (Hugging Face models, the experimental blocks) go through torch's exporter in `text_export`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn

from retrieval.models.architectures import TextTower

_OPSET = 20  # the first with Gelu
_CONTRIB = "com.microsoft"  # ONNX Runtime's fused attention


def can_write(tower: TextTower) -> bool:
    """Whether the tower is made of the layers that `write_graph` knows."""
    return (
        tower.native
        and tower.pool in {"argmax", "eos", "first", "last"}
        and all(type(block) is ResidualAttentionBlock for block in tower.parts.transformer.resblocks)
        and all(type(block.mlp.gelu) in (nn.GELU, QuickGELU) for block in tower.parts.transformer.resblocks)
    )


def write_graph(tower: TextTower) -> onnx.ModelProto:
    """The tower as a model from `tokens` (n, length) int64 to `features` (n, dim) float32, not normalised."""
    return _Writer(tower).model()


class _Writer:
    """Collects nodes and weights; methods return the name of the value that they compute."""

    def __init__(self, tower: TextTower) -> None:
        self._tower, self._parts = tower, tower.parts
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        x = self._embedding()
        for block in self._parts.transformer.resblocks:
            x = self._add(x, self._attention(block, self._layer_norm(x, block.ln_1)))
            x = self._add(x, self._feed_forward(block, self._layer_norm(x, block.ln_2)))
        features = self._projection(self._layer_norm(self._pooled(x), self._parts.ln_final))
        self._nodes.append(helper.make_node("Identity", [features], ["features"]))
        graph = helper.make_graph(
            self._nodes,
            "text",
            [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", "length"])],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "dim"])],
            self._weights,
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def _embedding(self) -> str:
        table = self._weight(self._parts.token_embedding.weight)
        positions = self._weight(self._parts.positional_embedding)
        embedded = self._node("Gather", table, "tokens")  # (n, length, width)
        length = self._node("Shape", "tokens", start=1)
        axis = self._integers([0])
        used = self._node("Slice", positions, self._integers([0]), length, axis)
        return self._add(embedded, used)

    def _attention(self, block: Any, x: str) -> str:
        attention = block.attn
        joined = self._node(
            "Attention",
            x,
            self._weight(attention.in_proj_weight.T),
            self._weight(attention.in_proj_bias),
            domain=_CONTRIB,
            num_heads=attention.num_heads,
            unidirectional=int(self._parts.attn_mask is not None),
        )
        return self._linear(joined, attention.out_proj, block.ls_1)

    def _feed_forward(self, block: Any, x: str) -> str:
        hidden = self._linear(x, block.mlp.c_fc)
        if isinstance(block.mlp.gelu, QuickGELU):
            hidden = self._node("QuickGelu", hidden, domain=_CONTRIB, alpha=1.702)
        else:
            hidden = self._node("Gelu", hidden, approximate=block.mlp.gelu.approximate)
        return self._linear(hidden, block.mlp.c_proj, block.ls_2)

    def _pooled(self, x: str) -> str:
        """The one position that is projected, (n, width); the last norm works on each position for itself."""
        if self._tower.pool in {"first", "last"}:
            index = self._weight(np.array(0 if self._tower.pool == "first" else -1))
            return self._node("Gather", x, index, axis=1)
        ends = "tokens"
        if self._tower.pool == "eos":
            equal = self._node("Equal", "tokens", self._weight(np.array(self._tower.eos, dtype=np.int64)))
            ends = self._node("Cast", equal, to=TensorProto.INT64)
        position = self._node("ArgMax", ends, axis=1, keepdims=1)  # (n, 1), the first of equals
        return self._node("GatherND", x, position, batch_dims=1)

    def _projection(self, x: str) -> str:
        projection = self._parts.text_projection
        if projection is None:
            return x
        if isinstance(projection, nn.Linear):
            return self._linear(x, projection)
        return self._node("MatMul", x, self._weight(projection))

    def _linear(self, x: str, layer: nn.Linear, scale: nn.Module | None = None) -> str:
        """x W^T + b; the layer scale, where there is one, goes into the weights."""
        gamma = getattr(scale, "gamma", None)
        weight = layer.weight if gamma is None else layer.weight * gamma[:, None]
        y = self._node("MatMul", x, self._weight(weight.T))
        bias: Tensor | None = getattr(layer, "bias", None)
        if bias is None:
            return y
        return self._add(y, self._weight(bias if gamma is None else bias * gamma))

    def _layer_norm(self, x: str, norm: nn.LayerNorm) -> str:
        return self._node(
            "LayerNormalization",
            x,
            self._weight(norm.weight),
            self._weight(norm.bias),
            axis=-1,
            epsilon=norm.eps,
        )

    def _add(self, left: str, right: str) -> str:
        return self._node("Add", left, right)

    def _integers(self, values: Sequence[int]) -> str:
        return self._weight(np.array(values, dtype=np.int64))

    def _weight(self, value: Tensor | NDArray[Any]) -> str:
        array = value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def _node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name
