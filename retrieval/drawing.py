"""Pictures about pictures: a heat map over one, a contact sheet of many, samples to measure with."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vasari.retrieval.images import Picture

_COLD = np.array([20, 24, 82], np.float32)
_HOT = np.array([255, 176, 32], np.float32)


def heat_overlay(picture: Picture, heat: NDArray[np.float32]) -> bytes:
    """PNG of `picture` darkened where `heat` (rows, columns) is low and glowing where it is high."""
    low, high = float(heat.min()), float(heat.max())
    scaled = (heat - low) / (high - low) if high > low else np.zeros_like(heat)
    smooth = Image.fromarray((scaled * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    mixed = Image.new("RGB", picture.size)
    for top in range(
        0, picture.height, _ROWS
    ):  # floats take four times the memory: never of the whole picture
        box = (0, top, picture.width, min(top + _ROWS, picture.height))
        mixed.paste(_glowing(picture.crop(box), smooth.crop(box)), (0, top))
    buffer = io.BytesIO()
    mixed.save(buffer, "PNG")
    return buffer.getvalue()


_ROWS = 64


def _glowing(picture: Picture, heat: Picture) -> Picture:
    glow = np.asarray(heat, np.float32)[..., None] / 255  # (H, W, 1)
    colours = _COLD + (_HOT - _COLD) * glow
    strength = 0.25 + 0.35 * np.abs(2 * glow - 1)
    mixed = np.asarray(picture, np.float32) * (1 - strength) + colours * strength
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def sample_pictures() -> list[Picture]:
    """Pictures of several shapes with soft and sharp parts, always the same: to compare two encoders on."""
    return [_sample(seed, *size) for seed, size in enumerate(((640, 427), (300, 500), (1200, 900), (97, 64)))]


def _sample(seed: int, width: int, height: int) -> Picture:
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    picture = soft.resize((width, height), Image.Resampling.BICUBIC)
    sharp = Image.fromarray(random.integers(0, 256, (height // 3, width // 3, 3), dtype=np.uint8))
    picture.paste(sharp, (width // 4, height // 4))
    return picture


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a contact sheet: a title over pictures, each with a word or two under it."""

    title: str
    pictures: Sequence[Picture]
    notes: Sequence[str]


def contact_sheet(rows: Sequence[Row], side: int = 160) -> bytes:
    """PNG with one row of pictures a query."""
    margin, title_height, note_height = 16, 30, 22
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


def png(picture: Picture, side: int) -> bytes:
    """PNG of a picture scaled to fit a square of `side` pixels."""
    buffer = io.BytesIO()
    _fitting(picture, side).save(buffer, "PNG")
    return buffer.getvalue()


def scaled_pixels(picture: Picture, width: int) -> list[list[tuple[int, int, int]]]:
    """Rows of RGB pixels, `width` to a row, an even number of rows."""
    height = max(2, 2 * round(width * picture.height / picture.width / 2))
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    return [[(int(r), int(g), int(b)) for r, g, b in row] for row in pixels]


def sixel(picture: Picture, side: int) -> str:
    """The picture as sixel graphics of 64 colours (DEC, VT340 Graphics Programming, chapter 14)."""
    small = _fitting(picture, side).quantize(64)
    palette = small.getpalette() or []
    pixels = np.asarray(small)
    parts = ["\x1bPq", f'"1;1;{small.width};{small.height}']
    for colour in np.unique(pixels).tolist():
        r, g, b = (round(value * 100 / 255) for value in palette[3 * colour : 3 * colour + 3])
        parts.append(f"#{colour};2;{r};{g};{b}")
    for top in range(0, small.height, 6):
        band = pixels[top : top + 6]
        weights = 1 << np.arange(len(band))
        for colour in np.unique(band).tolist():
            sixels = (weights[:, None] * (band == colour)).sum(axis=0) + 63
            parts.append(f"#{colour}{_run_lengths(sixels)}$")
        parts.append("-")
    return "".join([*parts, "\x1b\\"])


def _run_lengths(sixels: NDArray[np.int64]) -> str:
    ends = np.flatnonzero(np.diff(sixels, append=-1))
    lengths = np.diff(ends, prepend=-1)
    runs = zip(lengths.tolist(), sixels[ends].tolist(), strict=True)
    return "".join(f"!{length}{chr(value)}" if length > 3 else chr(value) * length for length, value in runs)


def _fitting(picture: Picture, side: int) -> Picture:
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small
