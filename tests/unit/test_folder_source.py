"""The folder source: what is listed, what is left out, and what a listing proves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from vasari.indexer.sources.folder import FolderSource, FolderWithTexts
from vasari.indexer.sources.left_out import in_words
from vasari.indexer.sources.source import Candidate, FileFacts
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import ImageError, NotFoundError
from vasari.retrieval.storage.local_files import IMAGE_SUFFIXES


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")


def listed(source: FolderSource, root: Path) -> list[str]:
    return [os.path.relpath(entry.uri, root) for entry in source.candidates() if isinstance(entry, Candidate)]


def skipped(source: FolderSource) -> list[Skipped]:
    return [entry for entry in source.candidates() if isinstance(entry, Skipped)]


def test_pictures_are_listed_recursively_by_name(tmp_path: Path) -> None:
    """A folder's files come by name, before its subfolders; other suffixes are left out."""
    touch(tmp_path, "b.jpg", "a.PNG", "z/c.webp", "m/n/d.jpeg", "notes.txt", "jpg")
    assert listed(FolderSource([tmp_path]), tmp_path) == ["a.PNG", "b.jpg", "m/n/d.jpeg", "z/c.webp"]


def test_dots_at_the_beginning_begin_no_suffix(tmp_path: Path) -> None:
    """A name that is nothing but dots and a suffix has none, as everywhere in Python; other dots do no harm."""
    touch(tmp_path, ".jpg", "...jpg", "a..jpg", ".b.JPG", "c.jpg.", "jpg")
    assert listed(FolderSource([tmp_path], hidden=True), tmp_path) == [".b.JPG", "a..jpg"]


def test_a_candidate_carries_the_facts_of_its_file(tmp_path: Path) -> None:
    """Size and times are those of the file; the uri is its absolute path."""
    touch(tmp_path, "a.jpg")
    facts = (tmp_path / "a.jpg").stat()
    assert list(FolderSource([tmp_path]).candidates()) == [
        Candidate(str(tmp_path / "a.jpg"), 7, facts.st_mtime_ns, facts.st_ctime_ns)
    ]


