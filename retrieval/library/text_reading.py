"""Reading the text in one picture (OCR), in pixels of the full picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vasari.retrieval.domain import Item, TextLine
from vasari.retrieval.images.decode import decode
from vasari.retrieval.storage.local_files import read_file

if TYPE_CHECKING:
    from vasari.retrieval.library.library import Library
    from vasari.retrieval.models.ports import TextReader

_LEGIBLE = 750  # pixels of the shorter side, at least doubled where the file has them: readers take 2,000 of the longer


def read_text(library: Library, what: Item | bytes | Path, reader: TextReader) -> tuple[TextLine, ...]:
    """The lines of text in a picture, from top to bottom; raises ImageError when it is gone or broken."""
    limits = library.image_limits
    if isinstance(what, Path):
        data = read_file(what, limits)
    else:
        data = library.read_original(what) if isinstance(what, Item) else what
    decoded = decode(data, limits, target=_LEGIBLE)
    found = reader.read(decoded.picture)
    across = decoded.info.width / decoded.picture.width
    down = decoded.info.height / decoded.picture.height
    return tuple(
        TextLine(
            line.text,
            line.confidence,
            tuple((round(x * across), round(y * down)) for x, y in line.corners),
        )
        for line in found
    )
