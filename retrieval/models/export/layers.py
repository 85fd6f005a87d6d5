"""The layers of open_clip's transformers as nodes of an ONNX graph.

torch's exporters need 10 to 60 seconds for the twelve equal layers of a ViT-B, and write attention as thirty nodes;
writing the layers directly takes the time of copying the weights, and uses ONNX Runtime's fused operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn

from vasari.retrieval.storage.file_names import as_utf8

_OPSET = 20  # the first with Gelu
_CONTRIB = "com.microsoft"  # ONNX Runtime's fused operators


def has_plain_blocks(transformer: Any) -> bool:
    """Whether a transformer is made of the layers that `LayerWriter` knows."""
    blocks = getattr(transformer, "resblocks", None)
    return blocks is not None and all(
        type(block) is ResidualAttentionBlock and type(block.mlp.gelu) in (nn.GELU, QuickGELU)
        for block in blocks
    )


class LayerWriter:
    """Collects nodes and weights; methods return the name of the value that they compute."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def model(
        self, name: str, given: onnx.ValueInfoProto, computed: str, result: onnx.ValueInfoProto
    ) -> onnx.ModelProto:
        """A model with one input and one output, which is the value named `computed`."""
        self._nodes.append(helper.make_node("Identity", [computed], [result.name]))
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        graph = helper.make_graph(self._nodes, name, [given], [result])
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        for (
            weight
        ) in self._weights:  # one by one: protobuf copies what it is given, thrice by way of `make_graph`
            model.graph.initializer.append(weight)
            weight.Clear()
        return model

    def blocks(self, x: str, transformer: Any, *, causal: bool, first_only: bool = False) -> str:
        """All layers of a transformer over `x` (n, length, width).

        With `first_only` the result is that of the first position alone (n, 1, width): in the last layer the others
        are keys and values only, which saves 7 % of a tower of twelve layers.
        """
        last = transformer.resblocks[-1]
        for block in transformer.resblocks:
            normed = self.layer_norm(x, block.ln_1)
            asking = normed
            if first_only and block is last:
                x, asking = self._first(x), self._first(normed)
            x = self.add(x, self._attention(block, normed, asking, causal))
            x = self.add(x, self._feed_forward(block, self.layer_norm(x, block.ln_2)))
        return x

    def _first(self, x: str) -> str:
        """The first position of each (n, 1, width)."""
        return self.node("Gather", x, self.integers([0]), axis=1)

    def _attention(self, block: Any, x: str, asking: str, causal: bool) -> str:
        """Cross-attention: queries from `asking`, keys and values from `x`."""
        attention = block.attn
        if asking == x:
            joined = self.node(
                "Attention",
                x,
                self.weight(attention.in_proj_weight.T),
                self.weight(attention.in_proj_bias),
                domain=_CONTRIB,
                num_heads=attention.num_heads,
                unidirectional=int(causal),
            )
            return self.linear(joined, attention.out_proj, block.ls_1)
        parts = zip(attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True)
        sources = (asking, x, x)
        query, key, value = (
            self.product(source, weight.T, bias)
            for source, (weight, bias) in zip(sources, parts, strict=True)
        )
        joined = self.node(
            "MultiHeadAttention",
            query,
            key,
            value,
            domain=_CONTRIB,
            num_heads=attention.num_heads,
            unidirectional=int(causal),
        )
        return self.linear(joined, attention.out_proj, block.ls_1)

    def _feed_forward(self, block: Any, x: str) -> str:
        hidden = self.linear(x, block.mlp.c_fc)
        if isinstance(block.mlp.gelu, QuickGELU):
            hidden = self.node("QuickGelu", hidden, domain=_CONTRIB, alpha=1.702)
        else:
            hidden = self.node("Gelu", hidden, approximate=block.mlp.gelu.approximate)
        return self.linear(hidden, block.mlp.c_proj, block.ls_2)

    def linear(self, x: str, layer: nn.Linear, scale: nn.Module | None = None) -> str:
        """x W^T + b; the layer scale, where there is one, goes into the weights."""
        gamma = getattr(scale, "gamma", None)
        bias: Tensor | None = getattr(layer, "bias", None)
        if gamma is None:
            return self.product(x, layer.weight.T, bias)
        return self.product(x, (layer.weight * gamma[:, None]).T, None if bias is None else bias * gamma)

    def product(self, x: str, weight: Tensor | NDArray[Any], bias: Tensor | NDArray[Any] | None) -> str:
        """x W + b for `weight` (inputs, outputs)."""
        y = self.node("MatMul", x, self.weight(weight))
        return y if bias is None else self.add(y, self.weight(bias))

    def layer_norm(self, x: str, norm: nn.LayerNorm) -> str:
        """Each position scaled to mean 0 and variance 1, then by the layer's weights."""
        return self.node(
            "LayerNormalization",
            x,
            self.weight(norm.weight),
            self.weight(norm.bias),
            axis=-1,
            epsilon=norm.eps,
        )

    def add(self, left: str, right: str) -> str:
        """The sum of two values."""
        return self.node("Add", left, right)

    def integers(self, values: Sequence[int]) -> str:
        """A constant (n,) int64."""
        return self.weight(np.array(values, dtype=np.int64))

    def weight(self, value: Tensor | NDArray[Any]) -> str:
        """A constant; what torch holds is written as float32."""
        array = _array(value) if isinstance(value, Tensor) else value
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """One operator with one result."""
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name


def save_model(model: onnx.ModelProto, path: Path, weights: str) -> None:
    """Write the graph to `path`, and all large weights to the one file `weights` beside it, to be memory-mapped."""
    with as_utf8(path) as name:
        onnx.save_model(
            model,
            str(name),
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=weights,
            size_threshold=256,
        )
    # onnx makes the weights private to the user; the other files follow the umask.
    path.with_name(weights).chmod(path.stat().st_mode & 0o777)


def _array(value: Tensor | NDArray[Any]) -> NDArray[np.float32]:
    found = value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value
    return np.asarray(found, np.float32)
