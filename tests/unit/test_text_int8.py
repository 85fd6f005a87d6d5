"""The text tower in int8, against its float32 form."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.models import SENTENCES, write_model
from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.export.text import export_text_tower
from vasari.retrieval.models.export.text_int8 import INT8_FILES, open_in_int8
from vasari.retrieval.models.exported.text import OnnxTextEncoder


def export(root: Path, seed: int) -> Path:
    """The folder of a small model's exported text tower."""
    model = write_model(root / f"model-{seed}", "clip", seed)
    encoder = OpenClipEncoder.load(str(model), device="cpu", precision="float32", threads=1)
    assert export_text_tower(encoder.towers, root / f"text-{seed}")
    return root / f"text-{seed}"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One such folder."""
    return export(tmp_path_factory.mktemp("tower"), 0)


def test_int8_gives_nearly_the_same_vectors(exported: Path) -> None:
    """Alone and in a batch, which give the same; the next process finds the files that the first has made."""
    exact = OnnxTextEncoder.open(exported, threads=1)
    right = exact.embed_texts(SENTENCES)
    rounded = open_in_int8(exported, exact, SENTENCES, threads=1)
    alone = np.concatenate([rounded.embed_texts([sentence]) for sentence in SENTENCES])
    together = rounded.embed_texts(SENTENCES)
    for vectors in (UnitVectors(alone), together):
        assert centred_cosines(vectors, right).min() >= 0.99
    assert np.abs(alone - together).max() < 1e-3
    made = [(exported / name).stat().st_mtime_ns for name in INT8_FILES]
    open_in_int8(exported, exact, SENTENCES, threads=1)
    assert [(exported / name).stat().st_mtime_ns for name in INT8_FILES] == made


def test_vectors_too_far_off_are_refused(exported: Path, tmp_path: Path) -> None:
    """A form in int8 that does not belong to the tower is noticed before it is used."""
    folder, other = tmp_path / "text", export(tmp_path, 1)
    shutil.copytree(exported, folder)
    open_in_int8(other, OnnxTextEncoder.open(other, threads=1), SENTENCES, threads=1)
    for name in INT8_FILES:
        shutil.copy(other / name, folder / name)
    exact = OnnxTextEncoder.open(folder, threads=1)
    (folder / "checksums.json").unlink()
    with pytest.raises(UnsupportedError, match="other vectors"):
        open_in_int8(folder, exact, SENTENCES, threads=1)


def test_a_model_without_an_exported_tower_has_no_int8_form(exported: Path, tmp_path: Path) -> None:
    """The reason is told, and nothing is written."""
    exact = OnnxTextEncoder.open(exported, threads=1)
    with pytest.raises(UnsupportedError, match="no exported text tower"):
        open_in_int8(tmp_path, exact, SENTENCES, threads=1)
    assert list(tmp_path.iterdir()) == []


def test_drift_is_judged_by_what_tells_texts_apart() -> None:
    """Vectors in a narrow cone are near to any others of it: only without what all share do cosines say something."""
    rng = np.random.default_rng(0)
    shared, own = np.eye(1, 64) * 10, rng.normal(size=(9, 64)) / 8
    expected = unit_vectors(shared + own)
    other = unit_vectors(shared + rng.normal(size=(9, 64)) / 8)
    assert (expected * other).sum(axis=1).min() > 0.97
    assert centred_cosines(other, expected).max() < 0.6
    assert centred_cosines(expected, expected).min() > 0.9999
    alike = unit_vectors(np.repeat(shared, 3, axis=0))
    assert centred_cosines(alike, alike).tolist() == [1, 1, 1]
