"""Pictures without torch: the vision tower as an ONNX graph, in int8 or float32, in the folder of a space.

    image.json      what `vasari models optimize` switched on: the precision, the picture's preprocessing, and how far
                    the vectors were from the model's own when it was measured
    image.onnx, image.weights
                    the graph, for int8 and float32; bfloat16 and float16 are the model's own, by torch

Only numpy and onnxruntime are imported here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import EmbeddingSpace, UnitVectors, unit_vectors
from retrieval.errors import LibraryCorruptError
from retrieval.models.ports import OutOfMemory, Picture, TextEncoder
from retrieval.models.preprocessing import ImagePreprocessing, ResizeMode

GRAPH_FILE = "image.onnx"
WEIGHTS_FILE = "image.weights"
SETTINGS_FILE = "image.json"
GRAPHS = frozenset({"int8", "float32"})  # precisions that are a graph; the others are computed by torch


def read_settings(directory: Path) -> dict[str, Any] | None:
    """What was switched on for the space of this folder; None where nothing was."""
    path = directory / SETTINGS_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["precision"] in GRAPHS:
            _preprocessing(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(directory, error) from error
    return dict(content)


def write_settings(
    directory: Path, precision: str, image: ImagePreprocessing, report: Mapping[str, Any]
) -> None:
    """Write what `read_settings` reads."""
    content = {"precision": precision, "image": asdict(image), "report": dict(report)}
    (directory / SETTINGS_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


class OnnxEncoder:
    """A `DualEncoder` whose picture half is an exported graph. Safe to call from several threads."""

    precision: str

    def __init__(
        self,
        directory: Path,
        space: EmbeddingSpace,
        texts: Callable[[], TextEncoder],
        *,
        threads: int | None = None,
    ) -> None:
        """Open the graph in `directory`; `texts` is asked for the text half when it is first needed.

        LibraryCorruptError says what is damaged, and what to do.
        """
        content = read_settings(directory)
        if content is None:
            raise _damaged(directory, FileNotFoundError(SETTINGS_FILE))
        try:
            self._image = _preprocessing(content)
            self._session = open_session(directory / GRAPH_FILE, threads)
        except Exception as error:  # the errors of ONNX Runtime have no base of their own
            raise _damaged(directory, error) from error
        self.precision = str(content["precision"])
        self.space = space
        self._texts = texts
        self._turn = threading.Lock()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.space.dim

    @property
    def image_size(self) -> int:
        """Pixels of the shorter side that preprocessing needs."""
        return min(self._image.height, self._image.width)

    @property
    def preparer(self) -> ImagePreprocessing:
        """The picture side of preprocessing."""
        return self._image

    @property
    def device(self) -> str:
        """Where the graph computes."""
        return "cpu"

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self._image.prepare(picture)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
        if len(batch) == 0:
            return UnitVectors(np.empty((0, self.dim), dtype=np.float32))
        with self._turn:
            return run_graph(self._session, batch)

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim) of `texts`."""
        return self._texts().embed_texts(texts)


def run_graph(session: Any, batch: NDArray[np.uint8]) -> UnitVectors:
    """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
    try:
        return unit_vectors(session.run(["features"], {"pixels": np.ascontiguousarray(batch)})[0])
    except RuntimeError as error:
        if "allocat" in str(error).lower():
            raise OutOfMemory("memory is short: use a smaller batch (-b)") from error
        raise


def open_session(path: Path, threads: int | None) -> Any:
    """The graph, ready to run on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait would take the processor from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = threads or 0
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _preprocessing(content: Mapping[str, Any]) -> ImagePreprocessing:
    facts = dict(content["image"])
    facts |= {"mean": tuple(facts["mean"]), "std": tuple(facts["std"])}
    return ImagePreprocessing(**{**facts, "resize_mode": ResizeMode(facts["resize_mode"])})


def _damaged(directory: Path, error: Exception) -> LibraryCorruptError:
    line = " ".join(str(error).split())[:200]
    return LibraryCorruptError(
        f"the optimized model in {directory} is damaged ({line}): run `vasari models optimize --off`"
    )
