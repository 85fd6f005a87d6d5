"""The text tower in 8 bits, against its float32 form."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.models import SENTENCES, write_model
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.export.text import export_text_tower
from vasari.retrieval.models.export.text_int8 import INT8_FILE, open_in_int8, quantize
from vasari.retrieval.models.exported.text import GRAPH_FILE, OnnxTextEncoder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model's exported text tower."""
    root = tmp_path_factory.mktemp("tower")
    model = write_model(root / "model", "clip")
    encoder = OpenClipEncoder.load(str(model), device="cpu", precision="float32", threads=1)
    assert export_text_tower(encoder.towers, root / "text")
    return root / "text"


def test_eight_bits_give_nearly_the_same_vectors(exported: Path) -> None:
    """Alone and in a batch; every product of a weight is in 8 bits, and the graph is in one smaller file."""
    exact = OnnxTextEncoder.open(exported, threads=1)
    rounded = open_in_int8(exported, exact, threads=1)
    right = exact.embed_texts(SENTENCES)
    alone = np.concatenate([rounded.embed_texts([sentence]) for sentence in SENTENCES])
    for vectors in (alone, rounded.embed_texts(SENTENCES)):
        assert (vectors * right).sum(axis=1).min() >= 0.99
    kinds = [node.op_type for node in onnx.load(exported / INT8_FILE).graph.node]
    assert "MatMul" not in kinds
    assert "Attention" not in kinds
    assert "DynamicQuantizeMatMul" in kinds


def test_vectors_too_far_off_are_refused(exported: Path, tmp_path: Path) -> None:
    """A form in 8 bits that does not belong to the tower is noticed before it is used."""
    folder = tmp_path / "text"
    shutil.copytree(exported, folder)
    exact = OnnxTextEncoder.open(folder, threads=1)
    model = onnx.load(exported / GRAPH_FILE)
    for weight in model.graph.initializer:
        if len(weight.dims) == 2:
            values = np.random.default_rng(0).permutation(onnx.numpy_helper.to_array(weight))
            weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save_model(model, str(tmp_path / "other.onnx"))
    quantize(tmp_path / "other.onnx", folder / INT8_FILE)
    with pytest.raises(UnsupportedError, match="other vectors"):
        open_in_int8(folder, exact, threads=1)


def test_a_model_without_an_exported_tower_has_no_8_bit_form(exported: Path, tmp_path: Path) -> None:
    """The reason is told, and nothing is written."""
    exact = OnnxTextEncoder.open(exported, threads=1)
    with pytest.raises(UnsupportedError, match="no exported text tower"):
        open_in_int8(tmp_path, exact, threads=1)
    assert list(tmp_path.iterdir()) == []
