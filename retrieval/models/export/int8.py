"""Static int8 quantisation of an exported graph: ranges of activations are observed once, on samples.

Weights get 8 bits and a scale for each output; what is multiplied with them gets 8 bits over the range that the samples
showed (Jacob et al., CVPR 2018, section 2). So a vector depends on nothing that is computed beside it. OpenVINO makes
integer products of this (VNNI, AMX, ARM's dot products); norms, attention and the residual stay in float.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.exported.compiled import compiled, openvino, processors, read_graph
from vasari.retrieval.storage.file_names import as_utf8

_LEVELS = 127  # a weight in 8 bits: -127 … 127
_STEPS = 256  # values of an activation
Range = tuple[float, float]


def quantize(
    graph: Path, target: Path, samples: Iterable[NDArray[Any]], threads: int | None = None
) -> NDArray[np.float32]:
    """Write the float32 graph at `graph` in 8 bits as `target` (.xml, its weights beside it as .bin).

    `samples` are inputs of the graph, a batch each; what it makes of them in float32 comes back, one after the other.
    Raises UnsupportedError where it has no product to be rounded.
    """
    model = read_graph(graph)
    products = _products(model)
    if not products:
        raise UnsupportedError("it has no products that could be computed in 8 bits")
    ranges, answers = _observed(model, samples, threads or processors())
    rounded: dict[str, Any] = {}  # what several products are given is rounded once
    for product in products:
        source = product.input_value(0)
        name = _name(source)
        if name not in rounded:
            rounded[name] = _rounded_activation(source, ranges[name])
        product.input(0).replace_source_output(rounded[name])
        product.input(1).replace_source_output(_rounded_weight(product))
    with as_utf8(target) as path:
        openvino().save_model(model, str(path), compress_to_fp16=False)
    return answers


def _products(model: Any) -> list[Any]:
    """Products of something computed and a constant matrix."""
    return [
        op
        for op in model.get_ordered_ops()
        if op.get_type_name() == "MatMul"
        and op.input_value(1).get_node().get_type_name() == "Constant"
        and len(op.input_value(1).get_shape()) == 2
    ]


def _observed(
    model: Any, samples: Iterable[NDArray[Any]], threads: int
) -> tuple[Mapping[str, Range], NDArray[np.float32]]:
    """The range of what each product is given, by its name; and the model's answers."""
    ops, watched = openvino().opset13, model.clone()
    sources = {_name(product.input_value(0)): product.input_value(0) for product in _products(watched)}
    results = []
    for source in sources.values():
        axes = np.arange(len(source.get_partial_shape()), dtype=np.int64)
        results += [ops.reduce_min(source, axes), ops.reduce_max(source, axes)]
    # Vectors come last: before the ranges, all that these are taken of would be kept for them (0.3 GB).
    results.append(watched.get_results()[0].input_value(0).get_node())
    watching = compiled(openvino().Model(results, watched.get_parameters()), "float32", threads, 1)
    seen, answers = [], []
    for batch in samples:
        *ends, answer = watching(batch).values()
        seen.append(ends)
        answers.append(answer)
    found = np.array(seen, np.float32).reshape(len(seen), len(sources), 2)
    least, most = found[:, :, 0].min(axis=0), found[:, :, 1].max(axis=0)
    ranges = {
        name: (min(float(low), 0.0), max(float(high), 0.0))
        for name, low, high in zip(sources, least, most, strict=True)
    }
    return ranges, np.concatenate(answers)


def _name(output: Any) -> str:
    return f"{output.get_node().get_friendly_name()}.{output.get_index()}"


def _rounded_activation(source: Any, given: Range) -> Any:
    """Rounded to 256 values, of which one is 0."""
    low, high = given
    step = max((high - low) / (_STEPS - 1), 1e-12)
    zero = round(-low / step)
    ends = [np.float32(-zero * step), np.float32((_STEPS - 1 - zero) * step)]
    return openvino().opset13.fake_quantize(source, *ends, *ends, _STEPS).output(0)


def _rounded_weight(product: Any) -> Any:
    """The matrix as 8-bit numbers times the scale of each output."""
    ops, weight = openvino().opset13, product.input_value(1).get_node().data
    inputs = 1 if product.get_attributes()["transpose_b"] else 0
    scales = np.maximum(np.abs(weight).max(axis=inputs, keepdims=True) / _LEVELS, 1e-12)
    whole = ops.constant(np.rint(weight / scales).astype(np.int8))
    return ops.multiply(ops.convert(whole, "f32"), ops.constant(scales.astype(np.float32))).output(0)
