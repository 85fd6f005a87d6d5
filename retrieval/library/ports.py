"""The port by which work on the contents of a library reaches it. `Library` offers that work, which may not know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import (
    EmbeddingSpace,
    FairTrial,
    Item,
    ItemId,
    Modality,
    SearchRequest,
    SearchResponse,
    UnitVectors,
)
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.ports import DualEncoder, PictureEncoder
from vasari.retrieval.settings import Settings
from vasari.retrieval.vectors.gallery import Gallery


class Contents(Protocol):
    """An open library to those who add to it, take from it, or change its spaces; each is described in `Library`."""

    @property
    def root(self) -> Path: ...  # noqa: D102
    @property
    def settings(self) -> Settings: ...  # noqa: D102
    @property
    def catalog(self) -> Catalog: ...  # noqa: D102
    @property
    def image_limits(self) -> ImageLimits: ...  # noqa: D102
    def space(self, name: str | None = None) -> EmbeddingSpace: ...  # noqa: D102
    def use_model(self, reference: str) -> EmbeddingSpace: ...  # noqa: D102
    def begin(self) -> EmbeddingSpace: ...  # noqa: D102
    def encoder(self, space: EmbeddingSpace) -> DualEncoder: ...  # noqa: D102
    def picture_encoder(self, space: EmbeddingSpace) -> PictureEncoder: ...  # noqa: D102
    def embed_texts(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors: ...  # noqa: D102
    def searched(  # noqa: D102
        self,
        request: SearchRequest,
        query: UnitVectors | None = None,
        fair: FairTrial | Literal[False] | None = None,
    ) -> SearchResponse: ...
    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]: ...  # noqa: D102
    def gallery(self, modality: Modality, space: EmbeddingSpace) -> Gallery: ...  # noqa: D102
    def segments_directory(self, space: EmbeddingSpace, modality: Modality) -> Path: ...  # noqa: D102
