"""Pictures without torch: the vision tower as an ONNX graph, in int8 or float32, in the folder of a space.

    image.onnx, image.weights
                    the graph; see `image_encoder` for what stands beside it

Only numpy and onnxruntime are imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import UnitVectors, unit_vectors
from retrieval.models.onnx_runtime import onnx_runtime
from retrieval.models.ports import OutOfMemory
from retrieval.storage.names import as_utf8

GRAPH_FILE = "image.onnx"
WEIGHTS_FILE = "image.weights"


def run_graph(session: Any, batch: NDArray[np.uint8]) -> UnitVectors:
    """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
    try:
        return unit_vectors(session.run(["features"], {"pixels": np.ascontiguousarray(batch)})[0])
    except RuntimeError as error:
        if "allocat" in str(error).lower():
            raise OutOfMemory("memory is short: use a smaller batch (-b)") from error
        raise


def open_session(path: Path, threads: int | None, *, once: bool = False) -> Any:
    """The graph, ready to run on the CPU; with `once` its weights are used as they lie in the file.

    Packing them first takes 0.3 s for ViT-B-32 and as much memory again, and is worth it from some pictures on.
    """
    onnxruntime = onnx_runtime()

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait would take the processor from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.disable_prepacking", "1" if once else "0")
    options.intra_op_num_threads = threads or 0
    with as_utf8(path) as name:
        return onnxruntime.InferenceSession(str(name), options, providers=["CPUExecutionProvider"])
