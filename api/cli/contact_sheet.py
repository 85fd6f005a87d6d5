"""A contact sheet: rows of small pictures with words over and under them, as one PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from vasari.retrieval.images.decode import Picture


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a contact sheet: a title over pictures, each with a word or two under it."""

    title: str
    pictures: Sequence[Picture]
    notes: Sequence[str]


def contact_sheet(rows: Sequence[Row]) -> bytes:
    """PNG with one row of pictures a query."""
    side, margin, title_height, note_height = 160, 16, 30, 22
    columns = max(len(row.pictures) for row in rows)
    height = title_height + side + note_height + margin
    sheet = Image.new("RGB", (margin + columns * (side + margin), margin + len(rows) * height), "white")
    draw = ImageDraw.Draw(sheet)
    title_font, note_font = ImageFont.load_default(16), ImageFont.load_default(12)
    for number, row in enumerate(rows):
        top = margin + number * height
        draw.text((margin, top), row.title, fill=(24, 24, 32), font=title_font)
        for column, (picture, note) in enumerate(zip(row.pictures, row.notes, strict=True)):
            left = margin + column * (side + margin)
            small = picture.copy()
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            sheet.paste(small, (left, top + title_height))
            draw.text((left, top + title_height + side + 3), note, fill=(96, 96, 110), font=note_font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
