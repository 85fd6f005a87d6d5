"""Turning a picture upright, as EXIF tells it."""

from __future__ import annotations

from PIL import Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture turned by EXIF's number, 1 to 8; as it is for 1 and for numbers that mean nothing."""
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)
