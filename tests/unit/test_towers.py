"""Exported models: damage is told in one line, and the doctor makes them anew."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.models import SENTENCES, write_model
from vasari.indexer.doctor import examine
from vasari.indexer.towers import is_refusal
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.export.text_int8 import open_in_int8
from vasari.retrieval.models.exported.session import CHECKSUMS_FILE
from vasari.retrieval.settings import Settings


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """An empty library of a small model, with its text tower in both forms."""
    root = tmp_path_factory.mktemp("towers")
    settings = Settings(model=str(write_model(root / "model", "clip")), threads=1, offline=True, device="cpu")
    library = Library.open(root / "library", settings, create=True)
    space = library.use_model(settings.model)
    open_in_int8(library.models_directory(space), library.encoder(space), SENTENCES, threads=1)
    return library


@pytest.fixture
def library(filled: Library, tmp_path: Path) -> Library:
    """A copy of it, just opened."""
    shutil.copytree(filled.root, tmp_path / "library")
    return Library.open(tmp_path / "library", filled.settings)


def folder(library: Library) -> Path:
    return library.models_directory(library.space())


def embed(library: Library) -> list[float]:
    vectors: list[float] = library.embed_texts(["a boat"], library.space())[0].tolist()
    return vectors


@pytest.mark.parametrize(
    "name", ["text.onnx", "text.weights", "text.json", "merges.npy", "text.int8.bin", CHECKSUMS_FILE]
)
@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_a_damaged_tower_is_told_and_mended(library: Library, name: str, damage: str) -> None:
    """A search names the doctor; a repair keeps the damaged files in quarantine and makes the tower anew."""
    path = folder(library) / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:10])
    else:
        path.unlink()
    if "int8" not in name and (damage, name) != ("missing", CHECKSUMS_FILE):
        with pytest.raises(LibraryCorruptError, match="vasari doctor --repair"):
            embed(library)
        assert [finding.kind for finding in examine(library)] == ["tower"]
    assert all(finding.repaired for finding in examine(library, repair=True))
    assert examine(library) == []
    with Library.open(library.root, library.settings) as again:
        assert len(embed(again)) == 32


def test_other_content_of_the_same_length_is_found_by_the_doctor(library: Library) -> None:
    """A copy with a flipped bit opens and searches; its checksum tells."""
    path = folder(library) / "text.weights"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    [finding] = examine(library)
    assert "text.weights has another checksum" in finding.message


def test_towers_of_earlier_versions_have_no_checksums_and_are_tried(library: Library) -> None:
    """Without the file of checksums a tower that opens is whole, one that does not and one that lacks are made."""
    (folder(library) / CHECKSUMS_FILE).unlink()
    shutil.rmtree(folder(library) / "picture")
    assert examine(library) == []
    (folder(library) / "text.onnx").write_bytes(b"no graph")
    lacking, damaged = examine(library, repair=True)
    assert "text.onnx" in damaged.message
    assert "is exported now" in lacking.message
    assert [lacking.repaired, damaged.repaired] == [True, True]
    assert len(embed(library)) == 32


def test_a_model_that_is_gone_leaves_its_damaged_tower_in_quarantine(library: Library) -> None:
    """What cannot be made anew is said, and nothing is deleted."""
    (folder(library) / "text.onnx").write_bytes(b"no graph")
    with Library.open(library.root, replace(library.settings, model="gone")) as other:
        Path(library.settings.model).rename(library.root / "hidden")
        try:
            [finding] = examine(other, repair=True)
        finally:
            (library.root / "hidden").rename(library.settings.model)
    assert not finding.repaired
    assert "cannot be made anew" in finding.message
    assert list((library.root / "quarantine").rglob("text.onnx"))


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (OSError(24, "Too many open files"), True),
        (ImportError("a part of a library cannot be loaded"), True),
        (RuntimeError("open file text.weights fail, errcode = 24 - Too many open files"), True),
        (FileNotFoundError(2, "No such file or directory"), False),
        (RuntimeError("Protobuf parsing failed"), False),
    ],
)
def test_what_the_system_refuses_to_open_is_no_damage(error: Exception, refusal: bool) -> None:
    """Too few file descriptors for a model moved an intact one into quarantine."""
    damage = LibraryCorruptError(f"the tower is damaged ({error})")
    damage.__cause__ = error
    assert is_refusal(damage) is refusal
