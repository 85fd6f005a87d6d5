"""Atomic writes: a file or folder is there whole, or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from vasari.retrieval.errors import StorageError
from vasari.retrieval.storage.atomic import TEMPORARY, replaced, write_bytes
from vasari.retrieval.storage.file_names import as_utf8


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_appears_under_its_name_when_whole(tmp_path: Path) -> None:
    """Until the block ends there is only a temporary name; then the content is there, and nothing else."""
    final = tmp_path / "new" / "file"
    with replaced(final) as (temporary,):
        temporary.write_bytes(b"whole")
        assert not final.exists()
        assert temporary.name.endswith(TEMPORARY)
    assert final.read_bytes() == b"whole"
    assert names(final.parent) == ["file"]


def write_half(*finals: Path, failure: BaseException) -> None:
    with replaced(*finals) as temporary:
        temporary[0].write_bytes(b"half")
        raise failure


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError("a bad row")])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, failure: BaseException) -> None:
    """Ctrl-C or a bad row in the middle: the file before stays as it was, and nothing is beside it."""
    final = tmp_path / "file"
    final.write_bytes(b"before")
    with pytest.raises(type(failure)):
        write_half(final, failure=failure)
    assert final.read_bytes() == b"before"
    assert names(tmp_path) == ["file"]


def test_files_that_belong_together_appear_together(tmp_path: Path) -> None:
    """A full disk in the middle is told in words, and none of the files is there."""
    with pytest.raises(StorageError, match="no space left"):
        write_half(tmp_path / "a", tmp_path / "b", failure=OSError(errno.ENOSPC, "full"))
    assert not names(tmp_path)


def write_folder(final: Path) -> None:
    with replaced(final) as (temporary,):
        (temporary / "inner").mkdir(parents=True)
        (temporary / "inner" / "file").write_bytes(b"x")


def test_folders_are_whole_too(tmp_path: Path) -> None:
    """A folder takes the place of an empty one; a full one is refused and stays."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").touch()
    write_folder(tmp_path / "empty")
    with pytest.raises(StorageError):
        write_folder(tmp_path / "full")
    assert names(tmp_path) == ["empty", "full"]
    assert names(tmp_path / "full") == ["kept"]
    assert (tmp_path / "empty/inner/file").read_bytes() == b"x"


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    """The remains of a process that is gone are removed; those of one that lives are its business."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    with replaced(tmp_path / "file") as (mine,):
        mine.write_bytes(b"new")
        left = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
        left.write_bytes(b"half")
        write_bytes(tmp_path / "file", b"meanwhile")
        assert names(tmp_path) == ["file", mine.name]
    assert names(tmp_path) == ["file"]


def test_names_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    """A temporary name is no longer than a name may be, of whatever bytes."""
    name = os.fsdecode(b"\xff" * 255)
    write_bytes(tmp_path / name, b"x")
    assert names(tmp_path) == [name]


def test_what_takes_only_utf8_can_open_any_name(tmp_path: Path) -> None:
    """A name that is UTF-8 stays as it is; another has one that is, for as long as the block runs."""
    plain, odd = tmp_path / "ä", tmp_path / os.fsdecode(b"\xff") / "file"
    odd.parent.mkdir()
    odd.write_bytes(b"here")
    with as_utf8(plain) as same, as_utf8(odd) as other:
        assert same == plain
        assert str(other).encode()
        assert other.read_bytes() == b"here"
    assert not other.exists()
