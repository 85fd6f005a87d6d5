"""Weights that stay in their file give the vectors of weights that were copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models import KINDS, SENTENCES, Kind, write_model
from vasari.retrieval.models.clip.encoder import OpenClipEncoder


@pytest.mark.parametrize("kind", KINDS)
def test_mapped_weights_are_those_of_the_file(tmp_path: Path, kind: Kind) -> None:
    """For texts and pictures, bit for bit, in every kind of model."""
    model = str(write_model(tmp_path / "model", kind))
    copied, mapped = (
        OpenClipEncoder.load(model, device="cpu", precision="float32", threads=1, mapped=each)
        for each in (False, True)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (3, *copied.preparer.shape), dtype=np.uint8)
    assert np.array_equal(copied.embed_images(pixels), mapped.embed_images(pixels))
    assert np.array_equal(copied.embed_texts(SENTENCES), mapped.embed_texts(SENTENCES))
