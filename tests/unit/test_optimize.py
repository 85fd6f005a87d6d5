"""Faster forms of a model: near the model's own vectors, measured first, switched on and off."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.models import KINDS, Kind, write_model
from vasari.indexer.job import index
from vasari.indexer.optimize import (
    Limits,
    OptimizedPrecision,
    optimize,
    own_pictures,
    pictures_below,
    switch_off,
)
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.export.image import export_image_tower
from vasari.retrieval.models.exported.image import FILES, Engine, OptimizedEncoder, read_settings
from vasari.retrieval.models.exported.image_int8 import can_run
from vasari.retrieval.models.exported.session import open_session
from vasari.retrieval.models.exported.single_image import GRAPH_FILE, run_graph
from vasari.retrieval.settings import Settings


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of soft colours."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(12):
        cells = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(cells).resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg")
    return folder


@pytest.fixture
def library(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Library:
    """A library with these pictures."""
    model = write_model(tmp_path / "model", "clip")
    settings = Settings(model=str(model), threads=1, offline=True, device="cpu")
    opened = Library.open(tmp_path / "library", settings, create=True)
    index(opened, FolderSource([photos]))
    return opened


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_tower_gives_the_vectors_of_the_model(kind: Kind, tmp_path: Path, photos: Path) -> None:
    """In float32 to rounding, in int8 nearly, whatever the architecture: written layer by layer or traced."""
    model = write_model(tmp_path / "model", kind)
    encoder = OpenClipEncoder.load(str(model), device="cpu", precision="float32", threads=1)
    pixels = np.stack([encoder.prepare(Image.open(path)) for path in sorted(photos.iterdir())])
    expected = encoder.embed_images(pixels)
    for int8, least in ((False, 0.99999), (True, 0.98)):
        folder = tmp_path / f"int8-{int8}"
        folder.mkdir()
        export_image_tower(encoder, folder, int8=int8)
        found = run_graph(open_session(folder / GRAPH_FILE, 1), pixels)
        assert (found * expected).sum(axis=1).min() >= least


def test_nothing_is_switched_by_a_dry_run(library: Library) -> None:
    """A dry run reports speed, drift and recall, and the library goes on with the model as it is."""
    space = library.space()
    report = optimize(library, space, own_pictures(library, 12), precision="float32", dry_run=True)
    assert not report.switched
    assert report.cosine_min > 0.99
    assert report.text_recall == report.image_recall == 1.0
    assert not list(library.models_directory(space).glob("image.*"))


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_library_embeds_by_what_was_switched_on(library: Library, precision: OptimizedPrecision) -> None:
    """Opened again, the library encodes pictures by the exported tower; switched off, by the model."""
    space = library.space()
    before = library.encoder(space)
    assert optimize(library, space, own_pictures(library, 12), precision=precision, force=True).switched
    with Library.open(library.root, library.settings) as again:
        encoder = again.encoder(space)
        assert isinstance(encoder, OptimizedEncoder)
        assert encoder.precision == precision
        pixels = np.stack([np.full((48, 48, 3), shade, np.uint8) for shade in (0, 90, 200)])
        assert (encoder.embed_images(pixels) * before.embed_images(pixels)).sum(axis=1).min() > 0.98
        words = ["a red boat"]
        assert (encoder.embed_texts(words) * before.embed_texts(words)).sum() > 0.999
        assert switch_off(again, space)
    with Library.open(library.root, library.settings) as again:
        assert isinstance(again.encoder(space), OpenClipEncoder)


def test_vectors_too_far_off_are_refused(library: Library) -> None:
    """Where the drift is beyond the limit nothing is switched, and the error says by how much and what forces it."""
    space, unreachable = library.space(), Limits(cosine_mean=1.1)
    with pytest.raises(UsageError, match=r"not switched: mean cosine \S+ is below 1\.1 \(--force"):
        optimize(library, space, own_pictures(library, 12), precision="int8", limits=unreachable)
    assert not list(library.models_directory(space).glob("image.*"))


@pytest.mark.parametrize("least", [0.5, 1.1])
def test_the_next_engine_is_asked_where_the_fastest_is_too_far_off(library: Library, least: float) -> None:
    """int8 is oneDNN's where it runs and is near enough, else ONNX Runtime's; only the chosen one leaves files."""
    space, directory = library.space(), library.models_directory(library.space())
    limits = Limits(cosine_mean=least, cosine_min=0.5, recall=0.0)
    report = optimize(library, space, own_pictures(library, 12), precision="int8", limits=limits, force=True)
    expected = Engine.ONEDNN if can_run() and least < 1 else Engine.ONNX
    assert report.engine == expected
    assert {path.name for path in directory.glob("image.*")} == {"image.json", *FILES[expected]}
    settings = read_settings(directory)
    assert settings is not None
    assert settings["engine"] == expected
    assert switch_off(library, space)
    assert not list(directory.glob("image.*"))


def test_too_few_pictures_are_no_measure(library: Library, photos: Path) -> None:
    """With fewer than eight pictures the command asks for a folder; a folder without pictures is named."""
    with pytest.raises(UsageError, match="only 3 pictures"):
        optimize(library, library.space(), own_pictures(library, 3))
    assert len(pictures_below(photos, 5, library.image_limits)) == 5
    with pytest.raises(NotFoundError, match="no pictures"):
        pictures_below(library.root / "models", 5, library.image_limits)


def test_a_damaged_form_says_how_to_go_back(library: Library) -> None:
    """A file that cannot be read is an error that names the command which switches it off."""
    space = library.space()
    optimize(library, space, own_pictures(library, 12), precision="int8", force=True)
    directory = library.models_directory(space)
    engine = Engine.ONEDNN if can_run() else Engine.ONNX
    for name in FILES[engine]:
        (directory / name).write_bytes(b"no weights")
    with (
        Library.open(library.root, library.settings) as again,
        pytest.raises(LibraryCorruptError, match="--off"),
    ):
        again.encoder(space)
    (directory / "image.json").write_text(json.dumps({"precision": "int8"}))
    with (
        Library.open(library.root, library.settings) as again,
        pytest.raises(LibraryCorruptError, match="--off"),
    ):
        again.encoder(space)
