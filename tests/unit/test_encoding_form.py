"""How a new space is encoded: forms are tried before the first commit, and what was chosen stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.models import write_model
from vasari.indexer import encoding_form
from vasari.indexer.job import index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.exported.image import OptimizedEncoder, read_settings
from vasari.retrieval.settings import Precision, Settings

LARGE = 24  # pictures of a job that tries forms, here


@pytest.fixture(autouse=True)
def _tries_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding_form, "FEWEST", LARGE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    return write_model(tmp_path_factory.mktemp("model"), "clip")


def photos(folder: Path, count: int) -> FolderSource:
    """Soft colours: of so few pixels each that reducing them while decoding changes nothing."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        cells = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(cells).resize((64, 48), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return FolderSource([folder])


def fill(root: Path, model: Path, source: FolderSource, precision: Precision = "auto") -> IndexReport:
    """A job over a new library, or one more over it."""
    settings = Settings(model=str(model), threads=1, offline=True, device="cpu", precision=precision)
    with Library.open(root / "library", settings, create=True) as library:
        return index(library, source)


def test_a_large_job_chooses_a_form_and_keeps_it(tmp_path: Path, model: Path) -> None:
    """It says what it chose; the next job encodes in the same form and chooses nothing."""
    source = photos(tmp_path / "photos", LARGE)
    report = fill(tmp_path, model, source)
    assert report.added == LARGE
    assert report.form is not None
    assert report.form in report.notes
    settings = Settings(model=str(model), threads=1, offline=True, device="cpu")
    with Library.open(tmp_path / "library", settings) as library:
        chosen = read_settings(library.models_directory(library.space()))
        assert chosen is not None
        assert chosen["precision"] in report.form
        assert library.spaces()[0].precision == chosen["precision"]
        assert isinstance(library.encoder(), OptimizedEncoder)
    Path(tmp_path / "photos" / "0.png").unlink()
    assert fill(tmp_path, model, photos(tmp_path / "photos", 1)).form is None


def test_a_small_job_tries_nothing(tmp_path: Path, model: Path) -> None:
    """Few pictures are encoded by the model as it is, at once."""
    assert fill(tmp_path, model, photos(tmp_path / "photos", 9)).form is None
    assert not list((tmp_path / "library").rglob("image.json"))


def test_a_precision_that_was_asked_for_becomes_the_space_s_own(tmp_path: Path, model: Path) -> None:
    """int8 needs eight pictures; with fewer, or for a space that is filled otherwise, one line says what to do."""
    with pytest.raises(UsageError, match="int8 wants 8 pictures"):
        fill(tmp_path, model, photos(tmp_path / "few", 3), "int8")
    source = photos(tmp_path / "photos", 9)
    report = fill(tmp_path, model, source, "int8")
    assert report.added == 9
    settings = Settings(model=str(model), threads=1, offline=True, device="cpu")
    with Library.open(tmp_path / "library", settings) as library:
        assert library.spaces()[0].precision == "int8"
        assert isinstance(library.encoder(), OptimizedEncoder)
    with Library.open(tmp_path / "library", replace(settings, precision="float32")) as library:
        assert isinstance(library.encoder(), OpenClipEncoder)
    (tmp_path / "other").mkdir()
    fill(tmp_path / "other", model, source)
    with (
        Library.open(tmp_path / "other" / "library", replace(settings, precision="int8")) as library,
        pytest.raises(UsageError, match="has no int8 form: `vasari models optimize`"),
    ):
        library.encoder()
