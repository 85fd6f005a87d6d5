"""Image registration: where a picture lies in another, at which size, and how far it is turned.

A part is looked for in the whole at many sizes by normalised cross-correlation, its numerators by FFT and its
denominators by running sums (Lewis, "Fast Normalized Cross-Correlation", 1995), in pictures so small that the best
places are only near. From there an affine transform is fitted (inverse compositional Lucas-Kanade: Baker and Matthews,
"Lucas-Kanade 20 Years On", IJCV 2004, section 3.2), which also finds a tilt of some degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = Image.Image
Grey = NDArray[np.float32]  # (height, width), 0 to 255
Floats = NDArray[np.float64]
Spectra = NDArray[np.complexfloating]
Box = tuple[float, float, float, float]  # left, top, width, height: shares of a picture's sides

SQUARE = 64  # pixels a side of what is compared as a whole
FLAT = 2.0  # grey levels of deviation below which there is nothing to be compared
_SHADE = 4.0  # grey levels of deviation within a line of a border, at most
ALL = 0.97  # share of a picture that is all of it
_SIDE = 256  # pixels of the longer side from which smaller ones are made
_COARSE = 40  # of the longer side, in which the place of a part is looked for
_LEVELS = (24, 64)  # pixels a side of a part while it is fitted
_FINEST = 128  # the same, of what is turned and does not agree yet
_LEAST_PART = 0.3  # of the longer side, the least part that is looked for
_STEP = 1.12  # between the sizes at which a part is looked for; fitting bridges one of 1.15
_PLACES = 3  # that are fitted
_LIKELY = 0.65  # correlation from which a place is fitted
_CLOSE = 0.75  # correlation from which a fit is believed
_ROUNDS = 12  # of fitting, at each level
_PATIENCE = 2  # rounds without a better place, after which it is not moved on
_TRIAL = 3  # rounds after which a place is given up
_HOPEFUL = 0.7  # that correlates less: three of four wrong ones, and none of 275 right ones
_NEAR = 0.05  # pixels by which the last round moves a part, at most
_EDGE = 4  # pixels that are repeated around the whole, for a part that reaches its edge
_LEAST = 0.15  # scale of a part in the whole
_LARGEST = 1.1
_TILT = 0.3  # how far a part may be turned or sheared
_BOX, _BILINEAR, _AFFINE = Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Transform.AFFINE


class View:
    """A picture as it is compared; whatever is made of it is made once."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.size = picture.width, picture.height
        self.grey = picture.convert("L")
        self._fitting: dict[int, tuple[Grey, Grey]] = {}

    @cached_property
    def square(self) -> Grey:
        """The whole picture (64, 64)."""
        return self.scaled(SQUARE, SQUARE)

    @cached_property
    def colours(self) -> NDArray[np.float32]:
        """The whole picture (64, 64, 3)."""
        return np.asarray(self._picture.convert("RGB").resize((SQUARE, SQUARE), _BOX), np.float32)

    def scaled(self, width: int, height: int) -> Grey:
        """The whole picture (height, width)."""
        return np.asarray(self.reduced.resize((width, height), _BOX), np.float32)

    @cached_property
    def reduced(self) -> Picture:
        """The picture with 256 pixels on its longer side."""
        # A box takes two or three pixels for one, in turns, which shifts fine structure: smaller copies of such
        # pictures then differ from it.
        return self.grey.resize(_within(self.size, _SIDE), _BILINEAR)

    @cached_property
    def bare(self) -> Picture | None:
        """The grey picture without the border of one shade around it; None where there is none worth the name."""
        if self.inside is None:
            return None
        (left, top, wide, high), (width, height) = self.inside, self.size
        right, bottom = left + wide, top + high
        return self.grey.crop(
            (round(left * width), round(top * height), round(right * width), round(bottom * height))
        )

    @cached_property
    def bare_square(self) -> Grey | None:
        """What lies within the border (64, 64)."""
        return None if self.bare is None else np.asarray(self.bare.resize((SQUARE, SQUARE), _BOX), np.float32)

    @cached_property
    def inside(self) -> Box | None:
        """What lies within the border of one shade around the picture, to the pixel; None where there is none."""
        found = _within_border(np.asarray(self.reduced, np.float32))
        if found is None or not _LEAST_PART**2 < found[2] * found[3] < ALL:
            return None
        # Of 256 pixels one is too coarse: of fine structure a copy that lies half of it beside agrees in no block.
        return _within_border(np.asarray(self.grey, np.float32))

    @cached_property
    def parts(self) -> tuple[NDArray[np.int64], Spectra]:
        """Sizes (n, 2) at which the picture is looked for, the largest first, and its conjugate spectra at them."""
        scales = _STEP ** -np.arange(int(np.log(1 / _LEAST_PART) / np.log(_STEP)) + 1)
        sizes = list(dict.fromkeys(_within(self.size, _COARSE * scale) for scale in scales.tolist()))
        small = self.scaled(*_within(self.size, 2 * _COARSE))
        padded = np.zeros((len(sizes), _COARSE, _COARSE), np.float32)
        for (width, height), place in zip(sizes, padded, strict=True):
            shrunk = _shrinking(small.shape[0], height) @ small @ _shrinking(small.shape[1], width).T
            place[:height, :width] = _unit(shrunk.astype(np.float32, copy=False))
        return np.array(sizes), np.conj(np.fft.rfft2(padded))

    def fitting(self, side: int) -> tuple[Grey, Grey]:
        """The whole picture (side, side), a unit vector without its mean, and its `_steps`."""
        if side not in self._fitting:
            wanted = _unit(self.scaled(side, side))
            self._fitting[side] = wanted, _steps(wanted)
        return self._fitting[side]

    @cached_property
    def field(self) -> tuple[Spectra, Floats]:
        """The spectrum in which parts are looked for, and running sums (2, …) of brightness and of its square."""
        grey = self.scaled(*_within(self.size, _COARSE))
        grey = grey - grey.mean()
        padded = np.zeros((_COARSE, _COARSE), np.float32)
        padded[: grey.shape[0], : grey.shape[1]] = grey
        return np.fft.rfft2(padded), _running_sums(np.stack([grey, grey**2]))


