"""What a model wants its input to look like: the picture's size and colours, the text's cleaning and padding.

Light: numpy only. The picture side is open_clip's `image_transform` as one resize per picture: the centre crop is
done by resizing only the part that will be kept, and normalising is left to the device.
"""

from __future__ import annotations

import html
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.models.ports import Picture

Tokens = NDArray[np.int64]

_BILINEAR, _BICUBIC = 2, 3  # PIL.Image.Resampling
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ResizeMode(StrEnum):
    """How a picture of any shape becomes the model's input size."""

    SHORTEST = "shortest"  # scale the shorter side, crop the middle
    LONGEST = "longest"  # scale the longer side, pad
    SQUASH = "squash"  # scale both sides, whatever the shape


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
    return np.asarray(
        picture.resize((part.width, part.height), _BICUBIC if bicubic else _BILINEAR, box), dtype=np.uint8
    )


@dataclass(frozen=True, slots=True)
class ImagePreprocessing:
    """open_clip's `PreprocessCfg`. `mean` and `std` refer to channel values in [0, 1]."""

    height: int
    width: int
    mean: tuple[float, ...] = _CLIP_MEAN
    std: tuple[float, ...] = _CLIP_STD
    interpolation: str = "bicubic"
    resize_mode: ResizeMode = ResizeMode.SHORTEST
    fill_color: int = 0

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

    def prepare(self, picture: Picture, scale: Scale = scaled_by_pillow) -> NDArray[np.uint8]:
        """Resize and crop or pad `picture` (RGB) to (height, width, 3)."""
        whole_width, whole_height = self._scaled(picture.width, picture.height)
        left, width = _kept(whole_width, self.width)
        top, height = _kept(whole_height, self.height)
        part = Part(whole_width, whole_height, left, top, width, height)
        pixels = scale(picture, part, bicubic=self._bicubic())
        return self._padded(pixels) if pixels.shape[:2] != (self.height, self.width) else pixels

    def _bicubic(self) -> bool:
        # open_clip scales to sides of unequal length bicubically whatever the settings say.
        forced = self.resize_mode is ResizeMode.SHORTEST and self.height != self.width
        return self.interpolation != "bilinear" or forced

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        """Size of the whole picture after scaling, rounded as torchvision and open_clip round."""
        if self.resize_mode is ResizeMode.SQUASH:
            return self.width, self.height
        if self.resize_mode is ResizeMode.SHORTEST and self.height == self.width:
            if width <= height:
                return self.width, int(self.width * height / width)
            return int(self.width * width / height), self.width
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


def _kept(scaled: int, wanted: int) -> tuple[int, int]:
    """Offset and length of the centre part that is kept of a side, rounded as torchvision's centre crop."""
    return (round((scaled - wanted) / 2.0), wanted) if scaled > wanted else (0, scaled)


class Crop(StrEnum):
    """How much of a padded token row a text tower has to see for an unchanged result."""

    POOLED = "pooled"  # causal attention: nothing after the position that is pooled
    PADDING = "padding"  # padding is masked: nothing after the last real token
    NONE = "none"  # all of it: padding takes part (SigLIP), or the last position is pooled


@dataclass(frozen=True, slots=True)
class TextPreprocessing:
    """How texts become rows of tokens, and which columns of them matter."""

    context_length: int
    clean: str = "lower"  # open_clip's names: lower, whitespace, canonicalize
    pad_id: int = 0
    crop: Crop = Crop.NONE
    pool: str = "argmax"  # POOLED only: argmax (highest token), eos, first
    eos_id: int | None = None  # pool eos only
    strip_sep_id: int | None = None  # this token is replaced by 0

    def needed_lengths(self, tokens: Tokens) -> NDArray[np.int64]:
        """For each row of `tokens` (n, context), how many columns the tower has to see: (n,), at least 1."""
        if self.crop is Crop.NONE:
            return np.full(len(tokens), tokens.shape[1], dtype=np.int64)
        if self.crop is Crop.PADDING:
            real = tokens != self.pad_id
            behind = np.where(real.any(axis=1), real[:, ::-1].argmax(axis=1), tokens.shape[1] - 1)
            return np.asarray(tokens.shape[1] - behind, dtype=np.int64)
        if self.pool == "first":
            return np.ones(len(tokens), dtype=np.int64)
        ends = tokens == self.eos_id if self.pool == "eos" else tokens
        return np.asarray(ends.argmax(axis=1) + 1, dtype=np.int64)


def clean_text(text: str, kind: str) -> str:
    """open_clip's text cleaning: mended encoding, HTML entities resolved, white space joined, and by `kind` more."""
    text = html.unescape(html.unescape(_mended(text))).strip()
    if kind == "canonicalize":
        text = text.replace("_", " ").translate(_WITHOUT_PUNCTUATION).lower()
    text = " ".join(text.split())
    return text.lower() if kind == "lower" else text


_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _mended(text: str) -> str:
    """ftfy's repairs; it changes nothing in plain printable ASCII, so that most queries need not import it."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    import ftfy

    return ftfy.fix_text(text)
