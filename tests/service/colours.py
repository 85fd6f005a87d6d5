"""A library whose model sees nothing but colours: small, quick, and right answers are plain to see.

The fakes implement the ports (`DualEncoder`, `Reranker`, `Captioner`); everything else is the real thing.
"""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import EmbeddingSpace, Picture, Region, UnitVectors, unit_vectors
from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.models import LoadedModels, Presence
from vasari.retrieval.models.ports import ModelKind, Task
from vasari.retrieval.models.registry.tasks import require
from vasari.retrieval.settings import Settings

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 20, 20),
    "green": (20, 200, 20),
    "blue": (20, 20, 220),
    "yellow": (230, 220, 30),
    "black": (5, 5, 5),
    "white": (250, 250, 250),
    "orange": (240, 140, 20),
    "violet": (140, 30, 200),
}
SPACE = EmbeddingSpace("colours", "colours", "w" * 32, "p" * 32, 16)


class ColourEncoder:
    """Pictures are their mean colour; texts the mean of the colours they name, else a fixed random direction."""

    space = SPACE
    dim = SPACE.dim
    image_size = 8

    def __init__(self) -> None:
        self.text_batches: list[int] = []
        self.image_batches: list[int] = []
        self.gate = threading.Event()  # cleared by a test that wants the model to be slow
        self.gate.set()
        self.entered = threading.Event()  # a text has reached the model
        self.poison: str | None = None  # a text that the model fails on

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """8 × 8 pixels."""
        return np.asarray(picture.resize((8, 8)), dtype=np.uint8)

    @property
    def preparer(self) -> ColourEncoder:
        """Itself."""
        return self

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, 16)."""
        self.gate.wait(60)
        self.image_batches.append(len(batch))
        return unit_vectors(np.stack([_vector(picture.reshape(-1, 3).mean(0)) for picture in batch]))

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, 16)."""
        self.entered.set()
        self.gate.wait(60)
        self.text_batches.append(len(texts))
        if self.poison is not None and self.poison in texts:
            raise RuntimeError("the model cannot read this")
        return unit_vectors(np.stack([_of_text(text) for text in texts]))


def _vector(colour: NDArray[Any]) -> NDArray[np.float32]:
    vector = np.zeros(SPACE.dim, dtype=np.float32)
    vector[:3] = np.asarray(colour, dtype=np.float32) / 127.5 - 1
    vector[3] = 0.1
    return vector


def _of_text(text: str) -> NDArray[np.float32]:
    named = [COLOURS[word] for word in text.lower().split() if word in COLOURS]
    if named:
        return _vector(np.mean(named, axis=0))
    return np.random.default_rng(zlib.crc32(text.encode())).normal(size=SPACE.dim).astype(np.float32)


