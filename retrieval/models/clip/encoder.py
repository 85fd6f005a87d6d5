"""The dual encoder over open_clip: pictures and texts to vectors of one space.

Importing this module is cheap; torch is imported by `OpenClipEncoder.load`, after the model's files were found, so
that missing weights are reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace, Picture, UnitVectors
from vasari.retrieval.models.ports import Preparer
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.files import locate
from vasari.retrieval.models.registry.fingerprints import space_for
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.resolve import resolve
from vasari.retrieval.settings import Precision

if TYPE_CHECKING:
    from vasari.retrieval.models.clip.towers import Towers


class OpenClipEncoder:
    """A `DualEncoder` over any open_clip model. All methods may be called from several threads."""

    def __init__(self, towers: Towers, space: EmbeddingSpace) -> None:
        self.towers = towers
        self.space = space

    @classmethod
    def load(
        cls,
        reference: str,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        offline: bool = False,
        hub_timeout: float = 8.0,
        mapped: bool = False,
    ) -> OpenClipEncoder:
        """Load the model that `reference` names (see `registry.resolve`), downloading it where needed and allowed.

        `threads` is the number of CPU threads that torch computes with, for the whole process; `mapped`: see `Towers`.
        Raises NotFoundError or UsageError for a bad reference, ModelUnavailableError for weights that are neither
        here nor to be had within `hub_timeout` seconds, UnsupportedError for models that bring their own code.
        """
        files = locate(resolve(reference), HubAccess(offline=offline, timeout=hub_timeout))
        from vasari.retrieval.models.clip.towers import Towers
        from vasari.retrieval.models.clip.vocabulary import check_vocabulary
        from vasari.retrieval.models.hardware import choose_device, choose_dtype
        from vasari.retrieval.models.registry.checkpoints import readable

        chosen = choose_device(device)
        towers = Towers(files, chosen, choose_dtype(chosen, precision), threads, mapped=mapped)
        # Such as a tokenizer of more words than the tower has.
        with readable(files.tokenizer or files.weights):
            if files.tokenizer is not None:  # CLIP's byte pairs come with open_clip
                check_vocabulary(towers.tokenizer.tokenizer, towers.text_tower, files.tokenizer)
            dim = towers.embed_texts(["", "a word"]).shape[1]
        return cls(towers, space_for(files, towers.image, towers.text, dim))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.space.dim

    @property
    def image_size(self) -> int:
        """Pixels of the shorter side that preprocessing needs."""
        return self.towers.image.image_size

    @property
    def preparer(self) -> ImagePreprocessing:
        """The picture side of preprocessing."""
        return self.towers.image

    @property
    def device(self) -> str:
        """Where the towers compute: cpu, cuda:0, mps."""
        return str(self.towers.device)

    @property
    def precision(self) -> str:
        """What the towers compute in: float32, bfloat16 or float16."""
        return str(self.towers.dtype).removeprefix("torch.")

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self.towers.prepare(picture)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
        if len(batch) == 0:
            return UnitVectors(np.empty((0, self.dim), dtype=np.float32))
        return self.towers.embed_images(batch)

    @property
    def overlaps(self) -> bool:
        """Whether the device computes beside the thread that calls `begin`."""
        return self.towers.device.type == "cuda"

    @property
    def device_name(self) -> str:
        """The kind of a GPU and the precision; "cpu" elsewhere."""
        return self.towers.device_name

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of prepared pictures."""
        return self.towers.image.height, self.towers.image.width

    @property
    def sent_preparer(self) -> Preparer:
        """What other processes prepare pictures by, exactly as this one does."""
        from vasari.retrieval.models.clip.pixels import TorchPreparer

        return TorchPreparer(self.towers.image)

    def pin(self, memory: NDArray[np.uint8]) -> None:
        """Let a GPU read this memory by itself, as long as it is there."""
        if self.overlaps:
            from vasari.retrieval.models.clip.transfer import pin

            pin(memory)

    @property
    def memory_in_use(self) -> float:
        """The largest share of a GPU's memory that was in use so far; 0 elsewhere."""
        return self.towers.memory_in_use

    def begin(self, batch: NDArray[np.uint8]) -> Callable[[], UnitVectors]:
        """Hand over prepared pictures (n, H, W, 3), left as they are until the function returned their vectors.

        Both raise OutOfMemory.
        """
        return self.towers.begin(batch)

    def embed_patches(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vectors (n, rows, columns, dim) of the patches of prepared pictures; raises UnsupportedError."""
        return self.towers.embed_patches(batch)

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim) of `texts`; raises OutOfMemory."""
        if not texts:
            return UnitVectors(np.empty((0, self.dim), dtype=np.float32))
        return self.towers.embed_texts(texts)
