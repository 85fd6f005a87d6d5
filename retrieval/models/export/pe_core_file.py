"""Perception Encoder (PE-Core) as open_clip keeps it, its vision tower read from its file.

Bolya et al., Perception Encoder (2025): a vision transformer with rotary positions beside learned ones, pooled by a
learned vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vasari.retrieval.models.export.tensor_file import TensorFile
from vasari.retrieval.models.export.timm_file import TRUNK, latent_pool, trunk_blocks
from vasari.retrieval.models.export.tower_weights import Array, VisionWeights

_SETTINGS = {"image_size", "timm_model_name", "timm_model_pretrained", "timm_pool", "timm_proj"}
_EPS = 1e-5
_SLOWEST = 10_000.0  # of the rotations, in positions a radian
VISION: dict[str, tuple[int, int, int]] = {
    "vit_pe_core_tiny_patch16_384": (3, 8, 1),
    "vit_pe_core_small_patch16_384": (6, 8, 1),
    "vit_pe_core_base_patch16_224": (12, 8, 1),
    "vit_pe_core_large_patch14_336": (16, 8, 1),
    "vit_pe_core_gigantic_patch14_448": (16, 8, 0),
}
"""Of timm's vision towers what their weights do not tell: heads, those of the pooling, and the first position."""


def read_pe_core(settings: Mapping[str, Any], dim: int, tensors: TensorFile) -> VisionWeights | None:
    """The vision tower of open_clip's `vision_cfg`; None for other settings.

    Raises KeyError or ValueError for other weights.
    """
    name = settings.get("timm_model_name")
    usual = (settings.get("timm_pool"), settings.get("timm_proj")) == ("map", None)
    if name not in VISION or not usual or not settings.keys() <= _SETTINGS:
        return None
    heads, pool_heads, first = VISION[name]
    width, _, patch, _ = tensors.shape(f"{TRUNK}.patch_embed.proj.weight")
    side = int(settings["image_size"]) // patch
    _, places, _ = tensors.shape(f"{TRUNK}.pos_embed")
    token = None
    angles = _angles(side, width // heads, first)
    if places == side * side + 1:
        token = tensors.take(f"{TRUNK}.cls_token", (1, 1, width))[0, 0]
        angles = np.pad(angles, ((1, 0), (0, 0)))  # the class token is nowhere
    elif places != side * side:
        raise ValueError("positions for another size of picture")
    return VisionWeights(
        kernel=tensors.take(f"{TRUNK}.patch_embed.proj.weight", (width, 3, patch, patch)),
        token=token,
        positions=tensors.take(f"{TRUNK}.pos_embed", (1, places, width))[0],
        grid=(side, side),
        ln_pre=tensors.norm(f"{TRUNK}.norm_pre", width, _EPS),
        blocks=trunk_blocks(tensors, width, heads, "none", _EPS),
        ln_post=tensors.norm(f"{TRUNK}.norm", width, _EPS),
        projection=tensors.take(f"{TRUNK}.head.weight", (dim, width)).T,
        projection_bias=tensors.take(f"{TRUNK}.head.bias", (dim,)),
        pool=latent_pool(tensors, width, pool_heads, "none", _EPS),
        angles=angles,
    )


def _angles(side: int, width: int, first: int) -> Array:
    """Of a head's pairs at each patch, by its column and then by its row: (side², width / 2)."""
    count = width // 4
    slowness = _SLOWEST ** (np.arange(count) / count)
    places = np.arange(first, first + side)
    columns, rows = np.tile(places, side), np.repeat(places, side)
    return np.concatenate([np.outer(columns, 1 / slowness), np.outer(rows, 1 / slowness)], axis=1)
