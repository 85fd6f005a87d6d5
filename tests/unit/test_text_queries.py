"""The texts that an index's recall is measured with."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.models import write_model
from vasari.indexer.build import text_queries
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.exported.text import OnnxTextEncoder
from vasari.retrieval.search.relevance import BACKGROUND
from vasari.retrieval.settings import Settings


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Three pictures under a tiny model."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(3):
        Image.new("RGB", (60, 50), (80 * number, 9, 200)).save(photos / f"{number}.png")
    model = write_model(tmp_path / "model", "clip")
    opened = Library.open(
        tmp_path / "library", Settings(model=str(model), threads=1, offline=True, device="cpu"), create=True
    )
    index(opened, FolderSource([photos]))
    return opened


def test_recall_is_measured_with_texts_of_the_spaces_own_tower(library: Library) -> None:
    """Everyday phrases are embedded by the space's text tower, and the description says what they are."""
    space = library.space()
    vectors, described = text_queries(library, space, Modality.IMAGE, least=1)
    assert vectors is not None
    np.testing.assert_allclose(vectors, library.embed_texts(BACKGROUND, space), atol=1e-5)
    assert described == f"0 captions of the library and {len(BACKGROUND)} everyday phrases"


def test_small_galleries_and_missing_models_are_measured_without_texts(
    library: Library, tmp_path: Path
) -> None:
    """Nothing is embedded where a scan answers, nor where the model is gone."""
    space = library.space()
    assert text_queries(library, space, Modality.IMAGE) == (None, None)
    shutil.rmtree(tmp_path / "model")
    shutil.rmtree(library.models_directory(space))
    with Library.open(library.root, library.settings) as again:
        assert text_queries(again, space, Modality.IMAGE, least=1) == (None, None)


def test_a_service_asks_the_text_tower_though_the_model_is_loaded(library: Library) -> None:
    """The tower does not pad, and a search for it waits for no job that loads a model meanwhile."""
    space, models = library.space(), library.models
    assert models.text_encoder(space) is models.encoder(space)
    models.serve("float32")
    tower = models.text_encoder(space)
    assert isinstance(tower, OnnxTextEncoder)
    with models._lock, ThreadPoolExecutor(1) as thread:  # as while a job loads
        assert thread.submit(models.text_encoder, space).result(60) is tower
