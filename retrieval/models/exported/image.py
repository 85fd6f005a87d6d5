"""Optimized image encoders: the form of a model that fills a space on CPUs, by OpenVINO and without torch.

    image.json      the precision, the picture's preprocessing, and what was measured when it was chosen
    image.int8.xml, image.int8.bin
                    the vision tower in int8; in float32 and bfloat16 it is the one in the folder `picture`

The form is chosen when a space is made (`vasari index`), or by `vasari models optimize`, and never changes by itself:
vectors of one library stay alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace, Picture, UnitVectors
from vasari.retrieval.errors import LibraryCorruptError, StorageError, UnsupportedError
from vasari.retrieval.models.exported import single_image
from vasari.retrieval.models.exported.compiled import CompiledTower, runs_in, weights_of
from vasari.retrieval.models.exported.session import check_lengths
from vasari.retrieval.models.ports import TextEncoder
from vasari.retrieval.models.preprocessing import ImagePreprocessing, read_image_preprocessing
from vasari.retrieval.storage.os_errors import cannot_read

SETTINGS_FILE = "image.json"
INT8_GRAPH = "image.int8.xml"
INT8_FILES = (weights_of(INT8_GRAPH), INT8_GRAPH)
ENGINE = "openvino"
# Files of versions before 0.3, which computed these forms with other libraries.
FILES_BEFORE = ("image.int8.safetensors", "image.weights", "image.onnx")
FILES = (SETTINGS_FILE, *INT8_FILES, *FILES_BEFORE)

EncodePrepared = Callable[[NDArray[np.uint8]], UnitVectors]  # (n, H, W, 3) to (n, dim); raises OutOfMemory


def read_settings(directory: Path) -> dict[str, Any] | None:
    """What was switched on for the space of this folder; None where nothing was."""
    path = directory / SETTINGS_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if is_compiled(content):
            _preprocessing(content)
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(directory, error) from error
    return dict(content)


def chosen_precision(directory: Path) -> str | None:
    """The precision of the form in this folder, of whatever version; None where there is none that can be read."""
    try:
        return str(json.loads((directory / SETTINGS_FILE).read_text(encoding="utf-8"))["precision"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_settings(
    directory: Path, precision: str, image: ImagePreprocessing, report: Mapping[str, Any]
) -> None:
    """Write what `read_settings` reads."""
    content = {"precision": precision, "engine": ENGINE, "image": asdict(image), "report": dict(report)}
    (directory / SETTINGS_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


class FormerFormError(UnsupportedError):
    """A form that only an earlier version could compute: it has to be made anew."""


def is_compiled(content: Mapping[str, Any]) -> bool:
    """Whether the form is a compiled tower; before 0.3, bfloat16 was torch's.

    Raises FormerFormError for a form that only an earlier version could compute.
    """
    if content.get("engine") == ENGINE:
        return True
    if content["precision"] not in {"int8", "float32"}:
        return False
    raise FormerFormError(
        f"the {content['precision']} form of this library's model was made by an earlier version: run `vasari models"
        f" optimize --precision {content['precision']}` to make it anew, or `vasari models optimize --off` to go on"
        " with the model as it is (the vectors in the library stay valid)"
    )


class OptimizedEncoder:
    """A `DualEncoder` whose picture half is a compiled tower. Safe to call from several threads."""

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
        is_compiled(content)
        try:
            self._image = _preprocessing(content)
            self._encode = open_tower(directory, str(content["precision"]), threads)
        except (UnsupportedError, StorageError):
            raise
        except Exception as error:  # the errors of OpenVINO have no base of their own
            raise _damaged(directory, error) from error
        self.precision = str(content["precision"])
        self.space = space
        self._texts = texts

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
        return self._image.prepare(picture)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
        if len(batch) == 0:
            return UnitVectors(np.empty((0, self.dim), dtype=np.float32))
        return self._encode(batch)

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim) of `texts`."""
        return self._texts().embed_texts(texts)


def open_tower(
    directory: Path, precision: str, threads: int | None, *, int8: Path | None = None
) -> EncodePrepared:
    """The vision tower of the space in `directory`, compiled in this precision; its int8 form may lie in `int8`.

    Raises UnsupportedError on a processor that does not compute in it.
    """
    if not runs_in(precision):
        raise UnsupportedError(
            f"this processor does not compute in {precision}: where a library's model was made for another one, run"
            " `vasari models optimize` on this machine, or `vasari models optimize --off`"
        )
    if precision == "int8":
        check_lengths(int8 or directory, INT8_FILES)
        graph = (int8 or directory) / INT8_GRAPH
    else:
        check_lengths(directory / single_image.FOLDER, single_image.FILES)
        graph = directory / single_image.FOLDER / single_image.GRAPH_FILE
    return CompiledTower(graph, precision, threads).embed


def _preprocessing(content: Mapping[str, Any]) -> ImagePreprocessing:
    return read_image_preprocessing(content["image"])


def _damaged(directory: Path, error: Exception) -> LibraryCorruptError:
    line = " ".join(str(error).split())[:200]
    return LibraryCorruptError(
        f"the optimized model in {directory} is damaged ({line}): run `vasari doctor --repair`, or"
        " `vasari models optimize --off"
    )
