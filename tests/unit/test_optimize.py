"""Faster forms of a model: near the model's own vectors, measured first, switched on and off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.models import KINDS, Kind, write_model
from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.optimize import (
    Limits,
    OptimizedPrecision,
    OptimizeReport,
    optimize,
    own_pictures,
    pictures_below,
    switch_off,
)
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError, UnsupportedError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.export.image import export_image_tower
from vasari.retrieval.models.export.int8 import quantize
from vasari.retrieval.models.exported.compiled import CompiledTower, runs_in
from vasari.retrieval.models.exported.image import INT8_FILES, OptimizedEncoder, read_settings
from vasari.retrieval.models.exported.session import open_session
from vasari.retrieval.models.exported.single_image import GRAPH_FILE, run_graph
from vasari.retrieval.models.ports import DualEncoder
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
    """A library with these pictures, by the model as it is."""
    model = write_model(tmp_path / "model", "clip")
    settings = Settings(model=str(model), threads=1, offline=True, device="cpu")
    opened = Library.open(tmp_path / "library", settings, create=True)
    index(opened, FolderSource([photos]))
    switch_off(opened, opened.space())
    return opened


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_tower_gives_the_vectors_of_the_model(kind: Kind, tmp_path: Path, photos: Path) -> None:
    """In float32 to rounding, in int8 nearly, whatever the architecture: written layer by layer or traced."""
    model = write_model(tmp_path / "model", kind)
    encoder = OpenClipEncoder.load(str(model), device="cpu", precision="float32", threads=1)
    pixels = np.stack([encoder.prepare(Image.open(path)) for path in sorted(photos.iterdir())])
    expected = encoder.embed_images(pixels)
    export_image_tower(encoder, tmp_path)
    seen = quantize(tmp_path / GRAPH_FILE, tmp_path / "int8.xml", [pixels[:3], pixels[3:]], threads=1)
    found = {
        "float32, while ranges are observed": (unit_vectors(seen), 0.99999),
        "onnx": (run_graph(open_session(tmp_path / GRAPH_FILE, 1), pixels), 0.99999),
        "float32": (CompiledTower(tmp_path / GRAPH_FILE, "float32", 1).embed(pixels), 0.99999),
        "int8": (CompiledTower(tmp_path / "int8.xml", "int8", 1).embed(pixels), 0.98),
    }
    for name, (vectors, least) in found.items():
        assert (vectors * expected).sum(axis=1).min() >= least, name


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_a_vector_does_not_depend_on_its_batch(precision: OptimizedPrecision, library: Library) -> None:
    """In each precision of this processor, by each encoder: alone, first, in the middle, or in a padded last part."""
    space, shades = library.space(), np.random.default_rng(1)
    pixels = shades.integers(0, 256, (11, 48, 48, 3), dtype=np.uint8)
    encoders: list[DualEncoder] = []
    if precision != "int8":
        encoders.append(OpenClipEncoder.load(space.model, device="cpu", precision=precision, threads=1))
    if runs_in(precision):
        optimize(library, space, own_pictures(library, 12), precision=precision, force=True)
        encoders.append(library.encoder(space))
    for encoder in encoders:
        together = encoder.embed_images(pixels)
        for size in (1, 3, 7):
            parts = [encoder.embed_images(pixels[i : i + size]) for i in range(0, len(pixels), size)]
            assert np.array_equal(np.concatenate(parts), together)


def test_nothing_is_switched_by_a_dry_run(library: Library) -> None:
    """A dry run reports speed, drift and recall, and the library goes on with the model as it is."""
    space = library.space()
    report = optimize(library, space, own_pictures(library, 12), precision="float32", dry_run=True)
    assert not report.switched
    assert report.cosine_min > 0.99
    assert report.cosine_centred > 0.9
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


def test_nothing_slower_is_switched_on() -> None:
    """A form that is near enough but encodes no faster than the model as it is has a reason against it."""
    near = OptimizeReport("s", "m", "int8", "openvino", 12, 1.0, 1.0, 1.0, 3, 1.0, 1.0, "texts", 20.0, 10.0)
    assert near.judged(Limits()).too_far is None
    slower = replace(near, images_per_second_before=30.0).judged(Limits())
    assert slower.too_far == "it encodes 20.0 images/s, the model as it is 30.0"
    on = replace(near, on="bfloat16", images_per_second_on=40.0)
    assert on.judged(Limits()).too_far == "it encodes 20.0 images/s, the bfloat16 form that is on 40.0"
    assert replace(on, on="int8").judged(Limits()).too_far is None  # made anew


def test_a_form_is_compared_with_the_one_that_is_on(library: Library) -> None:
    """Its speed and its vectors, beside those of the model; a form that cannot be run is no rival."""
    space, pictures = library.space(), own_pictures(library, 12)
    assert optimize(library, space, pictures, precision="float32", force=True).on is None
    report = optimize(library, space, pictures, precision="int8", force=True)
    assert (report.on, report.switched) == ("float32", True)
    assert report.images_per_second_on
    assert report.cosine_on == pytest.approx(report.cosine_mean, abs=0.01)
    (library.models_directory(space) / INT8_FILES[0]).write_bytes(b"cut")
    assert optimize(library, space, pictures, precision="int8", dry_run=True).on is None


def test_only_the_form_that_runs_leaves_files(library: Library) -> None:
    """int8 has a graph of its own, float32 is that of single pictures; switched off, nothing is left."""
    space, directory = library.space(), library.models_directory(library.space())
    forms: dict[OptimizedPrecision, tuple[str, ...]] = {"int8": INT8_FILES, "float32": ()}
    for precision, files in forms.items():
        optimize(library, space, own_pictures(library, 12), precision=precision, force=True)
        assert {path.name for path in directory.glob("image.*")} == {"image.json", *files}
        settings = read_settings(directory)
        assert settings is not None
        assert settings["precision"] == precision
    assert switch_off(library, space)
    assert not list(directory.glob("image.*"))


@pytest.mark.parametrize("engine", ["onednn", "onnx"])
def test_a_form_of_an_earlier_version_says_how_to_make_it_anew(library: Library, engine: str) -> None:
    """Texts find what is in the library as before; what needs the form, and the doctor, name what makes it anew."""
    space = library.space()
    directory = library.models_directory(space)
    image = {"height": 48, "width": 48, "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "shortest"}
    before = {"precision": "int8", "engine": engine, "image": image, "report": {}}
    (directory / "image.json").write_text(json.dumps(before))
    (directory / "image.int8.safetensors").write_bytes(b"of another library")
    with Library.open(library.root, library.settings) as again:
        assert again.embed_texts(["a boat"], space).shape == (1, 32)
        with pytest.raises(
            UnsupportedError, match=r"made by an earlier version: run `vasari models optimize"
        ):
            again.encoder(space)
        [finding] = examine(again)
        assert (finding.kind, finding.repaired) == ("tower", False)
        assert "run `vasari models optimize" in finding.message
        if engine == "onnx":
            optimize(again, space, own_pictures(again, 12), precision="int8", force=True)
        else:
            [finding] = examine(again, repair=True)
            assert finding.repaired
            assert "made anew in int8" in finding.message
        assert examine(again) == []
        assert isinstance(again.encoder(space), OptimizedEncoder)
    assert not (directory / "image.int8.safetensors").exists()


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
    for name in INT8_FILES:
        (directory / name).write_bytes(b"no weights")
    with (
        Library.open(library.root, library.settings) as again,
        pytest.raises(LibraryCorruptError, match="--off"),
    ):
        again.encoder(space)
    (directory / "image.json").write_text(json.dumps({"precision": "int8", "engine": "openvino"}))
    with (
        Library.open(library.root, library.settings) as again,
        pytest.raises(LibraryCorruptError, match="--off"),
    ):
        again.encoder(space)
