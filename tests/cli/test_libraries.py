"""Libraries that commands make: none is left behind by one that came to nothing, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Run
from tests.grey import GreyEncoder
from vasari.api.cli.libraries import filling
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import StorageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

SPACE = GreyEncoder("grey").space
ENDS = (KeyboardInterrupt(), click.exceptions.Exit(130), StorageError("the disk is full"))


def begin(library: Library) -> None:
    """What an index or an import does before it commits anything."""
    library.catalog.jobs.start("import", {"path": "/vectors.jsonl"})
    library.catalog.spaces.ensure(SPACE)
    library.catalog.spaces.set_default(SPACE.name)
    write(library.models_directory(SPACE) / "text.onnx", library.root / "segments" / "grey" / "1.npy")
    write(library.root / "segments" / "imported" / "1.npy")  # of a space that an import has not committed
    (library.root / "models" / "grey.1a2b-77-0.tmp").mkdir()


def write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def stop(root: Path, begun: Callable[[Library], None], end: BaseException) -> None:
    """Fill a library, and be stopped."""
    with filling(root, Settings(library=root)) as library:
        begun(library)
        raise end


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
def test_what_was_stopped_before_anything_was_committed_leaves_no_library(
    tmp_path: Path, end: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor the folders that were made for it; a line says so, unless an error is told anyway."""
    root = tmp_path / "new" / "library"
    with pytest.raises(type(end)):
        stop(root, begin, end)
    assert list(tmp_path.iterdir()) == []
    said = f"nothing had been indexed yet: no library is left in {root}\n"
    assert capsys.readouterr().err == ("" if isinstance(end, StorageError) else said)


@pytest.mark.parametrize(
    "words", [("keys", "create", "page", "--scope", "all"), ("serve", "--host", "0.0.0.0")]
)
def test_a_command_that_is_refused_leaves_no_library(
    run: Run, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key without a scope that there is, a service that anybody could reach."""
    monkeypatch.setenv("VASARI_PORT", "0")
    assert run(*words)[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    """Other files in the folder, also in folders that are called as the library's are."""
    kept = {
        tmp_path / "notes.txt",
        tmp_path / "models" / "mine.onnx",
        tmp_path / "segments" / "grey" / "my.txt",
    }
    write(*kept)
    with pytest.raises(KeyboardInterrupt):
        stop(tmp_path, begin, KeyboardInterrupt())
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == kept | {
        tmp_path / "segments/grey/1.npy"
    }
    assert not (tmp_path / "models" / "grey").exists()


def test_a_library_into_which_something_came_stays(tmp_path: Path) -> None:
    """Be it that a file could not be read; and so does one that was there, empty as it may be."""
    filled, empty = tmp_path / "filled", tmp_path / "empty"
    failure = Skipped("/a.jpg", "decode", "no picture")
    Library.open(empty, create=True).close()
    for root, begun in (
        (filled, lambda library: library.catalog.failures.record([failure])),
        (empty, begin),
    ):
        with pytest.raises(KeyboardInterrupt):
            stop(root, begun, KeyboardInterrupt())
        assert (root / "catalog.sqlite3").exists()


_LOADING = """
import os, signal, sys, time
from pathlib import Path
from vasari.api.cli.indexing import run_index
from vasari.api.cli.libraries import filling
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

class Loading(Library):
    def use_model(self, reference):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

root = Path(sys.argv[1])
with filling(root, Settings(library=root)), Loading.open(root) as library:
    run_index(library, FolderSource([sys.argv[2]]))
"""


def test_a_signal_while_the_model_is_loaded_ends_the_command_at_once(tmp_path: Path) -> None:
    """By no exception, which the import of a library in another language does not survive; no library is left."""
    (tmp_path / "photos").mkdir()
    words = [sys.executable, "-c", _LOADING, str(tmp_path / "library"), str(tmp_path / "photos")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (130, "vasari: stopped"), ended.stderr
    assert not (tmp_path / "library").exists()