@dataclass(frozen=True, slots=True)
class Place:
    """An affine transform of shares of a part's sides into shares of the whole's: `scale` @ (x, y) + `shift`."""

    scale: Floats  # (2, 2)
    shift: Floats  # (2,)

    @property
    def box(self) -> Box:
        """What the part covers of the whole, upright."""
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ self.scale.T + self.shift
        low, high = np.clip(corners.min(0), 0, 1), np.clip(corners.max(0), 0, 1)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])

    @property
    def tilt(self) -> float:
        """How far it is turned or sheared, as a tangent."""
        across, down = abs(self.scale[0, 1] / self.scale[1, 1]), abs(self.scale[1, 0] / self.scale[0, 0])
        return float(max(across, down))

    def believable(self) -> bool:
        """Whether a part may lie so."""
        wide, high = self.scale[0, 0], self.scale[1, 1]
        return min(wide, high) > _LEAST and max(wide, high) < _LARGEST and self.tilt < _TILT

    def seen(self, whole: Picture, side: int, edge: int = 0) -> Picture:
        """What lies there in a grey picture, `side` pixels a side; around the picture lie `edge` pixels more."""
        wide, high = whole.width - 2 * edge, whole.height - 2 * edge
        rows = np.column_stack([self.scale / side, self.shift]) * [[wide], [high]]
        rows[:, 2] += edge
        return whole.transform((side, side), _AFFINE, rows.ravel().tolist(), _BILINEAR)

    def square(self, whole: View) -> Grey:
        """What lies there (64, 64); every pixel of it counts, up to four for each."""
        (_, _, wide, high), (width, height) = self.box, whole.size
        fold = min(4, max(1, math.ceil(max(wide * width, high * height) / SQUARE)))
        return np.asarray(self.seen(whole.grey, fold * SQUARE).reduce(fold), np.float32)


def likely_places(part: View, whole: View) -> list[tuple[float, Box]]:
    """Where a picture may lie in a larger one, each with its normalised cross-correlation, the likeliest first."""
    if part.square.std() < FLAT:
        return []
    found = sorted(_correlated(part, whole), key=lambda found: found[0], reverse=True)[:_PLACES]
    return [(score, box) for score, box in found if score >= _LIKELY]


def _correlated(part: View, whole: View) -> list[tuple[float, Box]]:
    """The best place of a part at each size, with its normalised cross-correlation."""
    wide, high = _within(whole.size, _COARSE)
    sizes, spectra = part.parts
    fits = (sizes <= (wide, high)).all(axis=1)
    spectrum, sums = whole.field
    products = np.fft.irfft2(spectrum * spectra[fits], (_COARSE, _COARSE))
    found = []
    for (width, height), product in zip(sizes[fits].tolist(), products, strict=True):
        below, above = sums[:, :-height], sums[:, height:]
        total, square = (
            above[:, :, width:] - below[:, :, width:] - above[:, :, :-width] + below[:, :, :-width]
        )
        pixels = width * height
        swings = np.sqrt(np.maximum(square - total * total / pixels, pixels * FLAT**2))
        rows, columns = swings.shape
        scores = product[:rows, :columns] / swings
        row, column = divmod(int(scores.argmax()), columns)
        box = column / wide, row / high, width / wide, height / high
        found.append((float(scores[row, column]), box))
    return found


