"""The vectors of a dataset, computed once and kept: a second evaluation of the same model starts at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Picture, UnitVectors
from vasari.retrieval.errors import ImageError, StorageError
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.ports import DualEncoder
from vasari.retrieval.storage.atomic import replaced
from vasari.retrieval.storage.local_files import read_file

BATCH = 64


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture: `box` is its left, top, width and height in pixels of the upright picture."""

    path: Path
    box: tuple[int, int, int, int]

    def __str__(self) -> str:
        return f"{self.path}|{','.join(map(str, self.box))}"


Image = Path | Region


class UnreadableError(ImageError):
    """Pictures of a dataset that cannot be decoded: `files` says why, by their paths."""

    def __init__(self, files: Mapping[Path, str]) -> None:
        path, reason = next(iter(files.items()))
        more = f", and {len(files) - 1:,} more" if len(files) > 1 else ""
        super().__init__(f"{path}: {reason}{more}")
        self.files = files


Report = Callable[[int], None]
"""Called with the number of things done since the last call."""


def load_picture(image: Image, side: int | None = None) -> Picture:
    """Decode one picture of a dataset, or a part of it; raises UnreadableError, which names it.

    What lies outside of the picture is black.
    """
    limits, path = ImageLimits(), path_of(image)
    try:
        if isinstance(image, Path):
            return decode(read_file(path, limits), limits, target=side).picture
        left, top, width, height = image.box
        whole = decode(read_file(path, limits), limits).picture
        return whole.crop((left, top, left + width, top + height))
    except ImageError as error:
        raise UnreadableError({path: str(error)}) from error


def path_of(image: Image) -> Path:
    """The file that a picture, or a part of one, is in."""
    return image if isinstance(image, Path) else image.path


def load_readable(paths: Iterable[Path]) -> tuple[dict[Path, Picture], dict[Path, str]]:
    """Those of the pictures that can be decoded, and why the others cannot be."""
    pictures: dict[Path, Picture] = {}
    unreadable: dict[Path, str] = {}
    for path in dict.fromkeys(paths):
        try:
            pictures[path] = load_picture(path)
        except UnreadableError as error:
            unreadable |= error.files
    return pictures, unreadable


def batches(
    paths: Sequence[Image], prepare: Callable[[Image], NDArray[np.uint8]]
) -> Iterator[list[NDArray[np.uint8]]]:
    """Prepared pictures, each (H, W, 3), decoded on threads, a batch at a time.

    Raises UnreadableError, once all were tried, where some cannot be decoded; nothing is given after the first of them.
    """
    unreadable: dict[Path, str] = {}

    def tried(path: Image) -> NDArray[np.uint8] | None:
        try:
            return prepare(path)
        except UnreadableError as error:
            unreadable.update(error.files)
            return None

    with ThreadPoolExecutor(thread_name_prefix="decode") as pool:
        for start in range(0, len(paths), BATCH):
            pictures = list(pool.map(tried, paths[start : start + BATCH]))
            if not unreadable:
                yield [picture for picture in pictures if picture is not None]
    if unreadable:
        raise UnreadableError(unreadable)


class EmbeddingFiles:
    """Vectors of pictures and texts by space and content, as .npy files in a directory."""

    def __init__(self, directory: Path | None) -> None:
        """Without a directory nothing is kept."""
        self.directory = directory

    def pictures(self, images: Sequence[Image], encoder: DualEncoder, report: Report) -> UnitVectors:
        """Vectors (n, dim) of pictures, known again by path, size and modification time."""

        def compute() -> UnitVectors:
            found = []
            side = encoder.image_size
            for batch in batches(images, lambda image: encoder.prepare(load_picture(image, side))):
                found.append(encoder.embed_images(np.stack(batch)))
                report(len(batch))
            return UnitVectors(np.concatenate(found))

        stats = ((image, path_of(image).stat()) for image in images)
        stamps = (f"{image}|{stat.st_size}|{stat.st_mtime_ns}" for image, stat in stats)
        return self._kept("pictures", encoder, stamps, compute)

    def texts(self, texts: Sequence[str], encoder: DualEncoder, report: Report) -> UnitVectors:
        """Vectors (n, dim) of texts."""

        def compute() -> UnitVectors:
            found = []
            for start in range(0, len(texts), BATCH):
                part = texts[start : start + BATCH]
                found.append(encoder.embed_texts(part))
                report(len(part))
            return UnitVectors(np.concatenate(found))

        return self._kept("texts", encoder, texts, compute)

    def _kept(
        self, what: str, encoder: DualEncoder, contents: Iterable[str], compute: Callable[[], UnitVectors]
    ) -> UnitVectors:
        if self.directory is None:
            return compute()
        space = encoder.space
        digest = blake2b(digest_size=16)
        for part in (space.weights_fingerprint, space.preprocessing_fingerprint, *contents):
            digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
        file = self.directory / f"{space.name}-{what}-{digest.hexdigest()}.npy"
        if file.is_file():
            return UnitVectors(np.load(file))
        vectors = compute()
        with (
            contextlib.suppress(StorageError),  # kept or not, this is the answer
            replaced(file, durable=False) as (temporary,),
            temporary.open("wb") as opened,
        ):
            np.save(opened, vectors)
        return vectors
