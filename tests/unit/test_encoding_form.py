"""How a new space is encoded: forms are tried before the first commit, and what was chosen stays."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.models import write_model
from vasari.indexer import encoding_form, optimize
from vasari.indexer.job import index
from vasari.indexer.progress import IndexReport, Progress, ProgressEvent
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality, unit_vectors
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


class Heard:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.events: list[ProgressEvent] = []

    def update(self, event: ProgressEvent) -> None:
        self.events.append(event)


def fill(
    root: Path,
    model: Path,
    source: FolderSource,
    precision: Precision = "auto",
    progress: Progress | None = None,
) -> IndexReport:
    """A job over a new library, or one more over it."""
    settings = Settings(model=str(model), threads=1, offline=True, device="cpu", precision=precision)
    with Library.open(root / "library", settings, create=True) as library:
        return index(library, source, progress=progress)


def test_a_large_job_chooses_a_form_and_keeps_it(tmp_path: Path, model: Path) -> None:
    """It says first that it tries forms, and what it chose; the next job encodes in that form and chooses nothing."""
    source = photos(tmp_path / "photos", LARGE)
    heard = Heard()
    report = fill(tmp_path, model, source, progress=heard)
    told = [event.told for event in heard.events if event.told]
    first = next(i for i, event in enumerate(heard.events) if event.phase == "indexing")
    assert told == [event.told for event in heard.events[:first] if event.told]
    assert told[0].startswith("trying which form of the model is fastest")
    assert told[1:] == [report.form]
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


@pytest.mark.parametrize(("faster", "tried"), [(4.0, ["int8"]), (2.0, ["int8", "bfloat16"])])
def test_bfloat16_is_not_tried_where_int8_is_near_enough_and_far_faster_than_float32(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, faster: float, tried: list[str]
) -> None:
    """A trial ends where its outcome is sure."""
    measure, measured = optimize._Trial.measure, []

    def noted(trial: optimize._Trial, precision: optimize.OptimizedPrecision) -> optimize._Form:
        measured.append(precision)
        form = measure(trial, "int8")
        return replace(form, precision=precision, images_per_second=faster * trial.exact_speed)

    monkeypatch.setattr(optimize._Trial, "measure", noted)
    monkeypatch.setattr(optimize, "runs_in", lambda _precision: True)
    monkeypatch.setattr(optimize.OptimizeReport, "off", lambda *_: None)
    report = fill(tmp_path, model, photos(tmp_path / "photos", LARGE))
    assert measured == tried
    assert report.form is not None
    assert "int8" in report.form


@pytest.mark.parametrize(
    ("count", "noise", "faster", "chosen"),
    [
        (9, 0.0, 2.0, "bfloat16"),
        (9, 0.1, 2.0, "float32"),  # too far off
        (9, 0.0, 0.1, "float32"),  # no faster
        (7, 0.0, 2.0, "float32"),  # too few to tell
    ],
)
def test_a_small_job_takes_bfloat16_where_it_is_near_enough_and_faster(
    tmp_path: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    noise: float,
    faster: float,
    chosen: str,
) -> None:
    """Nothing is said of it, and int8 is not tried."""
    measure, measured = optimize._Trial.measure, []

    def noted(trial: optimize._Trial, precision: optimize.OptimizedPrecision) -> optimize._Form:
        measured.append(precision)
        form = measure(trial, "float32")
        moved = form.vectors + noise * np.random.default_rng(0).normal(size=form.vectors.shape)
        return optimize._Form(precision, faster * trial.exact_speed, unit_vectors(moved.astype(np.float32)))

    monkeypatch.setattr(optimize._Trial, "measure", noted)
    monkeypatch.setattr(optimize, "runs_in", lambda _precision: True)
    assert fill(tmp_path, model, photos(tmp_path / "photos", count)).form is None
    assert measured == ["bfloat16"] * (count >= optimize.FEWEST)
    with Library.open(tmp_path / "library", Settings(model=str(model), device="cpu")) as library:
        assert library.spaces()[0].precision == chosen


def test_a_small_job_s_vectors_are_those_of_the_model(tmp_path: Path, model: Path) -> None:
    """And those of the space, for whoever asks later."""
    source = photos(tmp_path / "photos", 9)
    assert fill(tmp_path, model, source).form is None
    settings = Settings(model=str(model), threads=1, offline=True, device="cpu")
    with Library.open(tmp_path / "library", settings) as library:
        space = library.space()
        ids = library.catalog.items.live_ids(Modality.IMAGE)
        stored = library.gallery(Modality.IMAGE).vectors_of(ids.tolist())
        again = library.embed_pictures(
            [Path(item.uri) for item in library.items(ids.tolist()).values()], space
        )
        assert (stored * again).sum(axis=1).min() > 0.99999
    whole = OpenClipEncoder.load(str(model), device="cpu", precision="float32", threads=1)
    pictures = [Image.open(path).convert("RGB") for path in sorted((tmp_path / "photos").iterdir())]
    exact = whole.embed_images(np.stack([whole.prepare(picture) for picture in pictures]))
    assert (stored * exact).sum(axis=1).min() > 0.995


def test_a_small_job_of_another_tower_takes_the_model_as_it_is(tmp_path: Path) -> None:
    """Where the model has to be loaded to be exported, it encodes the few pictures itself."""
    other = write_model(tmp_path / "model", "siglip")
    assert fill(tmp_path, other, photos(tmp_path / "photos", 9)).form is None
    assert not list((tmp_path / "library").rglob("image.json"))


def test_a_small_job_never_imports_torch(tmp_path: Path, model: Path) -> None:
    """It takes a fifth of the memory."""
    photos(tmp_path / "photos", 9)
    program = (
        "import sys\n"
        "from vasari.api.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('torch' in sys.modules)\n"
    )
    words = ["index", tmp_path / "photos", "-m", model, "-L", tmp_path / "library"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env=os.environ | {"VASARI_DEVICE": "cpu", "VASARI_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("9 added")
    assert done.stdout.endswith("False\n")


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
