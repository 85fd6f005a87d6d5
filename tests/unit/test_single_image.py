"""Single pictures and nothing to do: neither loads the model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.grey import write_picture
from tests.models import Kind, write_model
from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.optimize import switch_off
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality, SearchRequest, Term, TermKind
from vasari.retrieval.errors import LibraryCorruptError, ModelUnavailableError
from vasari.retrieval.library.last_uses import LoadedKind
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.exported.single_image import (
    FOLDER,
    GRAPH_FILE,
    OnnxPictureEncoder,
    read_settings,
)
from vasari.retrieval.settings import Precision, Settings

WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture(scope="module", params=["clip", "siglip"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small model, two pictures, a broken file, and a library of them."""
    kind: Kind = request.param
    root = tmp_path_factory.mktemp(kind)
    write_model(root / "model", kind)
    write_picture(root / "photos" / "a.png", 1, side=90)
    write_picture(root / "photos" / "b.png", 2, side=60)
    (root / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with opened(root, create=True) as library:
        library.use_model(library.settings.model)
        report = index(library, FolderSource([root / "photos"]))
        assert (report.added, report.failed) == (2, 1)
        # As in libraries of models that are exported when they are loaded.
        switch_off(library, library.space())
    return root


def opened(root: Path, *, create: bool = False) -> Library:
    settings = Settings(model=str(root / "model"), threads=1, offline=True)
    return Library.open(root / "library", settings, create=create)


@pytest.fixture
def bare(filled: Path) -> Iterator[Path]:
    """The same without the model's weights: what loads the model fails."""
    aside = filled / "aside"
    (filled / "model" / WEIGHTS).rename(aside)
    yield filled
    aside.rename(filled / "model" / WEIGHTS)


def test_an_exported_tower_gives_the_vectors_of_the_space(filled: Path) -> None:
    """From the file to the vector: what the model made of it when it was indexed."""
    with opened(filled) as library:
        space = library.space()
        tower = library.models.picture_encoder(space)
        assert isinstance(tower, OnnxPictureEncoder)
        for name in ("a.png", "b.png"):
            item = library.catalog.items.by_uri(str(filled / "photos" / name))
            assert item is not None
            stored = library.gallery(Modality.IMAGE).vectors_of([item.id])[0]
            again = library.embed_pictures([filled / "photos" / name], space)[0]
            assert float(np.dot(stored, again)) > 0.999


def test_a_service_finds_candidates_by_a_compiled_tower(bare: Path) -> None:
    """Compiled for this processor, the tower's vectors are nearly those of the space; idle, it leaves memory."""
    with opened(bare) as library:
        space, path = library.space(), bare / "photos" / "a.png"
        picture = library.open_picture(path)
        assert library.models.candidate_encoder(space) is None, "a command asks once"
        library.models.serve("float32")
        exact = library.embed_pictures([path], space)
        assert float(np.vdot(library.embed_candidate(picture, space), exact)) > 0.99
        assert library.models.candidate_encoder(space) is library.models.candidate_encoder(space)
        assert LoadedKind.PICTURE in library.models.give_back(0)
        assert LoadedKind.PICTURE not in library.models.loaded()


def test_in_a_service_the_tower_goes_on_beside_the_model(filled: Path) -> None:
    """A command has paid for the model; a service may have it in memory for a job."""
    with opened(filled) as library:
        space = library.space()
        library.encoder(space)
        assert library.models.picture_encoder(space) is None
        library.models.serve("float32")
        assert isinstance(library.models.picture_encoder(space), OnnxPictureEncoder)


def test_a_damaged_tower_finds_no_candidates(
    filled: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The model answers then, and the log says why."""
    shutil.copytree(filled, tmp_path / "copy")
    with opened(tmp_path / "copy") as library:
        library.models.serve("float32")
        space = library.space()
        (library.root / "models" / space.name / FOLDER / GRAPH_FILE).write_bytes(b"cut")
        assert library.models.candidate_encoder(space) is None
        assert "cannot be used" in caplog.text
        picture = library.open_picture(filled / "photos" / "a.png")
        assert library.embed_candidate(picture, space).shape == (1, space.dim)


def test_commands_of_one_picture_need_no_model(bare: Path) -> None:
    """A search by a picture, and classes for one."""
    with opened(bare) as library:
        term = Term(TermKind.IMAGE, image=bare / "photos" / "a.png")
        assert library.search(SearchRequest((term,))).hits[0].item.uri == str(bare / "photos" / "a.png")
        assert len(library.classify(bare / "photos" / "b.png", ["boat", "house"])) == 2
        with pytest.raises(ModelUnavailableError):
            library.encoder()


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_some_pictures_are_added_without_the_model(bare: Path, tmp_path: Path, precision: Precision) -> None:
    """Their vectors are those that a search by picture compares them with; of many the model would make them."""
    shutil.copytree(bare / "library", tmp_path / "library")
    settings = Settings(model=str(bare / "model"), precision=precision, threads=1, offline=True)
    with Library.open(tmp_path / "library", settings) as library:
        write_picture(tmp_path / "new.png", 4, side=70)
        (item,) = library.add(tmp_path / "new.png")
        stored = library.gallery(Modality.IMAGE).vectors_of([item])[0]
        again = library.embed_pictures([tmp_path / "new.png"], library.space())[0]
        assert float(np.dot(stored, again)) > 0.999
        with pytest.raises(ModelUnavailableError):
            library.add(*[tmp_path / "new.png"] * 33)


def test_a_run_with_nothing_to_embed_needs_no_model(bare: Path) -> None:
    """Though a file is broken, one was touched, and one has another name."""
    with opened(bare) as library:
        assert index(library, FolderSource([bare / "photos"])).failed == 1
        (bare / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken in another way")
        (bare / "photos" / "new.jpg").write_bytes(b"<html>not found</html>")
        (bare / "photos" / "a.png").touch()
        (bare / "photos" / "b.png").rename(bare / "photos" / "c.png")
        report = index(library, FolderSource([bare / "photos"]))
        assert (report.added, report.updated, report.moved, report.failed) == (0, 0, 1, 2)
        write_picture(bare / "photos" / "d.png", 3)
        with pytest.raises(ModelUnavailableError):
            index(library, FolderSource([bare / "photos"]))
    for name in ("d.png", "new.jpg"):
        (bare / "photos" / name).unlink()
    (bare / "photos" / "c.png").rename(bare / "photos" / "b.png")
    with opened(bare) as library:
        index(library, FolderSource([bare / "photos"]))


def test_a_named_model_is_known_by_its_files(filled: Path, tmp_path: Path) -> None:
    """It is not loaded to learn that its space is there; other weights make another space."""
    shutil.copytree(filled, tmp_path / "copy")
    with opened(filled) as library:
        space = library.space()
        assert library.use_model(library.settings.model) == space
        assert library.models.picture_encoder(space) is not None  # there is none once the model is loaded
    kind: Kind = "clip" if filled.name.startswith("clip") else "siglip"
    model = tmp_path / "copy" / "model"
    with opened(tmp_path / "copy", create=True) as library:
        first = library.use_model(str(model))
        write_model(model, kind, seed=5)
        assert library.use_model(str(model)) != first


def test_a_damaged_tower_is_made_anew(filled: Path, tmp_path: Path) -> None:
    """The model answers meanwhile; a job makes it anew, and the doctor tells and mends it as well."""
    shutil.copytree(filled / "library", tmp_path / "library")
    settings = Settings(model=str(filled / "model"), threads=1, offline=True)
    with Library.open(tmp_path / "library", settings) as library:
        space = library.space()
        weights = library.models_directory(space) / FOLDER / "image.weights"
        whole = weights.read_bytes()
        weights.write_bytes(whole[:50])
        assert library.models.picture_encoder(space) is None
        assert any("image.weights" in finding.message for finding in examine(library))
        library.embed_pictures([filled / "photos" / "a.png"], space)
        library.models.export_pictures(space)  # as a job does that loaded the model
        assert weights.read_bytes() == whole
    with Library.open(tmp_path / "library", settings) as library:
        (weights.parent / "picture.json").write_text("{")
        assert read_settings(weights.parent.parent) is None
        examine(library, repair=True)
        assert not any(finding.kind == "tower" for finding in examine(library))
        assert OnnxPictureEncoder.open(weights.parent.parent).image_size in (48, 64)
        shutil.rmtree(weights.parent)  # as in a library of an older version
        assert not any(finding.kind == "tower" for finding in examine(library))
        library.encoder(space)  # what a command of one picture loads then
        assert library.models.lacks_export(space)
        assert [finding.repaired for finding in examine(library, repair=True)] == [True]
        assert not library.models.lacks_export(space)
        weights.unlink()
        with pytest.raises(LibraryCorruptError):
            OnnxPictureEncoder.open(weights.parent.parent)
