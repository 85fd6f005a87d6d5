"""Pictures with text on them, and a reader that knows them by heart."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vasari.retrieval.domain import Picture, TextLine


def sign(text: str, size: tuple[int, int] = (640, 480), height: int = 60, turned: int = 0) -> bytes:
    """A PNG with black text on a yellow board, turned counter-clockwise by so many degrees."""
    picture = Image.new("RGB", size, (40, 90, 160))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(height)
    left, top, right, bottom = draw.textbbox((size[0] // 2, size[1] // 2), text, font, anchor="mm")
    draw.rectangle((left - 20, top - 20, right + 20, bottom + 20), (250, 210, 40))
    draw.text((size[0] // 2, size[1] // 2), text, (0, 0, 0), font, anchor="mm")
    buffer = io.BytesIO()
    picture.rotate(turned, expand=True).save(buffer, "PNG")
    return buffer.getvalue()


class ByHeart:
    """Knows what is in a picture by the red of its first pixel, and notes whom it was asked about."""

    def __init__(self, known: Mapping[int, str], name: str = "by heart 1", seconds: float = 0.0) -> None:
        self.name = name
        self.seen: list[int] = []
        self._known, self._seconds = known, seconds

    def read(self, picture: Picture) -> list[TextLine]:
        """One line over the left half of the picture, or none."""
        time.sleep(self._seconds)
        first = int(np.asarray(picture)[0, 0, 0])
        self.seen.append(first)
        half, low = picture.width // 2, picture.height
        corners = ((0, 0), (half, 0), (half, low), (0, low))
        return [TextLine(self._known[first], 1.0, corners)] if first in self._known else []
