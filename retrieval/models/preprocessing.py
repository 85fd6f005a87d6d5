"""Image preprocessing: the size and colours in which a model wants its pictures.

Light: numpy only. It is open_clip's `image_transform` as one resize per picture: the centre crop is done by resizing
only the part that will be kept, and normalising is left to the device. For texts see `tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Picture
from vasari.retrieval.models import naflex

_BILINEAR, _BICUBIC = 2, 3  # PIL.Image.Resampling
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ResizeMode(StrEnum):
    """How a picture of any shape becomes the model's input size."""

    SHORTEST = "shortest"  # scale the shorter side, crop the middle
    LONGEST = "longest"  # scale the longer side, pad
    SQUASH = "squash"  # scale both sides, whatever the shape
    # Scale the shorter side to `shorter_side`, cut out or pad the middle, as transformers rounds.
    CROP = "crop"
    PATCHES = "patches"  # keep the shape, as a sequence of patches: see `naflex`


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept of a picture scaled to `whole_width` × `whole_height`, in its pixels."""

    whole_width: int
    whole_height: int
    left: int
    top: int
    width: int
    height: int


class Scale(Protocol):
    """How a picture is scaled and cut: to (part.height, part.width, 3)."""

    def __call__(self, picture: Picture, part: Part, *, bicubic: bool) -> NDArray[np.uint8]: ...  # noqa: D102


def scaled_by_pillow(picture: Picture, part: Part, *, bicubic: bool) -> NDArray[np.uint8]:
    """Only what is kept is computed."""
    across, down = picture.width / part.whole_width, picture.height / part.whole_height
    box = (
        part.left * across,
        part.top * down,
        (part.left + part.width) * across,
        (part.top + part.height) * down,
    )
    kept = picture.resize((part.width, part.height), _BICUBIC if bicubic else _BILINEAR, box)
    return np.ascontiguousarray(np.asarray(kept, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class ImagePreprocessing:
    """open_clip's `PreprocessCfg`, and what transformers has besides. `mean` and `std` are of channels in [0, 1]."""

    height: int
    width: int
    mean: tuple[float, ...] = _CLIP_MEAN
    std: tuple[float, ...] = _CLIP_STD
    interpolation: str = "bicubic"
    resize_mode: ResizeMode = ResizeMode.SHORTEST
    fill_color: int = 0
    shorter_side: int | None = None  # CROP; None: that of the result
    patch: int | None = None  # PATCHES: pixels of a patch's side, and how many patches there are at most
    most_patches: int | None = None

    @classmethod
    def from_open_clip(cls, size: int | Sequence[int], settings: Mapping[str, Any]) -> ImagePreprocessing:
        """From a `preprocess_cfg`; missing settings are open_clip's defaults, `size` (h, w) is the vision tower's."""
        height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        given = {name: value for name, value in settings.items() if value is not None}
        return cls(
            height=height,
            width=width,
            mean=_per_channel(given.get("mean", _CLIP_MEAN)),
            std=_per_channel(given.get("std", _CLIP_STD)),
            interpolation="bilinear" if given.get("interpolation") == "bilinear" else "bicubic",
            resize_mode=ResizeMode(given.get("resize_mode", ResizeMode.SHORTEST)),
            fill_color=int(given.get("fill_color", 0)),
        )

    @property
    def image_size(self) -> int:
        """The shorter side."""
        return min(self.height, self.width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of every prepared picture."""
        if self.resize_mode is ResizeMode.PATCHES:
            patch = self.patch or naflex.PATCH
            return ((self.most_patches or naflex.MOST_PATCHES) + 1, patch * patch, 3)
        return (self.height, self.width, 3)

    def prepare(self, picture: Picture, scale: Scale = scaled_by_pillow) -> NDArray[np.uint8]:
        """Resize and crop or pad `picture` (RGB) to (height, width, 3), or to packed patches."""
        if self.resize_mode is ResizeMode.PATCHES:
            return self._patches(picture, scale)
        whole_width, whole_height = self._scaled(picture.width, picture.height)
        nearest = self.resize_mode is not ResizeMode.CROP
        left, width = _kept(whole_width, self.width, nearest=nearest)
        top, height = _kept(whole_height, self.height, nearest=nearest)
        part = Part(whole_width, whole_height, left, top, width, height)
        pixels = scale(picture, part, bicubic=self._bicubic())
        return self._padded(pixels) if pixels.shape[:2] != (self.height, self.width) else pixels

    def _patches(self, picture: Picture, scale: Scale) -> NDArray[np.uint8]:
        patch, most = self.patch or naflex.PATCH, self.most_patches or naflex.MOST_PATCHES
        grid = naflex.grid_of(picture.width, picture.height, patch, most)
        width, height = grid.columns * patch, grid.rows * patch
        part = Part(width, height, 0, 0, width, height)
        return naflex.packed(scale(picture, part, bicubic=self._bicubic()), patch, most)

    def _bicubic(self) -> bool:
        # open_clip scales to sides of unequal length bicubically whatever the settings say.
        forced = self.resize_mode is ResizeMode.SHORTEST and self.height != self.width
        return self.interpolation != "bilinear" or forced

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        """Size of the whole picture after scaling, rounded as torchvision and open_clip round."""
        if self.resize_mode is ResizeMode.SQUASH:
            return self.width, self.height
        if self.resize_mode is ResizeMode.CROP:
            return _by_shorter_side(self.shorter_side or self.image_size, width, height)
        if self.resize_mode is ResizeMode.SHORTEST and self.height == self.width:
            return _by_shorter_side(self.width, width, height)
        ratios = (width / self.width, height / self.height)
        ratio = max(ratios) if self.resize_mode is ResizeMode.LONGEST else min(ratios)
        return max(1, round(width / ratio)), max(1, round(height / ratio))

    def _padded(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        canvas = np.full((self.height, self.width, 3), self.fill_color, dtype=np.uint8)
        height, width = pixels.shape[:2]
        top, left = (self.height - height) // 2, (self.width - width) // 2
        canvas[top : top + height, left : left + width] = pixels
        return canvas


def read_image_preprocessing(facts: Mapping[str, Any]) -> ImagePreprocessing:
    """From the fields as JSON keeps them; ValueError, KeyError or TypeError for others."""
    lists = {"mean": tuple(facts["mean"]), "std": tuple(facts["std"])}
    return ImagePreprocessing(**{**facts, **lists, "resize_mode": ResizeMode(facts["resize_mode"])})


def _per_channel(value: float | Sequence[float]) -> tuple[float, ...]:
    return (float(value),) * 3 if isinstance(value, (int, float)) else tuple(float(part) for part in value)


def _by_shorter_side(side: int, width: int, height: int) -> tuple[int, int]:
    if width <= height:
        return side, int(side * height / width)
    return int(side * width / height), side


def _kept(scaled: int, wanted: int, *, nearest: bool) -> tuple[int, int]:
    """Offset and length of the centre part that is kept of a side; half pixels to the nearest even one, or off."""
    over = scaled - wanted
    return ((round(over / 2.0) if nearest else over // 2), wanted) if over > 0 else (0, scaled)
