"""Bounding boxes drawn over a picture, each with its label."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import ImageDraw, ImageFont

from vasari.retrieval.domain import Region
from vasari.retrieval.images.decode import DecodedImage

_LINE = (255, 176, 32)
_GROUND = (20, 24, 82)
_PARTS = 240  # a line is so many parts of the longer side wide; letters are ten lines high


def boxes_overlay(decoded: DecodedImage, regions: Sequence[Region]) -> bytes:
    """PNG of the picture, which may be smaller than the one that the boxes' pixels are of."""
    drawn = decoded.picture.copy()
    pen, width = ImageDraw.Draw(drawn), max(1, max(drawn.size) // _PARTS)
    across, down = drawn.width / decoded.info.width, drawn.height / decoded.info.height
    font = ImageFont.load_default(10 * width)
    for region in regions:
        corner = region.left * across, region.top * down
        box = (*corner, region.right * across, region.bottom * down)
        pen.rectangle(box, outline=_GROUND, width=3 * width)
        pen.rectangle(box, outline=_LINE, width=2 * width)
        _label(pen, region.label, corner, font)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return buffer.getvalue()


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """White on dark, above the box's corner where there is room, else inside."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    x, y = corner[0], corner[1] - bottom if corner[1] >= bottom else corner[1]
    pen.rectangle((x, y, x + right + left, y + bottom + top), fill=_GROUND)
    pen.text((x, y), text, font=font, fill=(255, 255, 255))
