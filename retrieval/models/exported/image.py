"""Optimized image encoders: what `vasari models optimize` switched on for a space, from files in its folder.

    image.json      the precision and what computes it, the picture's preprocessing, and how far the vectors were from
                    the model's own when it was measured
    image.int8.safetensors
                    int8 by oneDNN's kernels (`image_int8`): plain vision transformers on processors with VNNI
    image.onnx, image.weights
                    int8 of all others, and float32, by ONNX Runtime (`exported`)

bfloat16 and float16 are the model's own, by torch. What computes is chosen when the form is made, and never changes
by itself: vectors of one library stay alike.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace, Picture, UnitVectors
from vasari.retrieval.errors import LibraryCorruptError, StorageError, UnsupportedError
from vasari.retrieval.models.exported.session import check_lengths, open_session
from vasari.retrieval.models.exported.single_image import GRAPH_FILE, WEIGHTS_FILE, run_graph
from vasari.retrieval.models.ports import TextEncoder
from vasari.retrieval.models.preprocessing import (
    ImagePreprocessing,
    Scale,
    read_image_preprocessing,
    scaled_by_pillow,
)
from vasari.retrieval.storage.os_errors import cannot_read

SETTINGS_FILE = "image.json"
INT8_FILE = "image.int8.safetensors"
EXPORTED = frozenset(
    {"int8", "float32"}
)  # precisions that have files; the others are computed by the model as it is

EncodePrepared = Callable[[NDArray[np.uint8]], UnitVectors]  # (n, H, W, 3) to (n, dim); raises OutOfMemory


class Engine(StrEnum):
    """What computes an exported tower."""

    ONEDNN = "onednn"
    ONNX = "onnx"


FILES = {Engine.ONEDNN: (INT8_FILE,), Engine.ONNX: (WEIGHTS_FILE, GRAPH_FILE)}


def read_settings(directory: Path) -> dict[str, Any] | None:
    """What was switched on for the space of this folder; None where nothing was."""
    path = directory / SETTINGS_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["precision"] in EXPORTED:
            _preprocessing(content)
            _engine(content)
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(directory, error) from error
    return dict(content)


def write_settings(
    directory: Path,
    precision: str,
    engine: Engine | None,
    image: ImagePreprocessing,
    report: Mapping[str, Any],
) -> None:
    """Write what `read_settings` reads; what is not exported has no engine."""
    content: dict[str, Any] = {"precision": precision} | ({"engine": engine} if engine else {})
    content |= {"image": asdict(image), "report": dict(report)}
    (directory / SETTINGS_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


class OptimizedEncoder:
    """A `DualEncoder` whose picture half is an exported tower. Safe to call from several threads."""

    precision: str

    def __init__(
        self,
        directory: Path,
        space: EmbeddingSpace,
        texts: Callable[[], TextEncoder],
        *,
        threads: int | None = None,
    ) -> None:
        """Open the tower in `directory`; `texts` is asked for the text half when it is first needed.

        LibraryCorruptError says what is damaged, UnsupportedError what this machine lacks, and what to do.
        """
        content = read_settings(directory)
        if content is None:
            raise _damaged(directory, FileNotFoundError(SETTINGS_FILE))
        try:
            check_lengths(directory, FILES[_engine(content)])
            self._image = _preprocessing(content)
            self._encode = open_tower(directory, _engine(content), threads)
            self._scale = _scale(_engine(content))
        except (UnsupportedError, StorageError):
            raise
        except Exception as error:  # the errors of ONNX Runtime and of safetensors have no base of their own
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
        """Where the tower computes."""
        return "cpu"

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self._image.prepare(picture, self._scale)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
        if len(batch) == 0:
            return UnitVectors(np.empty((0, self.dim), dtype=np.float32))
        with self._turn:
            return self._encode(batch)

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim) of `texts`."""
        return self._texts().embed_texts(texts)


def open_tower(directory: Path, engine: Engine, threads: int | None) -> EncodePrepared:
    """The exported tower in `directory`; torch is imported where it is needed, which takes a second.

    Raises UnsupportedError on a machine that cannot run it.
    """
    if engine is Engine.ONNX:
        return partial(run_graph, open_session(directory / GRAPH_FILE, threads))
    from vasari.retrieval.models.exported.image_int8 import Int8Tower

    return Int8Tower(directory / INT8_FILE, threads).embed


def _scale(engine: Engine) -> Scale:
    """torch's way of scaling where the engine has loaded torch."""
    if engine is Engine.ONNX:
        return scaled_by_pillow
    from vasari.retrieval.models.clip.resize_torch import scaled

    return scaled


def _engine(content: Mapping[str, Any]) -> Engine:
    return Engine(content.get("engine", Engine.ONNX))  # settings written before there was a choice have none


def _preprocessing(content: Mapping[str, Any]) -> ImagePreprocessing:
    return read_image_preprocessing(content["image"])


def _damaged(directory: Path, error: Exception) -> LibraryCorruptError:
    line = " ".join(str(error).split())[:200]
    return LibraryCorruptError(
        f"the optimized model in {directory} is damaged ({line}): run `vasari doctor --repair`, or"
        " `vasari models optimize --off"
    )
