"""Embedding what requests ask about: in batches with those of other requests, and each text and picture once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vasari.api.service.runtime.batching import Batcher, Batchers
from vasari.api.service.runtime.embedding_cache import EmbeddingCache, Key, Vector, picture_key, text_key
from vasari.api.service.runtime.metrics import Metrics
from vasari.api.service.runtime.pools import Pool
from vasari.api.service.runtime.single_flight import SingleFlight
from vasari.retrieval import cancellation
from vasari.retrieval.domain import EmbeddingSpace, UnitVectors
from vasari.retrieval.images.limits import ImageLimits, check_together
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import PictureEncoder

Prepared = NDArray[np.uint8]  # (H, W, 3)
In = TypeVar("In")
_GPU = Path("/dev/nvidiactl")  # asking torch for one takes 300 MB


class Embedder:
    """Unit vectors of texts and pictures, by space; what is not awaited is called in threads."""

    def __init__(
        self,
        library: Library,
        limits: ImageLimits,
        batchers: Batchers,
        metrics: Metrics,
        capacity: int,
        looking: Pool,
    ) -> None:
        """`capacity` vectors are remembered; pictures are read and decoded by `looking`."""
        self._library = library
        self._limits = limits
        self._batchers = batchers
        self._metrics = metrics
        self._cache = EmbeddingCache(capacity)
        self._looking = looking
        self._preparing: SingleFlight[Key, Prepared] = SingleFlight()

    async def texts(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim), shared with requests of the same moment."""
        keys = {text_key(space, text): text for text in texts}
        found = self._known(keys)
        if absent := [key for key in keys if key not in found]:
            vectors = await self._text_batcher(space).submit([keys[key] for key in absent])
            found |= self._cache.keep(absent, vectors)
        return UnitVectors(np.stack([found[text_key(space, text)] for text in texts]))

    async def pictures(self, pictures: Sequence[bytes], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of encoded pictures; ImageError for one that is none."""
        keys = await self._looking.run(lambda: [picture_key(space, data) for data in pictures])
        distinct = dict(zip(keys, pictures, strict=True))  # equal ones are decoded once
        found = self._known(distinct)
        if absent := [key for key in distinct if key not in found]:
            encoder = await self._looking.run(partial(self.picture_encoder, space))
            new = [distinct[key] for key in absent]
            await self._looking.run(partial(check_pictures, new, self._limits, encoder.image_size))
            prepared = [await self._prepared(key, distinct[key], space) for key in absent]
            found |= self._cache.keep(absent, await self._query_picture_batcher(space).submit(prepared))
        return UnitVectors(np.stack([found[key] for key in keys]))

    async def stored(self, content: Prepared, space: EmbeddingSpace) -> Vector:
        """The vector (dim,) of a prepared picture that becomes an item: none is asked for twice, nor kept."""
        batcher: Batcher[Prepared, Vector] = self._batchers.of(
            ("stored", space.name),
            "image",
            lambda batch: list(self.picture_encoder(space).embed_images(np.stack(batch))),
        )
        (vector,) = await batcher.submit([content])
        return vector

    def texts_now(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors:
        """As `texts`, by a thread that computes for seconds anyway; no batch is waited for."""
        keys = {text_key(space, text): text for text in texts}
        found = self._remembered(keys, lambda absent: self._library.embed_texts(absent, space))
        return UnitVectors(np.stack([found[text_key(space, text)] for text in texts]))

    def picture_now(self, data: bytes, space: EmbeddingSpace) -> UnitVectors:
        """As `pictures` of one, (1, dim), by such a thread."""
        key = picture_key(space, data)
        found = self._remembered({key: data}, lambda absent: self._library.embed_pictures(absent, space))
        return UnitVectors(found[key][None])

    def _remembered(
        self, inputs: Mapping[Key, In], embed: Callable[[list[In]], UnitVectors]
    ) -> dict[Key, Vector]:
        """Cached vectors of all inputs; `embed` makes those that are missing."""
        found = self._known(inputs)
        if absent := [key for key in inputs if key not in found]:
            found |= self._cache.keep(absent, embed([inputs[key] for key in absent]))
        return found

    def _known(self, keys: Collection[Key]) -> dict[Key, Vector]:
        """The vectors that are cached, which is counted."""
        found = self._cache.known(keys)
        self._metrics.cache.labels("hit").inc(len(found))
        self._metrics.cache.labels("miss").inc(len(keys) - len(found))
        return found

    async def _prepared(self, key: Key, data: bytes, space: EmbeddingSpace) -> Prepared:
        """A preprocessed picture; concurrent requests that bring the same one decode it once."""
        return await self._preparing.run(key, lambda: self._looking.run(partial(self._prepare, data, space)))

    def _prepare(self, data: bytes, space: EmbeddingSpace) -> Prepared:
        from vasari.retrieval.images.decode import decoding

        encoder = self.picture_encoder(space)
        with decoding(data, self._limits, target=encoder.image_size) as decoded:
            return encoder.prepare(decoded.picture)

    def picture_encoder(self, space: EmbeddingSpace) -> PictureEncoder:
        """What embeds pictures that requests bring: the exported tower, which needs no torch and so can be let go of.

        Beside a GPU, where no tower was exported, and for a space in another form, what jobs embed with.
        """
        return self._library.encoder(space) if _GPU.exists() else self._library.picture_encoder(space)

    def _text_batcher(self, space: EmbeddingSpace) -> Batcher[str, Vector]:
        # The encoder is asked at each call: a search must not wait for a model that a job is loading.
        return self._batchers.of(
            ("texts", space.name),
            "text",
            lambda texts: list(self._library.models.text_encoder(space).embed_texts(texts)),
            order=len,
        )

    def _query_picture_batcher(self, space: EmbeddingSpace) -> Batcher[Prepared, Vector]:
        return self._batchers.of(
            ("pictures", space.name),
            "image",
            lambda batch: list(self.picture_encoder(space).embed_images(np.stack(batch))),
        )


def check_pictures(pictures: Sequence[bytes], limits: ImageLimits, target: int | None = None) -> None:
    """Hold the pictures of one request against the limits by their headers, each and all; raises ImageError.

    `target` is the side in pixels at which they are needed.
    """
    from vasari.retrieval.images.decode import weigh

    weight = 0
    for data in pictures:
        cancellation.check()
        weight += weigh(data, limits, target=target)
        check_together(weight, limits)
