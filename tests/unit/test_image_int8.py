"""Vision towers in 8 bits by oneDNN's kernels, compared with open_clip's own in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from open_clip.transformer import LayerNorm, QuickGELU, VisionTransformer
from PIL import Image

from vasari.retrieval.domain import unit_vectors
from vasari.retrieval.models.export import image_calibration
from vasari.retrieval.models.exported.image_int8 import Int8Tower, can_run
from vasari.retrieval.models.preprocessing import ImagePreprocessing

pytestmark = pytest.mark.skipif(not can_run(), reason="the processor has no VNNI")

_IMAGE = ImagePreprocessing(height=48, width=32)
_TOWERS: dict[str, dict[str, Any]] = {
    "as CLIP": {},
    "QuickGELU": {"act_layer": QuickGELU},
    "layer scale": {"ls_init_value": 0.5},
    "tanh": {"act_layer": lambda: torch.nn.GELU(approximate="tanh")},
    "average": {"pool_type": "avg"},
    "average, then norm": {"pool_type": "avg", "final_ln_after_pool": True},
    "no first norm": {"no_ln_pre": True},
}


def _tower(**settings: Any) -> VisionTransformer:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    tower = VisionTransformer(
        image_size=(48, 32),
        patch_size=16,
        width=64,
        layers=2,
        heads=2,
        mlp_ratio=4,
        output_dim=32,
        norm_layer=LayerNorm,
        **settings,
    )
    with torch.no_grad():  # of trained towers, neither norms nor biases stay as they start
        for parameter in tower.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return tower.eval()


def _pictures(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Soft colours (count, 48, 32, 3)."""
    cells = np.random.default_rng(seed).integers(0, 256, (count, 6, 4, 3), dtype=np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(cell).resize((32, 48), Image.Resampling.BICUBIC)) for cell in cells]
    )


def _expected(tower: VisionTransformer, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    mean, deviation = (np.asarray(facts, np.float32) for facts in (_IMAGE.mean, _IMAGE.std))
    pixels = ((pictures / np.float32(255) - mean) / deviation).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        return unit_vectors(tower(torch.from_numpy(np.ascontiguousarray(pixels))).numpy())


@pytest.mark.parametrize("kind", _TOWERS)
def test_the_vectors_are_near_those_of_the_tower(kind: str, tmp_path: Path) -> None:
    """Each kind of tower, on pictures that its ranges were not measured on, whatever the size of the batch."""
    tower, path = _tower(**_TOWERS[kind]), tmp_path / "tower"
    image_calibration.write(tower, _IMAGE, _pictures(24), path)
    rounded, pictures = Int8Tower(path, threads=1), _pictures(5, seed=1)
    cosines = (rounded.embed(pictures) * _expected(tower, pictures)).sum(axis=1)
    assert cosines.min() > 0.998
    # Ranges do not depend on the batch: neither do vectors.
    np.testing.assert_allclose(rounded.embed(pictures[3:4]), rounded.embed(pictures)[3:4], atol=1e-5)


def test_what_is_outside_the_measured_ranges_is_cut_off(tmp_path: Path) -> None:
    """Ranges measured on one grey picture still give a vector for others: further off, and nothing wraps around."""
    tower, path = _tower(), tmp_path / "tower"
    grey = np.full((1, 48, 32, 3), 128, np.uint8)
    image_calibration.write(tower, _IMAGE, grey, path)
    pictures = _pictures(5)
    cosines = (Int8Tower(path, threads=1).embed(pictures) * _expected(tower, pictures)).sum(axis=1)
    assert cosines.min() > 0.9
