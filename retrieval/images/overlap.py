"""Overlap of two pictures: whether one is a copy of the other, re-encoded, edited, or a part of it.

Two pictures that are wholly the same are compared as squares of the same size, and so is a part with the place where
it lies in the whole (see `alignment`). Squares are looked at in blocks: in a copy, also one with something painted
over, most blocks are the very same up to brightness, in another picture of the same scene most are nearly so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vasari.retrieval.images.alignment import (
    ALL,
    FLAT,
    SQUARE,
    Box,
    Grey,
    Picture,
    Place,
    View,
    fitted,
    likely_places,
    refined,
)

SIDE = 128  # pixels of the shorter side that are looked at, at least (a JPEG is decoded at up to four times as many)
_BLOCK = 8
_SAME_BLOCK = 0.9  # correlation of two blocks that are the same
_COPY = 0.8  # share of same blocks
_EDITED = 0.5
_PART = 0.65
_FITS = 4  # places of parts that are tried
_AS_LIKELY = 0.05  # after one that fits: those whose correlation is at most so much lower
_ALIKE = 0.5  # correlation of pictures a sixteenth in size, from which their blocks are looked at
_BLURRED = 0.9  # the same of pictures of which one may be the other, blurred
_SHARPER = 1.1  # times the gradients of the other
_MOST_BLUR = 2.0  # pixels, of a square's 64
_TILTED = 0.03  # tangent of the angle from which a picture counts as turned
_COLOURS = 8.0  # levels by which re-encoding changes a pixel, on average


_APART: Grey = np.subtract.outer(np.arange(SQUARE), np.arange(SQUARE)).astype(np.float32)


class CopyKind(StrEnum):
    """In which way a picture is a copy of another."""

    SAME_BYTES = "same_bytes"
    RE_ENCODED = "re_encoded"  # other format, quality or size
    CROPPED = "cropped"  # a part of the other
    BORDERED = "bordered"  # the other with something around it
    EDITED = "edited"  # other colours, mirrored, turned, or something painted over


@dataclass(frozen=True, slots=True)
class Overlap:
    """How two pictures agree: `agreement` is the share of blocks in [0, 1] that are the same."""

    kind: CopyKind
    agreement: float
    box: Box = (0.0, 0.0, 1.0, 1.0)  # of the larger picture, in which the other lies


def overlap(new: View | Picture, known: View | Picture) -> Overlap | None:
    """In which way `new` is a copy of `known`; None where it is not one."""
    (found,) = overlaps(new, [known])
    return found


def overlaps(new: View | Picture, known: Sequence[View | Picture]) -> list[Overlap | None]:
    """In which way `new` is a copy of each of some pictures, of few milliseconds each; None where it is not one.

    The places where one may be a part of another are fitted the likeliest first, whichever pair it is: of 208 crops,
    tilted and bordered copies beside four other pictures the right place was the likeliest of all, or the second.
    """
    new = new if isinstance(new, View) else View(new)
    views = [one if isinstance(one, View) else View(one) for one in known]
    wholes = [_as_a_whole(new, one) for one in views]
    sure = [whole if whole is not None and whole.agreement >= _COPY else None for whole in wholes]
    sure = [found or _turned(new.square, one.square) for found, one in zip(sure, views, strict=True)]
    likely = [
        (score, number, kind, box)
        for number, (found, one) in enumerate(zip(sure, views, strict=True))
        if found is None
        for kind in (CopyKind.CROPPED, CopyKind.BORDERED)
        for score, box in likely_places(*_part_and_whole(new, one, kind))
    ]
    likely += [
        (alike, number, CopyKind.BORDERED, new.inside)
        for number, (found, one) in enumerate(zip(sure, views, strict=True))
        if found is None and new.inside is not None and (alike := _alike_inside(new, one)) >= _ALIKE
    ]
    parts: list[Overlap | None] = [None] * len(views)
    least = 0.0
    for score, number, kind, box in sorted(likely, reverse=True)[:_FITS]:
        if parts[number] is None and score >= least:
            parts[number] = _part(*_part_and_whole(new, views[number], kind), kind, box)
            least = score - _AS_LIKELY if parts[number] else least
    return [found or part or whole for found, part, whole in zip(sure, parts, wholes, strict=True)]


def _as_a_whole(new: View, known: View) -> Overlap | None:
    agreement = _agreement(new.square, known.square)
    if agreement < _EDITED:
        return None
    return Overlap(_kind(new, known, agreement), agreement)


def _kind(new: View, known: View, agreement: float) -> CopyKind:
    """Of two pictures that are wholly the same."""
    same_colours = agreement >= _COPY and np.abs(new.colours - known.colours).mean() <= _COLOURS
    return CopyKind.RE_ENCODED if same_colours else CopyKind.EDITED


def _turned(new: Grey, known: Grey) -> Overlap | None:
    """Mirrored or turned by right angles."""
    small, wanted = _reduced(new), _reduced(known)
    alike, turn = max((float(np.vdot(_hung(small, turn), wanted)), turn) for turn in range(1, 8))
    if alike < _ALIKE:
        return None
    agreement = _agreement(np.ascontiguousarray(_hung(new, turn)), known)
    return Overlap(CopyKind.EDITED, agreement) if agreement >= _COPY else None


def _alike_inside(new: View, known: View) -> float:
    """The correlation of what lies within the border of one with the other, a sixteenth in size."""
    square = new.bare_square
    return 0.0 if square is None else float(np.vdot(_reduced(square), _reduced(known.square)))


def _hung(square: Grey, turn: int) -> Grey:
    """Turned by so many right angles, mirrored from four on."""
    return np.rot90(square[:, ::-1] if turn >= 4 else square, turn % 4)


def _reduced(square: Grey) -> Grey:
    """A square (64, 64) as one of (16, 16), a unit vector without its mean."""
    small = square.reshape(16, 4, 16, 4).mean((1, 3))
    small = small - small.mean()
    unit: Grey = small / max(float(np.linalg.norm(small)), 1e-6)
    return unit


def _part_and_whole(new: View, known: View, kind: CopyKind) -> tuple[View, View]:
    return (new, known) if kind is CopyKind.CROPPED else (known, new)


def _part(part: View, whole: View, kind: CopyKind, box: Box) -> Overlap | None:
    """A picture near this place in a larger one; None where it does not lie there."""
    place = fitted(part, whole, box)
    if place is None:
        return None
    agreement = _agreement(part.square, place.square(whole))
    if agreement < _PART and place.tilt > _TILTED:
        place, agreement = _within_corners(part, whole, place)
    if agreement < _PART:
        return None
    if place.tilt > _TILTED:
        kind = CopyKind.EDITED
    elif place.box[2] * place.box[3] > ALL:
        kind = _kind(part, whole, agreement)
    return Overlap(kind, agreement, place.box)


def _within_corners(part: View, whole: View, place: Place) -> tuple[Place, float]:
    """A turned picture's place more exactly, and the share of same blocks without its edge: turning fills corners."""
    place = refined(part, whole, place)
    inner = slice(_BLOCK, -_BLOCK)
    return place, _same_blocks(part.square[inner, inner], place.square(whole)[inner, inner])


