"""Augmentation: random crops and brightness, then normalisation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


def normalise(pixels: Tensor) -> Tensor:
    """From [0, 1] to the models' range: (n, 3, h, w)."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pixels - mean) / std


def whole_pictures(pictures: npt.NDArray[np.uint8], size: int) -> Tensor:
    """Pictures (n, h, w, 3) as they are, resized to `size` and normalised: (n, 3, size, size)."""
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    if pixels.shape[-1] != size:
        pixels = F.interpolate(pixels, size=(size, size), mode="bicubic", antialias=True, align_corners=False)
    return normalise(pixels.clamp(0, 1))


def random_windows(
    pictures: npt.NDArray[np.uint8],
    size: int,
    rng: np.random.Generator,
    sides: tuple[float, float] = (0.92, 1.04),
    play: float = 0.035,
) -> tuple[Tensor, Tensor]:
    """Random resized crops with brightness jitter. Never mirrored: left is left.

    Pictures are uint8 (n, h, w, 3). Returns normalised pixels (n, 3, size, size) and the windows (n, 3) as left, top
    and side in [0, 1]: `sides` gives the range of sides, `play` how far the centre may move. A window may reach past
    the edge, where the border is repeated.
    """
    count = len(pictures)
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    side = torch.from_numpy(rng.uniform(*sides, count)).float()
    centre = torch.from_numpy(rng.uniform(-play, play, (count, 2))).float() + 0.5
    windows = torch.cat([centre - side[:, None] / 2, side[:, None]], dim=1)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = side
    theta[:, :, 2] = centre * 2 - 1
    field = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
    shown = F.grid_sample(pixels, field, mode="bilinear", padding_mode="border", align_corners=False)
    light = torch.from_numpy(rng.uniform(0.9, 1.1, (count, 1, 1, 1))).float()
    shift = torch.from_numpy(rng.uniform(-0.04, 0.04, (count, 1, 1, 1))).float()
    return normalise((shown * light + shift).clamp(0, 1)), windows
