"""What an image processor of transformers does to pictures, in the words of ours; without torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.preprocessing import ImagePreprocessing, ResizeMode

_INTERPOLATIONS = {2: "bilinear", 3: "bicubic"}  # PIL.Image.Resampling


def picture_settings(processor: Any, folder: Path) -> ImagePreprocessing:
    """Those of a processor that was read from `folder`; UnsupportedError for one that does something else."""
    filter_ = _INTERPOLATIONS.get(int(processor.resample))
    usual = filter_ and all((processor.do_resize, processor.do_rescale, processor.do_normalize))
    if not usual or round(1 / processor.rescale_factor) != 255:
        raise UnsupportedError(
            f"{folder} wants pictures prepared in another way than scaled by a bilinear or bicubic filter and"
            " normalised"
        )
    return _sized(
        processor,
        folder,
        ImagePreprocessing(
            0,
            0,
            mean=tuple(map(float, processor.image_mean)),
            std=tuple(map(float, processor.image_std)),
            interpolation=filter_ or "",
        ),
    )


def _sized(processor: Any, folder: Path, image: ImagePreprocessing) -> ImagePreprocessing:
    """With the size that the processor makes of any picture."""
    if (most := getattr(processor, "max_num_patches", None)) is not None:
        patch = int(processor.patch_size)
        side = patch * int(most**0.5)
        return replace(
            image,
            height=side,
            width=side,
            resize_mode=ResizeMode.PATCHES,
            patch=patch,
            most_patches=int(most),
        )
    size, crop = dict(processor.size), {}
    if getattr(processor, "do_center_crop", None):
        crop = dict(processor.crop_size)
    if size.get("shortest_edge") and not size.get("longest_edge") and crop:
        side = int(size["shortest_edge"])
        cut = replace(image, height=int(crop["height"]), width=int(crop["width"]))
        return replace(cut, resize_mode=ResizeMode.CROP, shorter_side=side)
    if size.get("height") and (not crop or crop == size):
        return replace(
            image, height=int(size["height"]), width=int(size["width"]), resize_mode=ResizeMode.SQUASH
        )
    raise UnsupportedError(f"{folder} makes pictures of many sizes ({size})")