def _agreement(one: Grey, other: Grey) -> float:
    """The share of blocks that are the same, where one may be blurred."""
    agreement = _same_blocks(one, other)
    if agreement >= _COPY or np.vdot(_reduced(one), _reduced(other)) < _BLURRED:
        return agreement
    soft, sharp = sorted((one, other), key=_sharpness)
    if _sharpness(sharp) < _SHARPER * _sharpness(soft):
        return agreement
    return max(agreement, _same_blocks(soft, _as_sharp_as(soft, sharp)))


def _same_blocks(one: Grey, other: Grey) -> float:
    """The share of blocks that correlate, among those that show something in either."""
    a, b = _blocks(one), _blocks(other)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    swings = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    shows = np.maximum(*swings) >= FLAT * _BLOCK
    if not shows.any():
        return 0.0
    alike = (a * b).sum(1) / np.maximum(swings[0] * swings[1], 1e-6)
    return float((alike[shows] >= _SAME_BLOCK).mean())


def _as_sharp_as(soft: Grey, sharp: Grey) -> Grey:
    """A square (64, 64) with a Gaussian blur that leaves it the sharpness of another."""
    wanted, blurred = _sharpness(soft), sharp
    low, high = 0.0, _MOST_BLUR
    for _ in range(6):
        sigma = (low + high) / 2
        kernel = np.exp(-0.5 * (_APART / sigma) ** 2)
        kernel /= kernel.sum(1, keepdims=True)
        blurred = kernel @ sharp @ kernel.T
        low, high = (sigma, high) if _sharpness(blurred) > wanted else (low, sigma)
    return blurred


def _sharpness(square: Grey) -> float:
    """The squared differences of neighbours, beside the variance."""
    steps = np.square(np.diff(square, axis=0)).mean() + np.square(np.diff(square, axis=1)).mean()
    return float(steps / max(square.var(), 1e-6))


def _blocks(square: Grey) -> Grey:
    """A square as rows of blocks."""
    count = len(square) // _BLOCK
    return square.reshape(count, _BLOCK, count, _BLOCK).swapaxes(1, 2).reshape(count * count, -1)
