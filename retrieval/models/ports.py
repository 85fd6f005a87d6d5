"""Ports of the models, as protocols; the fakes of the tests implement them too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace, Picture, Region, TextLine, UnitVectors
from vasari.retrieval.errors import VasariError

Detail = Literal["short", "detailed", "more"]


class Task(StrEnum):
    """What a model that writes about pictures may have been taught; the value completes "it does not …"."""

    CAPTION = "describe pictures"
    PARAGRAPH = "describe pictures in a paragraph"
    ANSWER = "answer questions"
    LOCATE = "locate phrases"
    DETECT = "detect things"
    DESCRIBE_REGIONS = "describe regions of pictures"
    READ = "read the text in pictures"


class ModelKind(StrEnum):
    """What a model is used for."""

    DUAL_ENCODER = "dual_encoder"
    RERANKER = "reranker"
    CAPTIONER = "captioner"
    ANSWERER = "answerer"

    def choosing(self, model: str) -> str:
        """What a person types to have a model used for this: an option, or a variable of the environment."""
        return f"--model {model}" if self is ModelKind.DUAL_ENCODER else f"VASARI_{self.upper()}={model}"


class OutOfMemory(VasariError):  # noqa: N818 - reads as the signal it is: the pipeline halves its batch on it
    """The device could not hold a batch; the same work may succeed in smaller batches."""


class TextEncoder(Protocol):
    """The text half of a dual encoder: enough for a text query."""

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim) of `texts`; raises OutOfMemory."""


class Preparer(Protocol):
    """The half of a dual encoder that runs on CPU threads: no weights, so it can be sent to other processes."""

    @property
    def image_size(self) -> int:
        """Pixels of the shorter side that preprocessing needs; pictures may be decoded at twice this size."""

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: uint8 (H, W, 3), the same shape for every picture. Thread-safe."""


class PictureEncoder(Preparer, Protocol):
    """Embeds pictures, and need not know texts."""

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Unit vectors (n, dim) of prepared pictures (n, H, W, 3)."""
        ...


class DualEncoder(Preparer, Protocol):
    """Maps pictures and texts into one space, where the cosine tells how well they fit."""

    @property
    def space(self) -> EmbeddingSpace:
        """The space that the vectors belong to."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def preparer(self) -> Preparer:
        """What prepares pictures for this encoder, without its weights."""

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim) of `texts`; raises OutOfMemory."""


@runtime_checkable
class Overlapping(Protocol):
    """What a dual encoder can do whose device computes beside the thread that calls it."""

    @property
    def overlaps(self) -> bool:
        """Whether its device does."""

    @property
    def device_name(self) -> str:
        """Its kind, such as NVIDIA H200: what is measured on one holds for the others."""

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of prepared pictures."""

    @property
    def sent_preparer(self) -> Preparer:
        """What other processes prepare pictures by, exactly as this one does."""

    def pin(self, memory: NDArray[np.uint8]) -> None:
        """Let the device read this memory by itself, as long as it is there."""

    @property
    def memory_in_use(self) -> float:
        """The largest share of the device's memory that was in use so far."""

    def begin(self, batch: NDArray[np.uint8]) -> Callable[[], UnitVectors]:
        """Hand over prepared pictures (n, H, W, 3), which stay as they are until the function has returned.

        The function waits for their vectors (n, dim). Both raise OutOfMemory.
        """


class Reranker(Protocol):
    """Reads a text and a picture together (cross-attention); slower and finer than a dual encoder.

    The picture's half is computed once and may be kept; `score` is the cheap half.
    """

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize: (H, W, 3), for some models of each picture's own shape. Thread-safe."""
        ...

    def encode_images(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """Features (patches, width) of each prepared picture (H, W, 3)."""
        ...

    def score(self, texts: Sequence[str], features: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """Probability in [0, 1] that text i describes picture i: (n,); one text is compared with all pictures."""
        ...


@runtime_checkable
class PointingReranker(Reranker, Protocol):
    """One that attends from words to a grid of patches, and can say where it looks."""

    def attention(self, text: str, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Where `text` looks in one picture (patches, width): (rows, columns), summing to 1."""
        ...


@runtime_checkable
class PictureModel(Protocol):
    """Writes about pictures; which of the protocols below it has is said by its tasks."""

    @property
    def tasks(self) -> frozenset[Task]:
        """What it was taught. Asked for anything else, it would write something all the same."""


@runtime_checkable
class Answerer(Protocol):
    """Answers questions about pictures: `Task.ANSWER`."""

    def answer(self, image: Picture, question: str) -> str:
        """A short answer to a question about the picture."""

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """One answer for each (picture, question) pair."""


@runtime_checkable
class Captioner(Protocol):
    """Describes pictures: `Task.CAPTION`, and with `more` `Task.PARAGRAPH`."""

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        """One description for each image."""


@runtime_checkable
class Locator(Protocol):
    """Says where things are, in pixels of a picture of `size` (width, height): by default that of `image` itself."""

    def locate(self, image: Picture, phrase: str, size: tuple[int, int] | None = None) -> list[Region]:
        """Where the phrase is to be seen (`Task.LOCATE`); empty if nowhere."""

    def detect(
        self, image: Picture, size: tuple[int, int] | None = None, *, describe: bool = False
    ) -> list[Region]:
        """All things seen, by name (`Task.DETECT`), or by what they look like (`Task.DESCRIBE_REGIONS`)."""


class TextReader(Protocol):
    """Reads the text in pictures (OCR)."""

    @property
    def name(self) -> str:
        """What it is called, with its version: another name may read something else."""

    def read(self, picture: Picture) -> list[TextLine]:
        """The lines of text, from top to bottom, in the picture's own pixels. Safe to call from several threads."""
