"""The built-in model knows drawings only: said before work is done with it on other pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from api.cli import output

_BUILT_IN = "scenes"
_MARK = "render.json"  # lies beside what Vasari draws


def note_if_photos(model: str, places: Iterable[str]) -> None:
    """Say that `model` knows no photos, unless it does, or all `places` are what Vasari drew."""
    if _is_built_in(model) and not all(map(_drawn, places)):
        output.note(
            "note: the model `scenes` knows drawings, not photos. For photos:"
            " `vasari models pull fast && vasari index PATH --model fast`"
        )


def _is_built_in(model: str) -> bool:
    if model == _BUILT_IN:
        return True
    if Path(model).name != _BUILT_IN:
        return False
    from retrieval.models.presets import knows_drawings_only

    return knows_drawings_only(model)


def _drawn(place: str) -> bool:
    folder = Path(place)
    return any((above / _MARK).is_file() for above in (folder, folder.parent, folder.parent.parent))
