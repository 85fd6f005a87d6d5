"""The reranker in int8: made once, near to the model, made anew where it is damaged, and refused for other models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.test_foreign_rerankers import write_blip2
from tests.unit.test_locating import drawn_scene
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.library.loading import load_reranker
from vasari.retrieval.models.exported.compiled import runs_in
from vasari.retrieval.models.exported.image import INT8_GRAPH
from vasari.retrieval.models.int8_reranker import Int8Reranker
from vasari.retrieval.models.ports import PointingReranker
from vasari.retrieval.models.registry.presets import builtin_models_directory
from vasari.retrieval.models.reranker import BlipReranker
from vasari.retrieval.settings import Settings

INT8 = Settings(reranker="scenes-itm", reranker_precision="int8", device="cpu", precision="float32")
needs_int8 = pytest.mark.skipif(not runs_in("int8"), reason="this processor does not compute in int8")


@needs_int8
def test_matches_stay_what_they_are(tmp_path: Path) -> None:
    """Probabilities move by a few hundredths; the form is made once, and once more where its file was cut."""
    made = load_reranker("scenes", INT8, tmp_path)
    assert isinstance(made, Int8Reranker)
    assert isinstance(made, PointingReranker)
    exact = BlipReranker(builtin_models_directory() / "scenes-itm", device="cpu", precision="float32")
    pictures = [exact.prepare(drawn_scene(seed)) for seed in range(12)]
    rounded, expected = made.encode_images(pictures), exact.encode_images(pictures)
    for text in ("a red boat", "two people"):
        scores = exact.score([text], expected)
        assert np.ptp(scores) > 0.3
        np.testing.assert_allclose(made.score([text], rounded), scores, atol=0.12)
    (graph,) = tmp_path.rglob(INT8_GRAPH)
    first = graph.stat().st_mtime_ns
    load_reranker("scenes", INT8, tmp_path)
    assert graph.stat().st_mtime_ns == first
    graph.write_bytes(graph.read_bytes()[:-9])
    again = load_reranker("scenes", INT8, tmp_path)
    np.testing.assert_array_equal(again.encode_images(pictures[:1])[0], rounded[0])


def test_int8_is_blip_s_alone(tmp_path: Path) -> None:
    """In one line, before anything is loaded."""
    folder = write_blip2(tmp_path / "blip2")
    wanted = Settings(reranker=str(folder), reranker_precision="int8", device="cpu")
    with pytest.raises(UnsupportedError, match="is for BLIP") as caught:
        load_reranker("scenes", wanted, tmp_path)
    assert "\n" not in str(caught.value)
