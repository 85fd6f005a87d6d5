"""Vision towers compiled by OpenVINO: float32, bfloat16 or int8 in fixed shapes, a stream for each thread.

A batch is dealt out in parts of `PART` pictures, the last of which is padded, to streams that compute alone. So a
picture's vector does not depend on its batch, and no thread waits for another in each product. Only numpy and OpenVINO
are imported here, no torch: a process that encodes ViT-B-32-256 in int8 takes 0.4 GB.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Picture, UnitVectors, unit_vectors
from vasari.retrieval.models.ports import OutOfMemory
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.storage.file_names import as_utf8

PART = 4  # pictures at a time: one takes 1.4 times as long alone, and eight hardly less than four (AMX and AVX-512)
_CONVERTERS = "openvino.tools.ovc"
_CAPABILITIES = {"float32": "FP32", "bfloat16": "BF16", "int8": "INT8"}
_importing = threading.Lock()


@cache
def openvino() -> Any:
    """The package `openvino` without its converters for other formats, which import its telemetry; and its core."""
    with _importing:
        if "openvino" in sys.modules:
            return sys.modules["openvino"]
        sys.modules[_CONVERTERS] = None  # type: ignore[assignment]  # it goes without: ImportError is expected
        try:
            return import_module("openvino")
        finally:
            del sys.modules[_CONVERTERS]


@cache
def core() -> Any:
    """OpenVINO's runtime of this process."""
    return openvino().Core()


def runs_in(precision: str) -> bool:
    """Whether this processor computes in this precision: bfloat16 wants AMX or AVX512-BF16."""
    return _CAPABILITIES.get(precision) in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def read_graph(path: Path) -> Any:
    """The model in a file (ONNX, or OpenVINO's own); its weights are mapped into memory."""
    with as_utf8(path) as name:
        return core().read_model(str(name))


def compiled(model: Any, precision: str, threads: int, streams: int) -> Any:
    """The model for this processor; weights of 8 bits stay so in float32."""
    return core().compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # threads that decode share the cores
        },
    )


def weights_of(graph: str) -> str:
    """The file of weights beside a graph in OpenVINO's format."""
    return graph.removesuffix(".xml") + ".bin"


def processors() -> int:
    """How many threads compute by default."""
    return os.cpu_count() or 1


class CompiledGraph:
    """A graph of one input and one output, of any shape; callers take turns."""

    def __init__(self, graph: Path, threads: int | None = None) -> None:
        """`threads` compute it together: by default, all cores."""
        self._request = compiled(
            read_graph(graph), "float32", threads or processors(), 1
        ).create_infer_request()
        self._turn = threading.Lock()

    def __call__(self, given: NDArray[Any]) -> NDArray[np.float32]:
        """What the graph computes of `given`."""
        with self._turn:
            self._request.infer([given])
            return np.array(self._request.get_output_tensor(0).data)


class SinglePictureTower:
    """A vision tower that takes one picture at a time, by all threads together; callers take turns."""

    def __init__(self, graph: Path, image: ImagePreprocessing, precision: str, threads: int | None) -> None:
        """Compile the graph from `pixels` (1, …) uint8 to `features` (1, dim), in 0.4 s."""
        model = read_graph(graph)
        model.reshape({"pixels": [1, *image.shape]})
        self._request = compiled(model, precision, threads or processors(), 1).create_infer_request()
        self._image = image
        self._turn = threading.Lock()

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self._image.prepare(picture)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3)."""
        with self._turn:
            return unit_vectors(np.concatenate([self._features(one) for one in padded(batch, len(batch))]))

    def _features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._request.infer({"pixels": pixels[None]})
        return np.array(self._request.get_output_tensor(0).data)


class CompiledTower:
    """A vision tower of one shape; callers take turns."""

    def __init__(self, graph: Path, precision: str, threads: int | None = None) -> None:
        """Compile the graph from `pixels` (n, H, W, 3) uint8 to `features` (n, dim); `threads`: default, all cores."""
        model = read_graph(graph)
        _, *rest = model.input("pixels").get_partial_shape()
        model.reshape({"pixels": [PART, *(size.get_length() for size in rest)]})
        count = threads or processors()
        self._queue = openvino().AsyncInferQueue(compiled(model, precision, count, count), count)
        self._dim = int(model.output("features").get_shape()[1])
        self._turn = threading.Lock()

    def embed(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
        features = np.empty((len(batch), self._dim), np.float32)

        def keep(request: Any, start: int) -> None:
            rows = features[start : start + PART]
            rows[:] = request.get_output_tensor(0).data[: len(rows)]

        with self._turn:
            self._queue.set_callback(keep)
            try:
                for start in range(0, len(batch), PART):
                    self._queue.start_async({"pixels": padded(batch[start : start + PART], PART)}, start)
                self._queue.wait_all()
            except RuntimeError as error:
                if "alloc" in str(error).lower():
                    raise OutOfMemory("memory is short: use a smaller batch (-b)") from error
                raise
        return unit_vectors(features)


def padded(pictures: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The pictures (n, H, W, 3) as `count`, filled up with the last."""
    return np.ascontiguousarray(pictures[np.minimum(np.arange(count), len(pictures) - 1)])
