"""Dynamic int8 quantisation of an exported text tower, made from the float32 graph without torch.

Weights get 8 bits and a scale for each output; what is multiplied with them is rounded to 8 bits by the range of the
batch (ONNX Runtime's dynamic quantisation). Processors with VNNI compute such products four numbers at a time: a query
of 15 tokens through ViT-B-32's tower takes 7 ms of processor time instead of 17. As the range is that of the batch, a
text's vector depends a little on the texts beside it (least cosines of 0.999 to the tower's own were measured, with
random weights and with those of `scenes`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from vasari.retrieval.errors import LibraryCorruptError, UnsupportedError
from vasari.retrieval.models.exported.session import check_lengths, note_files
from vasari.retrieval.models.exported.text import GRAPH_FILE, OnnxTextEncoder
from vasari.retrieval.models.ports import TextEncoder
from vasari.retrieval.storage.atomic import write_bytes

INT8_FILE = "text.int8.onnx"
_LEAST_COSINE = 0.99  # to the tower's own vectors; random weights and those of `scenes` have 0.999
_SAMPLE = (
    "a photo of a cat",
    "two dogs run along a beach at sunset, a lighthouse in the background",
    "ein rotes Boot unter blauem Himmel",
    "灯台の上の夕焼け",
    "IMG_2041",
    "people",
)
_CONTRIB = "com.microsoft"  # ONNX Runtime's own operators
_LEVELS = 127  # a weight in 8 bits: -127 … 127


def open_in_int8(directory: Path, exact: TextEncoder, *, threads: int | None = None) -> OnnxTextEncoder:
    """The exported tower of `directory` in 8 bits, which is made there at first, for a process that lives long.

    Raises UnsupportedError where there is no exported tower, or one whose vectors would differ too much from those of
    `exact`, the model's own.
    """
    if not (directory / GRAPH_FILE).is_file():
        raise UnsupportedError("this model has no exported text tower")
    if not _is_whole(directory) and not quantize(directory / GRAPH_FILE, directory / INT8_FILE):
        raise UnsupportedError("its text tower has no products that could be computed in 8 bits")
    rounded = OnnxTextEncoder.open(directory, threads=threads, long_lived=True, graph=INT8_FILE)
    least = float((rounded.embed_texts(_SAMPLE) * exact.embed_texts(_SAMPLE)).sum(axis=1).min())
    if not least >= _LEAST_COSINE:
        raise UnsupportedError(f"in 8 bits its text tower gives other vectors (cosine {least:.4f})")
    return rounded


def _is_whole(directory: Path) -> bool:
    try:
        check_lengths(directory, [INT8_FILE])
    except LibraryCorruptError:
        return False
    return (directory / INT8_FILE).is_file()


def quantize(graph: Path, target: Path) -> int:
    """Write the graph at `graph`, and the weights beside it, as one file `target` in 8 bits.

    Returns how many products were rewritten: none where the graph has other layers than those it knows.
    """
    model = onnx.load(str(graph))
    rewriting = _Rewriting(model.graph)
    for node in list(model.graph.node):
        rewriting.take(node)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(rewriting.nodes)
    model.graph.initializer.extend(rewriting.kept())
    if all(opset.domain != _CONTRIB for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
    write_bytes(target, model.SerializeToString())
    note_files(target.parent, [target.name])
    return rewriting.products


class _Rewriting:
    """The nodes of a graph, one after the other, with products of constant weights replaced."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.products = 0
        self._weights = {weight.name: weight for weight in graph.initializer}

    def take(self, node: onnx.NodeProto) -> None:
        """Keep a node, or write what stands for it."""
        weight = self._matrix(node.input[1]) if len(node.input) > 1 else None
        if node.op_type == "MatMul" and weight is not None:
            self._product(node.input[0], weight, "", node.output[0])
        elif node.op_type == "Attention" and node.domain == _CONTRIB and weight is not None:
            self._attention(node, weight)
        else:
            self.nodes.append(node)

    def kept(self) -> list[onnx.TensorProto]:
        """The constants that the rewritten nodes read."""
        used = {name for node in self.nodes for name in node.input}
        return [weight for name, weight in self._weights.items() if name in used]

    def _matrix(self, name: str) -> NDArray[np.float32] | None:
        if name not in self._weights or self._weights[name].data_type != onnx.TensorProto.FLOAT:
            return None
        array = numpy_helper.to_array(self._weights[name])
        return array if array.ndim == 2 else None

    def _product(self, x: str, weight: NDArray[np.float32], bias: str, output: str) -> None:
        """x W + b for `weight` (inputs, outputs)."""
        scales = np.maximum(np.abs(weight).max(axis=0) / _LEVELS, 1e-12)  # (outputs,)
        whole = self._constant(np.rint(weight / scales).astype(np.int8), f"{output}.whole")
        step = self._constant(scales.astype(np.float32), f"{output}.scale")
        inputs = [x, whole, step, "", bias]
        self.nodes.append(helper.make_node("DynamicQuantizeMatMul", inputs, [output], domain=_CONTRIB))
        self.products += 1

    def _attention(self, node: onnx.NodeProto, weight: NDArray[np.float32]) -> None:
        """Queries, keys and values by one product; the attention itself stays in float32."""
        (output,) = node.output
        self._product(node.input[0], weight, node.input[2], f"{output}.qkv")
        parts = [f"{output}.{part}" for part in "qkv"]
        self.nodes.append(helper.make_node("Split", [f"{output}.qkv"], parts, axis=-1, num_outputs=3))
        joined = helper.make_node("MultiHeadAttention", parts, [output], domain=_CONTRIB)
        joined.attribute.extend(node.attribute)
        self.nodes.append(joined)

    def _constant(self, value: NDArray[np.generic], name: str) -> str:
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name
