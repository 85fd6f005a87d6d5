"""The built-in model knows drawings only: whether that matters for the pictures that it is to work on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

NOTE = (
    "note: the model `scenes` knows drawings, not photos. For photos:"
    " `vasari models pull fast && vasari index PATH --model fast`, or without a network `--model starter`"
)
_BUILT_IN = "scenes"
_MARK = "render.json"  # lies beside what Vasari draws


def knows_no_photos(model: str, places: Iterable[str]) -> bool:
    """Whether `model` knows drawings only, and not all `places` are what Vasari drew."""
    return _is_built_in(model) and not all(map(_drawn, places))


def _is_built_in(model: str) -> bool:
    if model == _BUILT_IN:
        return True
    if Path(model).name != _BUILT_IN:
        return False
    from vasari.retrieval.models.registry.presets import knows_drawings_only

    return knows_drawings_only(model)


def _drawn(place: str) -> bool:
    folder = Path(place)
    return any((above / _MARK).is_file() for above in (folder, folder.parent, folder.parent.parent))