def fitted(part: View, whole: View, box: Box) -> Place | None:
    """The place near a box where the part fits best; None where it fits nowhere."""
    place = Place(np.diag(box[2:]), np.array(box[:2]))
    for side in _LEVELS:
        place, correlation = _moved(*part.fitting(side), whole, place)
        if correlation < _CLOSE or not place.believable():
            return None
    return place


def refined(part: View, whole: View, place: Place) -> Place:
    """A place that was fitted, to half a pixel of what is compared: turned, fine structure asks for that."""
    moved, _ = _moved(*part.fitting(_FINEST), whole, place)
    return moved if moved.believable() else place


def _moved(wanted: Grey, step: Grey, whole: View, place: Place) -> tuple[Place, float]:
    """The place moved, scaled and turned as long as it fits better, with its correlation."""
    side = len(wanted)
    wanted = wanted.ravel()
    width, height = (max(1, round(side / scale)) for scale in (place.scale[0, 0], place.scale[1, 1]))
    large = _edged(whole.reduced.resize((width, height), _BOX))
    best, since = (place, -1.0), 0
    for tried in range(_ROUNDS):
        seen = _unit(np.asarray(place.seen(large, side, _EDGE), np.float32).ravel())
        correlation = float(seen @ wanted)
        if correlation > best[1]:
            best, since = (place, correlation), 0
        else:
            since += 1
        if since == _PATIENCE or (tried + 1 == _TRIAL and best[1] < _HOPEFUL):
            break
        move = step @ (seen - wanted)
        if np.abs(move).max() * side < _NEAR:
            break
        place = _composed(place, move)
        if not place.believable():
            break
    return best


def _steps(wanted: Grey) -> NDArray[np.float32]:
    """What turns an error (n,) into a move (6,): the pseudo-inverse of the gradients, slightly damped."""
    side = len(wanted)
    across, down = _centred(side)
    rows, columns = (gradient.ravel() * side for gradient in np.gradient(wanted))
    descent = np.stack([columns, columns * across, columns * down, rows, rows * across, rows * down])
    hessian = descent @ descent.T
    damped = hessian + np.eye(6, dtype=np.float32) * (1e-3 * np.trace(hessian) / 6 + 1e-9)
    # The inverse first: LAPACK solves for thousands of right-hand sides ten times as slowly as they are multiplied.
    found: NDArray[np.float32] = np.linalg.inv(damped.astype(np.float64)).astype(np.float32) @ descent
    return found


def _composed(place: Place, move: NDArray[np.float32]) -> Place:
    """A place after the inverse of a move of the part in itself, about its centre."""
    right, across, skewed, down, slanted, high = move.tolist()
    across, high = 1 + across, 1 + high
    area = across * high - skewed * slanted
    if abs(area) < _LEAST**2:
        return Place(np.zeros((2, 2)), place.shift)  # all in one line: not to be believed
    inverse = np.array([[high, -skewed], [-slanted, across]]) / area
    scaled = place.scale @ inverse
    shift = np.array([right - (across + skewed - 1) / 2, down - (slanted + high - 1) / 2])
    return Place(scaled, place.shift - scaled @ shift)


@cache
def _centred(side: int) -> tuple[Grey, Grey]:
    """Shares of the sides at each pixel (n,), from the centre: across and down."""
    place = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    return np.tile(place, side), np.repeat(place, side)


def _within_border(pixels: Grey) -> Box | None:
    """From the first to the last row and column (height, width) that are not of one shade; None where all are."""
    rows, columns = (np.flatnonzero(pixels.std(axis) >= _SHADE) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    high, wide = pixels.shape
    left, top, right, bottom = map(int, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return left / wide, top / high, (right - left) / wide, (bottom - top) / high


def _edged(picture: Picture) -> Picture:
    """With its edge repeated around it."""
    return Image.fromarray(np.pad(np.asarray(picture), _EDGE, mode="edge"))


def _unit(grey: Grey) -> Grey:
    """Without its mean, of length one."""
    grey = grey - grey.mean()
    scaled: Grey = grey / max(float(np.linalg.norm(grey)), 1e-6)
    return scaled


def _running_sums(planes: Grey) -> Floats:
    """Summed-area tables (n, height + 1, width + 1) of planes (n, height, width)."""
    count, high, wide = planes.shape
    sums = np.zeros((count, high + 1, wide + 1))
    planes.astype(np.float64).cumsum(1).cumsum(2, out=sums[:, 1:, 1:])
    return sums


@cache
def _shrinking(length: int, to: int) -> Grey:
    """The matrix (to, length) that makes a line of pixels shorter, by a triangle's weights."""
    scale = length / to
    apart = (np.arange(to)[:, None] + 0.5) * scale - (np.arange(length) + 0.5)
    weights = np.maximum(1 - np.abs(apart) / scale, 0)
    found: Grey = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return found


def _within(size: tuple[int, int], side: float) -> tuple[int, int]:
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