def test_files_that_are_as_they_were_are_passed_over(tmp_path: Path) -> None:
    """A source is asked once for each plain picture; what texts beside a folder's pictures say is never passed over."""
    touch(tmp_path, "a.jpg", "b.jpg", ".c.jpg", "told/e.jpg", "told/e.txt", "f.tiff")
    asked: list[FileFacts] = []

    def all_but_b(files: Sequence[FileFacts]) -> list[str]:
        asked.extend(files)
        return [file[0] for file in files if not file[0].endswith("b.jpg")]

    for source, differing, names in (
        (FolderWithTexts([tmp_path]), ["b.jpg", "f.tiff", "told/e.jpg"], ["a.jpg", "b.jpg"]),
        (FolderSource([tmp_path]), ["b.jpg", "f.tiff"], ["a.jpg", "b.jpg", "told/e.jpg"]),
    ):
        asked.clear()
        found = [os.path.relpath(entry.uri, tmp_path) for entry in source.differing(all_but_b)]
        assert found == differing
        assert [os.path.relpath(file[0], tmp_path) for file in asked] == names
        facts = (tmp_path / "a.jpg").stat()
        assert asked[0][1:] == (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same folder gives the same uris however it is named."""
    touch(tmp_path, "photos/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert listed(FolderSource(["photos/../photos/"]), tmp_path) == ["photos/a.jpg"]


def test_hidden_names_are_left_out_unless_wanted(tmp_path: Path) -> None:
    """Files and folders that begin with a dot are listed only with `hidden`; a hidden root always is."""
    touch(tmp_path, ".cover.jpg", ".cache/a.jpg", "b.jpg")
    assert listed(FolderSource([tmp_path]), tmp_path) == ["b.jpg"]
    assert listed(FolderSource([tmp_path], hidden=True), tmp_path) == [".cover.jpg", "b.jpg", ".cache/a.jpg"]
    assert listed(FolderSource([tmp_path / ".cache"]), tmp_path) == [".cache/a.jpg"]


def test_folders_of_other_programs_are_left_out(tmp_path: Path) -> None:
    """A NAS's previews, packages and version control are no photos, even when hidden names are wanted."""
    touch(tmp_path, "@eaDir/a.jpg", "x/node_modules/b.jpg", ".git/c.jpg", "d.jpg")
    assert listed(FolderSource([tmp_path], hidden=True), tmp_path) == ["d.jpg"]


def test_excludes_are_patterns_of_folder_names(tmp_path: Path) -> None:
    """Wildcards match whole names of folders at any depth, never of files."""
    touch(tmp_path, "raw-2020/a.jpg", "x/raw-1/b.jpg", "raw-file.jpg", "unraw-1/c.jpg")
    source = FolderSource([tmp_path], excludes=["raw-*"])
    assert listed(source, tmp_path) == ["raw-file.jpg", "unraw-1/c.jpg"]


def test_a_library_inside_the_folder_is_left_out(tmp_path: Path) -> None:
    """Thumbnails of a library are never indexed, wherever it lies."""
    touch(tmp_path, "lib/catalog.sqlite3", "lib/thumbnails/1.webp", "a.jpg")
    assert listed(FolderSource([tmp_path]), tmp_path) == ["a.jpg"]


def test_single_files_are_taken_whatever_their_suffix(tmp_path: Path) -> None:
    """A file that was named is a candidate, once, even if its folder is given as well."""
    touch(tmp_path, "photo", "a.jpg")
    source = FolderSource([tmp_path / "photo", tmp_path / "a.jpg", tmp_path])
    assert listed(source, tmp_path) == ["a.jpg", "photo"]


def test_overlapping_roots_are_listed_once(tmp_path: Path) -> None:
    """A folder given beside its parent adds nothing."""
    touch(tmp_path, "a.jpg", "sub/b.jpg")
    assert sorted(listed(FolderSource([tmp_path / "sub", tmp_path]), tmp_path)) == ["a.jpg", "sub/b.jpg"]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    """A link out of the root brings its folder in; a link to a parent or to a listed folder adds nothing."""
    touch(tmp_path, "root/real/a.jpg", "outside/b.jpg")
    (tmp_path / "root" / "loop").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "again").symlink_to(tmp_path / "root" / "real")
    (tmp_path / "root" / "other").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "c.jpg").symlink_to(tmp_path / "outside" / "b.jpg")
    root = tmp_path / "root"
    assert listed(FolderSource([root]), root) == ["c.jpg", "real/a.jpg", "other/b.jpg"]


def test_links_to_each_other_end(tmp_path: Path) -> None:
    """A link that leads to itself is reported, not followed for ever."""
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    assert [entry.stage for entry in skipped(FolderSource([tmp_path]))] == ["list", "list"]


def test_a_link_to_nothing_is_reported_and_proves_nothing(tmp_path: Path) -> None:
    """Its target may be on a drive that is not mounted: what the library knows of it stays."""
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    source = FolderSource([tmp_path])
    assert [(entry.uri, entry.reason) for entry in skipped(source)] == [
        (str(tmp_path / "a.jpg"), "a link to a file that is not there")
    ]
    assert not source.covers(str(tmp_path / "a.jpg"))


def test_names_that_are_not_utf8_are_listed(tmp_path: Path) -> None:
    """Old cameras and other systems leave such names; the uri opens the file."""
    name = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    with open(name, "wb") as file:  # noqa: PTH123 (a name in bytes)
        file.write(b"content")
    source = FolderSource([tmp_path])
    [candidate] = [entry for entry in source.candidates() if isinstance(entry, Candidate)]
    assert os.fsencode(candidate.uri) == name
    assert source.read(candidate) == b"content"


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    """A typing mistake must not look like an empty folder, which would empty the library."""
    with pytest.raises(NotFoundError, match="no such file or folder"):
        FolderSource([tmp_path / "nowhere"])