class ColourReranker:
    """A sentence describes a picture if it names the picture's colour."""

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """8 × 8 pixels."""
        return np.asarray(picture.resize((8, 8)), dtype=np.uint8)

    def encode_images(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """The mean colour, as features (1, 3) of each."""
        return [picture.reshape(1, -1, 3).mean(1).astype(np.float16) for picture in pictures]

    def score(self, texts: Sequence[str], features: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """Near 1 for the named colour (n,)."""
        wanted = [_of_text(text)[:3] for text in texts] * (len(features) // len(texts))
        seen = np.concatenate(features).astype(np.float32) / 127.5 - 1
        near: NDArray[np.float32] = np.exp(-np.linalg.norm(seen - np.stack(wanted), axis=1)).astype(
            np.float32
        )
        return near

    def attention(self, text: str, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Everywhere alike."""
        return np.full((4, 4), 1 / 16, dtype=np.float32)


class ColourCaptioner:
    """Names the colour, which it sees all over."""

    tasks = frozenset(Task) - {Task.DESCRIBE_REGIONS}

    def caption(self, images: Sequence[Picture], detail: str = "short") -> list[str]:
        """One sentence a picture."""
        more = {"short": "", "detailed": ", all over", "more": ", all over and at length"}[detail]
        return [f"something {_name(image)}{more}" for image in images]

    def answer(self, image: Picture, question: str) -> str:
        """The colour, whatever the question."""
        return _name(image)

    def locate(self, image: Picture, phrase: str, size: tuple[int, int] | None = None) -> list[Region]:
        """The whole picture, if its colour is named."""
        return self.detect(image, size) if _name(image) in phrase else []

    def detect(
        self, image: Picture, size: tuple[int, int] | None = None, *, describe: bool = False
    ) -> list[Region]:
        """The whole picture."""
        width, height = size or (image.width, image.height)
        return [Region(0, 0, width, height, _name(image))]


def _name(image: Picture) -> str:
    mean = np.asarray(image.resize((1, 1))).reshape(3)
    return min(COLOURS, key=lambda name: float(np.linalg.norm(np.subtract(COLOURS[name], mean))))


class ColourModels(LoadedModels):
    """Fakes in place of all models."""

    def __init__(self, catalog: Callable[[], Catalog], settings: Settings, directory: Path) -> None:
        super().__init__(catalog, settings, directory)
        self.colour_encoder = ColourEncoder()
        self._of = catalog
        self.absent: set[ModelKind] = set()
        self.slow = threading.Event()  # cleared by a test whose reranker takes long to load
        self.slow.set()

    def use(self, reference: str) -> EmbeddingSpace:
        """The one space."""
        catalog = self._of()
        space = catalog.spaces.ensure(SPACE)
        if catalog.spaces.default() is None:
            catalog.spaces.set_default(space.name)
        return space

    def encoder(self, space: EmbeddingSpace) -> ColourEncoder:
        """The one encoder."""
        return self.colour_encoder

    def text_encoder(self, space: EmbeddingSpace) -> ColourEncoder:
        """The one encoder."""
        return self.colour_encoder

    def presence(self, use: ModelKind, encoder: str) -> Presence:
        """All are here, but those that a test takes away."""
        return Presence(f"colour-{use}", use not in self.absent)

    def reranker(self, encoder: str) -> Any:
        """The fake."""
        self._require(ModelKind.RERANKER)
        self.slow.wait(60)
        return ColourReranker()

    def reranker_digest(self, encoder: str) -> str:
        """Of the fake's files, if they are here."""
        self._require(ModelKind.RERANKER)
        return "colours"

    def captioner(self, encoder: str, task: Task = Task.CAPTION) -> Any:
        """The fake."""
        self._require(ModelKind.CAPTIONER)
        require(task, "colour-captioner", ColourCaptioner.tasks)
        return ColourCaptioner()

    def locator(self, encoder: str, task: Task = Task.LOCATE) -> Any:
        """The fake."""
        return self.captioner(encoder, task)

    def answerer(self, encoder: str) -> Any:
        """The fake."""
        self._require(ModelKind.ANSWERER)
        return ColourCaptioner()

    def _require(self, use: ModelKind) -> None:
        if use in self.absent:
            model = f"colour-{use}"
            raise ModelUnavailableError(
                f"/secret/place has no {model}", f"the {use} {model!r}", f"vasari models pull {model}"
            )


class ColourLibrary(Library):
    """A library with the fakes in place of models."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.models: ColourModels = ColourModels(lambda: self.catalog, self.settings, self.root / "models")

    @property
    def model(self) -> ColourEncoder:
        """The encoder, to look at what it was asked."""
        return self.models.colour_encoder


def picture(colour: str | tuple[int, int, int], side: int = 64, kind: str = "PNG") -> bytes:
    """A file of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), COLOURS[colour] if isinstance(colour, str) else colour).save(buffer, kind)
    return buffer.getvalue()


def make_library(root: Path, pictures: Path, catalog: str | None = None) -> dict[str, int]:
    """Index one picture of each colour; item ids by colour."""
    pictures.mkdir(parents=True, exist_ok=True)
    for name in COLOURS:
        (pictures / f"{name}.png").write_bytes(picture(name))
    with ColourLibrary.open(root, Settings(database_url=catalog), create=True) as library:
        index(library, FolderSource([pictures]))
        return ids_by_name(library)


def ids_by_name(library: Library) -> dict[str, int]:
    """Item ids by the file's name without its suffix."""
    from vasari.retrieval.domain import Modality

    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    return {Path(item.uri).stem: item.id for item in library.items(ids).values()}
