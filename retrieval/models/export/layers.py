"""The layers of open_clip's transformers as nodes of an ONNX graph.

torch's exporters need 10 to 60 seconds for the twelve equal layers of a ViT-B, and write attention as thirty nodes;
writing the layers directly takes the time of copying the weights, and uses ONNX Runtime's fused operators. Each weight
goes to the file at once: a model is written in the memory of its largest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vasari.retrieval.models.export.tower_weights import Array, Block, Gelu, LatentPool, Linear, Norm
from vasari.retrieval.storage.file_names import as_utf8

_OPSET = 20  # the first with Gelu
_CONTRIB = "com.microsoft"  # ONNX Runtime's fused operators
_INLINE = 256  # bytes: smaller weights stand in the graph itself
_PIECE = 1 << 26  # bytes that are written at once
_ALIGNED = 4096  # bytes: weights are mapped into memory


class LayerWriter:
    """Collects nodes and writes weights; methods return the name of the value that they compute.

    A context, in which the file of weights is open.
    """

    def __init__(self, graph: Path, weights: str, written: Callable[[], None]) -> None:
        """The graph goes to `graph`, all large weights to the one file `weights` beside it.

        `written` is called after each piece of a large weight, which is not looked at again.
        """
        self._graph, self._weights_name, self._written = graph, weights, written
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def __enter__(self) -> Self:
        self._file = (self._graph.parent / self._weights_name).open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def save(self, name: str, given: onnx.ValueInfoProto, computed: str, result: onnx.ValueInfoProto) -> None:
        """Write the model with one input and one output, which is the value named `computed`."""
        self._nodes.append(helper.make_node("Identity", [computed], [result.name]))
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        graph = helper.make_graph(self._nodes, name, [given], [result], self._weights)
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        self._file.flush()
        self._graph.write_bytes(model.SerializeToString())

    def blocks(self, x: str, blocks: Sequence[Block], *, causal: bool, first_only: bool = False) -> str:
        """All layers of a transformer over `x` (n, length, width).

        With `first_only` the result is that of the first position alone (n, 1, width): in the last layer the others
        are keys and values only, which saves 7 % of a tower of twelve layers.
        """
        for block in blocks:
            normed = self.layer_norm(x, block.ln_1)
            asking = normed
            if first_only and block is blocks[-1]:
                x, asking = self._first(x), self._first(normed)
            x = self.add(x, self._attention(block, normed, asking, causal))
            x = self.add(x, self._feed_forward(block, self.layer_norm(x, block.ln_2)))
        return x

    def rotary_blocks(self, x: str, blocks: Sequence[Block], angles: Array) -> str:
        """The same, where queries and keys are turned by `angles` (length, width / heads / 2): rotary positions.

        Su et al., RoFormer (2021), section 3.2.2, each pair of neighbours by one angle.
        """
        around, across = np.cos(angles)[:, None, :, None], np.sin(angles)[:, None, :, None]
        turn = (self.weight(around), self.weight(np.concatenate([-across, across], axis=-1)))
        for block in blocks:
            normed = self.layer_norm(x, block.ln_1)
            query, key, value = (self.linear(normed, part) for part in block.parts())
            shape = (len(angles), block.heads, angles.shape[1])
            turned = [self._turned(part, turn, shape) for part in (query, key)]
            joined = self._attended([*turned, value], block.heads, causal=False)
            x = self.add(x, self.linear(joined, block.out))
            x = self.add(x, self._feed_forward(block, self.layer_norm(x, block.ln_2)))
        return x

    def masked_blocks(self, x: str, blocks: Sequence[Block], mask: str) -> str:
        """Layers whose norms come behind the sums; only positions where `mask` (n, length) int32 is 1 are looked at."""
        for block in blocks:
            joined = self._attention(block, x, x, causal=False, mask=mask)
            x = self.layer_norm(self.add(x, joined), block.ln_1)
            x = self.layer_norm(self.add(x, self._feed_forward(block, x)), block.ln_2)
        return x

    def _turned(self, x: str, turn: tuple[str, str], shape: tuple[int, int, int]) -> str:
        """Pairs of `x` (n, length, width) turned: (a, b) to (a cos - b sin, b cos + a sin)."""
        length, heads, pairs = shape
        split = self.node("Reshape", x, self.integers([0, length, heads, pairs, 2]))
        swapped = self.node("Gather", split, self.integers([1, 0]), axis=-1)
        kept, moved = self.node("Mul", split, turn[0]), self.node("Mul", swapped, turn[1])
        return self.node("Reshape", self.add(kept, moved), self.integers([0, length, heads * pairs * 2]))

    def latent_pool(self, x: str, pool: LatentPool, latents: str) -> str:
        """What `latents` (n, 1, width), a vector for each, get from `x` (n, length, width): (n, 1, width)."""
        asked = [self.linear(x, part) for part in pool.parts()]
        x = self._attended([latents, *asked], pool.heads, causal=False)
        x = self.linear(x, pool.out)
        return self.add(x, self._feed_forward(pool, self.layer_norm(x, pool.norm)))

    def _attended(self, inputs: Sequence[str], heads: int, *, causal: bool) -> str:
        """Queries, keys and values joined."""
        return self.node(
            "MultiHeadAttention", *inputs, domain=_CONTRIB, num_heads=heads, unidirectional=int(causal)
        )

    def _first(self, x: str) -> str:
        """The first position of each (n, 1, width)."""
        return self.node("Gather", x, self.integers([0]), axis=1)

    def _attention(self, block: Block, x: str, asking: str, causal: bool, mask: str | None = None) -> str:
        """Cross-attention: queries from `asking`, keys and values from `x`; a `mask` where both are the same."""
        if asking == x:
            inputs = [x, self.weight(block.given.weight.T), self._bias(block.given)]
            inputs += [] if mask is None else [mask]
            joined = self.node(
                "Attention", *inputs, domain=_CONTRIB, num_heads=block.heads, unidirectional=int(causal)
            )
        else:
            asked = zip((asking, x, x), block.parts(), strict=True)
            joined = self._attended([self.linear(*each) for each in asked], block.heads, causal=causal)
        return self.linear(joined, block.out)

    def _bias(self, layer: Linear) -> str:
        return "" if layer.bias is None else self.weight(layer.bias)

    def _feed_forward(self, block: Block | LatentPool, x: str) -> str:
        hidden = self.linear(x, block.up)
        return self.linear(self.gelu(hidden, block.gelu), block.down)

    def gelu(self, x: str, kind: Gelu) -> str:
        """The activation."""
        if kind == "quick":
            return self.node("QuickGelu", x, domain=_CONTRIB, alpha=1.702)
        return self.node("Gelu", x, approximate=kind)

    def linear(self, x: str, layer: Linear) -> str:
        """x W^T + b."""
        return self.product(x, layer.weight.T, layer.bias)

    def product(self, x: str, weight: Array, bias: Array | None = None) -> str:
        """x W + b for `weight` (inputs, outputs)."""
        y = self.node("MatMul", x, self.weight(weight))
        return y if bias is None else self.add(y, self.weight(bias))

    def layer_norm(self, x: str, norm: Norm) -> str:
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

    def clip(self, x: str, least: float, most: float) -> str:
        """Each number within these bounds."""
        return self.node("Clip", x, self.weight(np.full((), least)), self.weight(np.full((), most)))

    def integers(self, values: int | Sequence[int]) -> str:
        """A constant int64, of one number or (n,)."""
        return self._constant(np.array(values, dtype=np.int64))

    def weight(self, value: Array) -> str:
        """A constant in float32."""
        return self._constant(np.asarray(value, np.float32))

    def _constant(self, value: NDArray[Any]) -> str:
        name = f"w{len(self._weights)}"
        if value.nbytes < _INLINE:
            whole = np.ascontiguousarray(value).reshape(value.shape)
            self._weights.append(numpy_helper.from_array(whole, name))
            return name
        self._file.write(bytes(-self._file.tell() % _ALIGNED))
        tensor = TensorProto(
            name=name,
            dims=value.shape,
            data_type=helper.np_dtype_to_tensor_dtype(value.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": self._weights_name, "offset": self._file.tell(), "length": value.nbytes}
        for key, entry in place.items():
            tensor.external_data.add(key=key, value=str(entry))
        content = np.ascontiguousarray(value).data.cast("B")
        for start in range(0, len(content), _PIECE):
            self._file.write(content[start : start + _PIECE])
            self._written()
        self._weights.append(tensor)
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
            size_threshold=_INLINE,
        )
    # onnx makes the weights private to the user; the other files follow the umask.
    path.with_name(weights).chmod(path.stat().st_mode & 0o777)
