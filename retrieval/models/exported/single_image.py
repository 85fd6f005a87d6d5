"""Single pictures without torch: a space's own vision tower as an ONNX graph in float32, in a folder of the library.

    picture/picture.json    the model's files it was made of, how a picture is prepared, how near its vectors are to
                            those of the model; or why this model has no graph
    picture/image.onnx, picture/image.weights
                            the graph; its weights are mapped into memory
    picture/checksums.json  the length and checksum of each of these

Commands that take one picture spend 0.3 s here, and 5 s on importing what runs the model itself. Collections are
embedded by the model: it takes batches, and the processor's own formats. Only numpy and onnxruntime are imported here.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Picture, UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, StorageError, UnsupportedError
from vasari.retrieval.models.exported.session import check_lengths, open_session
from vasari.retrieval.models.ports import OutOfMemory
from vasari.retrieval.models.preprocessing import ImagePreprocessing, read_image_preprocessing

FOLDER = "picture"
GRAPH_FILE = "image.onnx"
WEIGHTS_FILE = "image.weights"
SETTINGS_FILE = "picture.json"
FILES = (WEIGHTS_FILE, GRAPH_FILE, SETTINGS_FILE)


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """What stands in picture.json."""

    files: str  # digest of the model's files: another one means another model
    image: ImagePreprocessing
    cosine: float | None = None  # least, of its vectors with the model's own
    reason: str | None = None  # why there is no graph

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def read_settings(directory: Path) -> PictureSettings | None:
    """What was noted in the folder of a space; None where nothing was, or nothing that can be read."""
    try:
        content = json.loads((directory / FOLDER / SETTINGS_FILE).read_text(encoding="utf-8"))
        image = read_image_preprocessing(content["image"])
        return PictureSettings(str(content["files"]), image, content.get("cosine"), content.get("reason"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class OnnxPictureEncoder:
    """The picture half of a dual encoder. Safe to call from several threads."""

    def __init__(self, session: Any, image: ImagePreprocessing) -> None:
        self._session, self._image = session, image
        self._turn = threading.Lock()

    @classmethod
    def open(cls, directory: Path, *, threads: int | None = None) -> OnnxPictureEncoder:
        """Open what `export_picture_tower` wrote below the folder of a space.

        UnsupportedError where the model has no graph or none was made, LibraryCorruptError where it is damaged.
        """
        settings = read_settings(directory)
        if settings is None:
            raise UnsupportedError("this model's vision tower was not exported")
        if settings.reason is not None:
            raise UnsupportedError(f"this model has no torch-free vision tower: {settings.reason}")
        try:
            check_lengths(directory / FOLDER, FILES)
            return cls(open_session(directory / FOLDER / GRAPH_FILE, threads, pack=False), settings.image)
        except (StorageError, LibraryCorruptError):
            raise
        except Exception as error:  # the errors of ONNX Runtime have no base of their own
            line = " ".join(str(error).split())[:200]
            raise LibraryCorruptError(
                f"the exported vision tower in {directory / FOLDER} is damaged ({line}):"
                " run `vasari doctor --repair`"
            ) from error

    @property
    def image_size(self) -> int:
        """Pixels of the shorter side that preprocessing needs."""
        return self._image.image_size

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self._image.prepare(picture)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
        with self._turn:
            return run_graph(self._session, batch)


def run_graph(session: Any, batch: NDArray[np.uint8]) -> UnitVectors:
    """Vectors (n, dim) of prepared pictures (n, H, W, 3) by a vision tower's session; raises OutOfMemory.

    One by one: a picture's vector does not depend on what is beside it.
    """
    pixels = np.ascontiguousarray(batch)
    try:
        rows = [session.run(["features"], {"pixels": pixels[i : i + 1]})[0] for i in range(len(pixels))]
        return unit_vectors(np.concatenate(rows))
    except RuntimeError as error:
        if "allocat" in str(error).lower():
            raise OutOfMemory("memory is short: use a smaller batch (-b)") from error
        raise
