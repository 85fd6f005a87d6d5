"""The note that the built-in model knows drawings only: said before work is done with it on other pictures."""

from __future__ import annotations

from collections.abc import Iterable

from api.cli import output
from api.drawings import knows_no_photos


def note_if_photos(model: str, places: Iterable[str]) -> None:
    """Say that `model` knows no photos, unless it does, or all `places` are what Vasari drew."""
    if knows_no_photos(model, places):
        note()


def note() -> None:
    """Say it."""
    output.note(
        "note: the model `scenes` knows drawings, not photos. For photos:"
        " `vasari models pull fast && vasari index PATH --model fast`"
    )
