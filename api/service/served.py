"""A library that remembers embeddings: searches in threads find there what the batches put in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from api.service.cache import EmbeddingCache, Key
from api.service.problems import ProblemError
from api.service.scanning import SharedGallery
from retrieval.domain import EmbeddingSpace, Item, Modality, UnitVectors
from retrieval.errors import ImageError, UnsupportedError
from retrieval.imaging.files import content_hash
from retrieval.library import Library
from retrieval.vectors.gallery import Gallery

if TYPE_CHECKING:
    from retrieval.images import Picture
    from retrieval.models.ports import TextEncoder


_LOG = logging.getLogger("vasari.service")


class ServedLibrary(Library):
    """`embed_texts` and `embed_pictures` look into `cache` first; all else is the library's own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cache = EmbeddingCache(20_000)
        self.models.long_lived = True
        self.models.fetches = False  # what a visitor asks for is no reason to download gigabytes
        self._query_encoders: dict[str, TextEncoder] = {}
        self._shared: dict[tuple[Modality, str], tuple[Gallery, SharedGallery]] = {}
        self.text_precision: Literal["float32", "int8"] = "float32"
        self.read_original: Callable[[Item], bytes] | None = None  # what keeps files inside the roots

    @property
    def decode_bytes(self) -> int:
        """Memory for decoding, where the settings say nothing: what strangers send must not take a share of it all."""
        return 512 * 1024 * 1024

    def gallery(self, modality: Modality, space: EmbeddingSpace | None = None) -> Gallery:
        """The gallery of this moment; searches by several threads share its passes."""
        space = space or self.space()
        found = super().gallery(modality, space)
        held = self._shared.get((modality, space.name))
        if held is None or held[0] is not found:
            held = self._shared[modality, space.name] = (found, SharedGallery(found))
        return held[1]

    def query_encoder(self, space: EmbeddingSpace) -> TextEncoder:
        """What embeds query texts: what it was at first, even when a picture has made the whole model be loaded.

        The exported tower reads only as many tokens as there are; the whole model is slower at it.
        """
        if space.name not in self._query_encoders:
            encoder = self.models.text_encoder(space)
            self._query_encoders[space.name] = self._in_int8(space, encoder) or encoder
        return self._query_encoders[space.name]

    def _in_int8(self, space: EmbeddingSpace, exact: TextEncoder) -> TextEncoder | None:
        """The faster form of the text tower, where it was asked for and can be had."""
        if self.text_precision != "int8":
            return None
        from retrieval.models.text_int8 import open_in_int8

        try:
            return open_in_int8(self.models_directory(space), exact, threads=self.settings.threads)
        except UnsupportedError as error:
            _LOG.warning("query texts stay in float32: %s", error)
            return None

    def embed_texts(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of texts, computed only where they are not remembered."""
        keys = [text_key(space, text) for text in texts]
        return self._remembered(keys, texts, lambda missing: self.query_encoder(space).embed_texts(missing))

    def embed_pictures(self, pictures: Sequence[bytes | Path], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of pictures; bytes are remembered by their content, files are read anew."""
        if any(isinstance(picture, Path) for picture in pictures):
            return super().embed_pictures(pictures, space)
        keys = [picture_key(space, picture) for picture in pictures if isinstance(picture, bytes)]
        return self._remembered(
            keys, pictures, lambda missing: super(ServedLibrary, self).embed_pictures(missing, space)
        )

    def picture_of(self, item: Item) -> Picture:
        """An item's picture, read as carefully as what is sent to callers."""
        if self.read_original is None:
            return super().picture_of(item)
        try:
            return self.open_picture(self.read_original(item))
        except ProblemError as error:
            raise ImageError(str(error), "read") from None

    def _remembered(self, keys: Sequence[Key], inputs: Sequence[Any], compute: Any) -> UnitVectors:
        found = [self.cache.get(key) for key in keys]
        absent = [place for place, vector in enumerate(found) if vector is None]
        if absent:
            for place, vector in zip(absent, compute([inputs[place] for place in absent]), strict=True):
                self.cache.put(keys[place], vector)
                found[place] = vector
        return UnitVectors(np.stack([vector for vector in found if vector is not None]))


def text_key(space: EmbeddingSpace, text: str) -> Key:
    """Under which a text's embedding is remembered."""
    return space.name, "text", text


def picture_key(space: EmbeddingSpace, data: bytes) -> Key:
    """Under which a picture's embedding is remembered: its content, not its name."""
    return space.name, "image", content_hash(data)