def test_a_root_that_may_be_gone_proves_that_it_is(tmp_path: Path) -> None:
    """A watcher names paths that were just deleted: everything at or below them is gone."""
    source = FolderSource([tmp_path / "nowhere"], may_be_gone=True)
    assert list(source.candidates()) == []
    assert source.covers(str(tmp_path / "nowhere"))
    assert source.covers(str(tmp_path / "nowhere" / "a.jpg"))


def test_coverage_ends_at_folder_boundaries(tmp_path: Path) -> None:
    """A listing of `photos` says nothing about `photos-old`, and nothing at all before it is finished."""
    touch(tmp_path, "photos/a.jpg")
    source = FolderSource([tmp_path / "photos"])
    assert not source.covers(str(tmp_path / "photos" / "a.jpg"))
    list(source.candidates())
    assert source.covers(str(tmp_path / "photos" / "b.jpg"))
    assert not source.covers(str(tmp_path / "photos-old" / "b.jpg"))


def test_a_listing_broken_off_proves_nothing(tmp_path: Path) -> None:
    """As long as one entry was not asked for, any known file may still come."""
    touch(tmp_path, "a.jpg", "b.jpg")
    source = FolderSource([tmp_path])
    next(iter(source.candidates()))
    assert not source.covers(str(tmp_path / "b.jpg"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_an_unreadable_folder_is_reported_and_proves_nothing(tmp_path: Path) -> None:
    """What lies below it may still be there; the rest of the root is covered as usual."""
    touch(tmp_path, "closed/a.jpg", "open/b.jpg")
    (tmp_path / "closed").chmod(0)
    source = FolderSource([tmp_path])
    try:
        [trouble] = skipped(source)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert trouble == Skipped(
        str(tmp_path / "closed"), "list", "the folder cannot be read: permission denied"
    )
    assert not source.covers(str(tmp_path / "closed" / "a.jpg"))
    assert source.covers(str(tmp_path / "open" / "c.jpg"))


def test_a_root_that_cannot_be_listed_proves_nothing(tmp_path: Path) -> None:
    """A name too long for the system stands for any error while listing, also for a user who may read all."""
    source = FolderSource([tmp_path / ("x" * 300)], may_be_gone=True)
    touch(tmp_path, "a.jpg")
    assert [entry.stage for entry in skipped(source)] == ["list"]
    assert not source.covers(str(tmp_path / ("x" * 300) / "a.jpg"))


def test_a_fifo_is_a_candidate_that_cannot_be_read(tmp_path: Path) -> None:
    """Reading it is refused at once instead of waiting for a writer."""
    os.mkfifo(tmp_path / "a.jpg")
    source = FolderSource([tmp_path])
    [candidate] = [entry for entry in source.candidates() if isinstance(entry, Candidate)]
    with pytest.raises(ImageError, match="FIFO"):
        source.read(candidate)


def test_what_is_left_out_is_counted_by_kind(tmp_path: Path) -> None:
    """Videos, documents, hidden pictures, RAW without its decoder; other files are told of only where all is told."""
    for name in ("a.png", "b.MP4", "c.cr2", "d.pdf", ".e.jpg", "f.txt", "g.svg", "h.zip"):
        (tmp_path / name).write_bytes(b"")
    source = FolderSource([tmp_path], suffixes=IMAGE_SUFFIXES)
    assert len(list(source.candidates())) == 1
    assert in_words(source.left_out) == (
        "6 files skipped: 1 RAW (pip install 'vasari[raw]'), 1 video, 1 document, 1 archive (index it by its own"
        " path), 1 vector drawing, 1 hidden (--hidden takes them)"
    )
    assert in_words(source.left_out, all_kinds=True).endswith(", 1 other file")
    assert in_words({}) == ""
    list(source.candidates())
    assert source.left_out.total() == 7  # of the last listing alone
