"""Capabilities: which models are on this machine, so that a page's switches can say so before they are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from vasari.api.drawings import knows_no_photos
from vasari.api.service.schemas.collection import AbilityAnswer
from vasari.retrieval.library.instant_start import first_model
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.models import Presence
from vasari.retrieval.models.ports import ModelKind

_NEEDS: dict[str, tuple[ModelKind, ...]] = {  # any of these models will do
    "pictures": (ModelKind.DUAL_ENCODER,),
    "classify": (ModelKind.DUAL_ENCODER,),
    "rerank": (ModelKind.RERANKER,),
    "match": (ModelKind.RERANKER,),
    "why": (ModelKind.RERANKER, ModelKind.DUAL_ENCODER),
    "caption": (ModelKind.CAPTIONER,),
    "ask": (ModelKind.ANSWERER,),
    "locate": (ModelKind.CAPTIONER,),
    "detect": (ModelKind.CAPTIONER,),
}


def abilities(library: Library) -> dict[str, AbilityAnswer]:
    """By name, whether it can be done, and what fetches the model where it cannot."""
    encoder = _encoder(library)
    found = {use: library.models.presence(use, encoder) for use in ModelKind}
    able = {name: _ability([found[use] for use in uses]) for name, uses in _NEEDS.items()}
    return able | {"regions": _regions(library, able["pictures"])}


def _regions(library: Library, encoder: AbilityAnswer) -> AbilityAnswer:
    """Whether searches can look into parts of pictures, which a job embeds once."""
    from vasari.indexer.regions import regions_kept

    here = regions_kept(library) is not None
    command = None if here else "vasari index PATH --regions 5"
    return AbilityAnswer(here=here, model=encoder.model, command=command)


def _ability(models: Sequence[Presence]) -> AbilityAnswer:
    """What the first of the models that is here can do, else the first."""
    from vasari.retrieval.models.registry.resolve import HUB_PREFIX

    model = next((model for model in models if model.here), models[0])
    folder = "/" in model.model and not model.model.startswith(HUB_PREFIX)
    return AbilityAnswer(
        here=model.here,
        model=PurePath(model.model).name if folder else model.model,  # where it lies is nobody's business
        command=None if model.here or folder else f"vasari models pull {model.model}",
    )


_LOOKED_AT = 20  # pictures, the latest added, by which it is told whether the collection is drawn


def drawings_only(library: Library, pictures: NDArray[np.int64]) -> bool:
    """Whether the library's model knows no photos, and its pictures (or the first to come) are not known as drawn.

    `pictures` are the sorted ids (n,) of those that the caller sees.
    """
    if not knows_no_photos(_encoder(library), ["/"]):
        return False
    latest = pictures[-_LOOKED_AT:].tolist()
    uris = [item.uri for item in library.items(latest).values()]
    return knows_no_photos(_encoder(library), uris or ["/"])


def _encoder(library: Library) -> str:
    space = library.catalog.spaces.default()
    return space.model if space is not None else first_model(library.settings)
