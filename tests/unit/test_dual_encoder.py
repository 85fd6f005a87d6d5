"""The dual encoder against open_clip's own path, on tiny models in the hub's local format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from retrieval.models.dual_encoder import OpenClipEncoder
from retrieval.models.ports import DualEncoder
from tests.models import KINDS, SENTENCES, Kind, write_model

TEXTS = (*SENTENCES, "cat", "", "a &amp; b", "smile 🙂 " + "very " * 90 + "long")
SIZES = ((48, 48), (64, 96), (300, 201), (97, 640), (20, 31), (1000, 333))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices are slower on more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """One model of each kind."""
    root = tmp_path_factory.mktemp("models")
    return {kind: write_model(root / kind, kind) for kind in KINDS}


def pictures() -> list[Image.Image]:
    """Noise over gradients in several shapes: every resizing mistake shows."""
    random = np.random.default_rng(7)
    made = []
    for width, height in SIZES:
        ramp = np.linspace(0, 200, width)[None, :, None] * np.array([1.0, 0.5, 0.2])
        noise = random.integers(0, 56, (height, width, 3))
        made.append(Image.fromarray((ramp + noise).astype(np.uint8)))
    return made


def reference(directory: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Image and text vectors as open_clip itself computes them."""
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{directory}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{directory}")
    model.eval()
    with torch.inference_mode():
        images = model.encode_image(
            torch.stack([transform(picture) for picture in pictures()]), normalize=True
        )
        texts = model.encode_text(tokenizer(list(TEXTS)), normalize=True)
    return images.numpy(), texts.numpy()


def embed(encoder: DualEncoder) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    batch = np.stack([encoder.prepare(picture) for picture in pictures()])
    return encoder.embed_images(batch), encoder.embed_texts(TEXTS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("precision", "cosine"), [("float32", 0.9999), ("bfloat16", 0.999)])
def test_vectors_equal_those_of_open_clip(
    models: dict[Kind, Path], kind: Kind, precision: str, cosine: float
) -> None:
    """Pictures of many shapes and texts in many scripts get the vectors that open_clip's own path gives."""
    encoder = OpenClipEncoder.load(str(models[kind]), device="cpu", precision=precision)  # type: ignore[arg-type]
    for ours, theirs in zip(embed(encoder), reference(models[kind]), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
        assert (ours * theirs).sum(axis=1).min() >= cosine
        assert np.abs(theirs @ theirs.T - np.eye(len(theirs))).max() > 0.01  # the vectors do differ
