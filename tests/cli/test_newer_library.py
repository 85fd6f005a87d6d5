"""Downgrades: a library that a newer Vasari wrote is refused in words by whatever opens it, and left as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.grey import GreyLibrary, write_picture
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.tables import HEAD
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

COMMANDS = (
    "status", "search boat", "search PHOTO", "similar 1", "show 1", "known PHOTO", "failures", "fields", "dedupe",
    "understand boat", "open boat", "index PHOTO", "index PHOTO --dry-run", "watch PHOTO", "rebuild", "doctor",
    "doctor --repair", "backup BACKUPS", "export out.jsonl", "remove 1", "tag 1 --add sea", "album list", "keys list",
    "keys create page", "spaces list", "move-root a b", "caption 1", "read", "tags write", "mcp", "serve --port 0",
    "serve --port 0 --read-only",
)  # fmt: skip


def set_version(root: Path, version: str) -> None:
    """Say that the catalog has the form of another Vasari's."""
    with closing(sqlite3.connect(root / "catalog.sqlite3")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))


def files(root: Path) -> dict[str, bytes]:
    """What a library holds, without SQLite's own files beside the catalog."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library of one picture."""
    write_picture(tmp_path / "photo.png", 1)
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        opened.use_model("grey")
        index(opened, FolderSource([tmp_path / "photo.png"]))
    return tmp_path / "library"


def test_every_command_refuses_a_library_of_a_newer_version(run: Run, tmp_path: Path, library: Path) -> None:
    """One line that says what to do; not a byte of the library is another afterwards."""
    set_version(library, "9999")
    before = files(library)
    for command in COMMANDS:
        words = command.replace("PHOTO", str(tmp_path / "photo.png")).replace(
            "BACKUPS", str(tmp_path / "kept")
        )
        code, out, err = run(*words.split())
        told = "vasari: this library was written by a newer Vasari (catalog 9999): upgrade Vasari"
        assert (code, err.splitlines()[-1:]) == (2, [told]), command
        assert out == "", command
    assert files(library) == before
    set_version(library, HEAD)
    assert run("status")[0] == 0


def test_a_library_of_an_older_version_is_not_changed_by_who_only_reads(library: Path) -> None:
    """A read-only replica says that some command has to open it for writing first."""
    set_version(library, "0009")
    before = files(library)
    with pytest.raises(UnsupportedError, match=r"older Vasari \(catalog 0009\): `vasari status`"):
        Library.open(settings=Settings(library=library, read_only=True))
    assert files(library) == before
