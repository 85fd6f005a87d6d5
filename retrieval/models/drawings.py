"""The captioner of drawings is asked about drawings only: a photo is refused, where it would make something up.

What is drawn by Vasari's painter is told by a linear probe on the image vectors of `starter`: Fisher's discriminant
(Annals of Eugenics 7, 1936) between drawn postcards and photos. Of 1,000 drawings that it was not made from, 7 are
taken for photos (`training/recipes/drawings_probe.py` makes it and counts), and of 500 photos none for a drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Picture, Region
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.captioner import Florence2Captioner
from vasari.retrieval.models.ports import Detail, DualEncoder

# (dim + 1,) float32: a direction in the space of `starter`, and the least that is drawn
PROBE = "drawings.npy"


class Probe(Protocol):
    """Tells drawings from photos."""

    def are_drawn(self, images: Sequence[Picture]) -> NDArray[np.bool_]:
        """Which of the images (n,) are drawings of Vasari's painter."""


class LinearProbe:
    """A direction in an encoder's space, and the least cosine along it that is taken for a drawing."""

    def __init__(self, encoder: DualEncoder, file: Path) -> None:
        self._encoder = encoder
        numbers = np.load(file)
        self._direction, self._least = numbers[:-1], float(numbers[-1])

    def are_drawn(self, images: Sequence[Picture]) -> NDArray[np.bool_]:
        """Which of the images (n,) are drawings of Vasari's painter."""
        batch = np.stack([self._encoder.prepare(image) for image in images])
        return drawn(self._encoder.embed_images(batch), self._direction, self._least)


def drawn(vectors: NDArray[np.float32], direction: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """Which vectors (n, dim) lie on the side of the drawings."""
    found: NDArray[np.bool_] = vectors @ direction >= least
    return found


class DrawingsOnly:
    """A captioner that refuses what is not drawn, with UnsupportedError that says what to do instead."""

    def __init__(self, captioner: Florence2Captioner, probe: Probe) -> None:
        self._captioner = captioner
        self._probe = probe
        self.tasks = captioner.tasks

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        """As the captioner's own."""
        self._check(images)
        return self._captioner.caption(images, detail)

    def answer(self, image: Picture, question: str) -> str:
        """As the captioner's own."""
        self._check([image])
        return self._captioner.answer(image, question)

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """As the captioner's own."""
        self._check(images)
        return self._captioner.answers(images, questions)

    def locate(self, image: Picture, phrase: str, size: tuple[int, int] | None = None) -> list[Region]:
        """As the captioner's own."""
        self._check([image])
        return self._captioner.locate(image, phrase, size)

    def detect(
        self, image: Picture, size: tuple[int, int] | None = None, *, describe: bool = False
    ) -> list[Region]:
        """As the captioner's own."""
        self._check([image])
        return self._captioner.detect(image, size, describe=describe)

    def _check(self, images: Sequence[Picture]) -> None:
        if images and not self._probe.are_drawn(images).all():
            raise UnsupportedError(
                "scenes-florence, the captioner of this library's model, knows what Vasari draws, and this is a photo:"
                " `vasari models pull florence-2-base` and VASARI_CAPTIONER=florence-2-base describe photos,"
                " `blip-vqa-base` and VASARI_ANSWERER=blip-vqa-base answer questions about them"
            )
