"""Ignore files and `--exclude`: what a listing leaves out, by the rules of .gitignore."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grey import GreyLibrary
from tests.unit.test_folder_source import listed, skipped, touch
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.detect import Reading, choose_source
from vasari.indexer.sources.folder import FolderSource, PairsSource
from vasari.retrieval.errors import UsageError


def ignore(folder: Path, *lines: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".vasariignore").write_text("\n".join(lines) + "\n", "utf-8")


def test_a_folder_says_what_to_leave_out(tmp_path: Path) -> None:
    """Patterns hold for it and all below; a later one takes back, and an inner folder's decides."""
    touch(
        tmp_path,
        "a.png",
        "a.jpg",
        "keep.png",
        "in/b.png",
        "in/c.jpg",
        "raw/d.jpg",
        "in/raw/e.jpg",
        "other/f.png",
    )
    ignore(tmp_path, "# no drawings", "*.png", "!keep.png", "raw/")
    ignore(tmp_path / "other", "!f.png")
    assert listed(FolderSource([tmp_path]), tmp_path) == ["a.jpg", "keep.png", "in/c.jpg", "other/f.png"]


def test_a_given_pattern_has_the_last_word(tmp_path: Path) -> None:
    """Below each path given, whatever ignore files say."""
    touch(tmp_path, "x/a.jpg", "x/b.jpg", "y/a.jpg", "y/z/b.jpg")
    ignore(tmp_path / "x", "!a.jpg")
    source = FolderSource([tmp_path / "x", tmp_path / "y"], ignored=["/a.jpg", "z"])
    assert listed(source, tmp_path) == ["x/b.jpg"]
    assert source.left_out["ignored"] == 2


def test_folders_above_the_given_one_are_heard(tmp_path: Path) -> None:
    """`vasari index PART` takes no picture that `vasari index WHOLE` would leave out."""
    touch(tmp_path, "part/a.jpg", "part/b.jpg")
    ignore(tmp_path, "part/b.jpg")
    assert listed(FolderSource([tmp_path / "part"]), tmp_path) == ["part/a.jpg"]
    assert listed(FolderSource([tmp_path]), tmp_path) == ["part/a.jpg"]


def test_no_media_hides_a_folder_and_all_below(tmp_path: Path) -> None:
    """As on Android; the pictures that lie beside the mark are told of, and a folder that was named is taken."""
    touch(tmp_path, "a.jpg", "stickers/.nomedia", "stickers/b.jpg", "stickers/more/c.jpg")
    source = FolderSource([tmp_path])
    assert listed(source, tmp_path) == ["a.jpg"]
    assert source.left_out["ignored"] == 1
    assert listed(FolderSource([tmp_path / "stickers"]), tmp_path) == [
        "stickers/b.jpg",
        "stickers/more/c.jpg",
    ]


def test_linked_folders_keep_the_rules_of_where_the_link_lies(tmp_path: Path) -> None:
    """A link is a name like any other."""
    touch(tmp_path, "far/a.jpg", "far/b.png", "photos/c.jpg")
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "far")
    ignore(tmp_path / "photos", "link/*.png")
    assert listed(FolderSource([tmp_path / "photos"]), tmp_path) == ["photos/c.jpg", "photos/link/a.jpg"]


def test_texts_beside_pictures_can_be_left_out(tmp_path: Path) -> None:
    """They are files like any other."""
    for name in ("a.jpg", "a.txt"):
        touch(tmp_path, name)
    (tmp_path / "a.txt").write_text("a boat")
    ignore(tmp_path, "*.txt")
    (candidate,) = PairsSource([tmp_path]).candidates()
    assert candidate.texts == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [b"!\n", b"*.png\n" * 200_000])
def test_an_ignore_file_that_cannot_be_used_lists_nothing(tmp_path: Path, content: bytes) -> None:
    """What a person did not want indexed is not indexed by mistake; and nothing is taken for gone."""
    touch(tmp_path, "a.jpg", "in/b.jpg")
    (tmp_path / "in" / ".vasariignore").write_bytes(content)
    source = FolderSource([tmp_path])
    (fault,) = skipped(source)
    assert ".vasariignore" in fault.reason
    assert listed(source, tmp_path) == ["a.jpg"]
    assert not source.covers(str(tmp_path / "in" / "b.jpg"))
    assert source.covers(str(tmp_path / "c.jpg"))


def test_a_fault_above_the_given_folder_is_told_too(tmp_path: Path) -> None:
    """The folder is not listed."""
    touch(tmp_path, "in/b.jpg")
    ignore(tmp_path, "!")
    (fault,) = skipped(FolderSource([tmp_path / "in"]))
    assert "above" in fault.reason


def test_a_wrong_pattern_is_refused(tmp_path: Path) -> None:
    """Before anything is listed; and where there is no folder, patterns have no meaning."""
    with pytest.raises(UsageError, match="'!' is no pattern"):
        FolderSource([tmp_path], ignored=["!"])
    (tmp_path / "t.csv").write_text("path\n/a.jpg\n")
    with pytest.raises(UsageError, match="--exclude is for folders"):
        choose_source([tmp_path / "t.csv"], Reading(ignored=["*.png"]))


def test_names_are_the_same_in_either_normal_form(tmp_path: Path) -> None:
    """A pattern typed on a Mac leaves out a name that was written on Linux."""
    touch(tmp_path, "caf\u00e9.jpg", "b.jpg")
    ignore(tmp_path, "cafe\u0301.jpg")
    assert listed(FolderSource([tmp_path]), tmp_path) == ["b.jpg"]


_NAMES = st.sampled_from(["a", "b", "raw", "x.jpg", "y.jpg"])
_LINES = ["a", "/a", "a/", "*.jpg", "!x.jpg", "raw/", "a/**/x.jpg", "b/*"]
_LINES += ["!b/raw", "/b/a/y.jpg", "**/y.jpg", "p.jpg", "!p.jpg", "x.jpg/p*"]
_PATTERNS = st.lists(st.sampled_from(_LINES), min_size=1, max_size=4)
_FILES = st.sets(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), max_size=8)


@given(files=_FILES, outer=_PATTERNS, inner=_PATTERNS)
def test_git_leaves_out_the_same(
    files: set[str], outer: list[str], inner: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Git is the oracle: of untracked pictures it lists those that we do."""
    root = tmp_path_factory.mktemp("git")
    for name in sorted(f"{file}/p.jpg" for file in files):
        touch(root, name)
    for folder, lines in ((root, outer), (root / "b", inner)):
        ignore(folder, *lines)
        (folder / ".gitignore").write_bytes((folder / ".vasariignore").read_bytes())
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    told = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
        cwd=root, check=True, capture_output=True, text=True, env=os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null"},
    ).stdout  # fmt: skip
    theirs = sorted(name for name in told.split("\0") if name.endswith(".jpg"))
    assert sorted(listed(FolderSource([root]), root)) == theirs


def test_what_is_ignored_later_leaves_the_library(tmp_path: Path) -> None:
    """As a picture that was removed does, and it comes back with all that was said of it."""
    from PIL import Image

    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        Image.new("L", (8, 8), 50 * number).save(photos / f"{number}.png")
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([photos]))
        ignore(photos, "0.png")
        assert index(library, FolderSource([photos]), IndexOptions()).removed == 1
        (photos / ".vasariignore").unlink()
        assert index(library, FolderSource([photos])).restored == 1
