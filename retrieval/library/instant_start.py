"""Instant start: a new library begins with the built-in `starter` where the default model is not on this machine yet.

    LIBRARY/upgrade.json    {"model": "fast"}: what takes over once all items have a vector by it

A model that was named (`--model`, `VASARI_MODEL`) is used from the start, or its absence is an error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.presets import find_preset, is_local
from vasari.retrieval.settings import NEW_MODEL, Settings
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.layout import UPGRADE

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents

STARTER = "starter"


def first_model(settings: Settings) -> str:
    """What a new library is filled by: the settings' model, or `starter` while the default one is not here."""
    from vasari.retrieval.models.registry.files import is_here  # brings the hub's client: 0.3 s

    if settings.model != NEW_MODEL or is_here(NEW_MODEL, ModelKind.DUAL_ENCODER):
        return settings.model
    return STARTER if is_local(find_preset(STARTER)) else settings.model


def begin(library: Contents) -> EmbeddingSpace:
    """Make the first space of a library, and note what is to take over from `starter`.

    Raises ModelUnavailableError where the model cannot be had.
    """
    model = first_model(library.settings)
    space = library.use_model(model)
    if model != library.settings.model:
        write_bytes(library.root / UPGRADE, json.dumps({"model": library.settings.model}).encode())
    return space


def successor(root: Path, default: EmbeddingSpace | None) -> str | None:
    """The model that is to take over from `starter` in a library; None once another space is the default."""
    if default is None or default.model != STARTER:
        return None
    try:
        model = json.loads((root / UPGRADE).read_bytes())["model"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return model if isinstance(model, str) else None
