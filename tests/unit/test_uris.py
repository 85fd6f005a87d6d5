"""What people and programs write, as the uri of a file."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.filesystem import kept_time, opened, stat_of
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import absolute, local_path, uri_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("file:///tmp/a%20b.png", "/tmp/a b.png"),
        ("file://localhost/tmp/c.png", "/tmp/c.png"),
        ("FILE:/tmp/c.png", "/tmp/c.png"),
        ("file:///tmp/100%.png", "/tmp/100%.png"),
        ("file:///tmp/%ff.png", "/tmp/\udcff.png"),
        ("HTTP://Host/A.png", "http://Host/A.png"),
        ("s3://bucket/a.png", "s3://bucket/a.png"),
        ("file:a.png", "file:a.png"),  # a name like any other
        ("a b%20c.png", "a b%20c.png"),
    ],
)
def test_a_file_uri_is_the_path_it_means_and_schemes_are_small(written: str, meant: str) -> None:
    """RFC 8089 and RFC 3986; all else stays as it is written."""
    assert uri_of(written) == meant


@pytest.mark.parametrize("written", ["file://host/a.png", "file://a.png"])
def test_a_file_of_another_machine_is_refused_in_words(written: str) -> None:
    """Its name is not taken for a path here."""
    with pytest.raises(UsageError, match="another machine"):
        absolute(written)


def test_a_path_on_the_command_line_may_be_a_file_uri() -> None:
    """As file managers copy them; `~` is the home."""
    assert local_path("file:///tmp/a%20b.png") == Path("/tmp/a b.png")
    assert local_path("~/a.png") == Path.home() / "a.png"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("ipfs://abc/x.png", "ipfs"),
        pytest.param(
            "s3://bucket/x.png",
            r"vasari\[s3\]",
            marks=pytest.mark.skipif(find_spec("s3fs") is not None, reason="the extra is installed"),
        ),
        ("http://[", "no URL that can be read"),
        ("://", "no such file"),
    ],
)
def test_what_no_file_system_knows_is_one_picture_that_cannot_be_read(uri: str, words: str) -> None:
    """Nothing but an ImageError comes of it, so that a job goes on."""
    with pytest.raises(ImageError, match=words) as caught:
        open_original(uri, ImageLimits())
    assert caught.value.stage == "read"


def test_times_that_no_database_keeps_are_brought_to_the_nearest(tmp_path: Path) -> None:
    """63 bits of nanoseconds end in 2262, and begin in 1677."""
    assert kept_time(10**19) + 10**6 < 2**63
    assert kept_time(-(10**20)) == -kept_time(10**20)
    assert kept_time(-(10**18)) == -(10**18)
    (tmp_path / "a").touch()
    assert stat_of(str(tmp_path / "a")).mtime_ns == (tmp_path / "a").stat().st_mtime_ns


def test_a_fifo_named_like_a_table_is_not_waited_for(tmp_path: Path) -> None:
    """It is refused, as a folder, a socket and a device are."""
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(ImageError, match="a FIFO"), opened(str(tmp_path / "x.csv")):
        pass


@pytest.mark.parametrize("nothing", ["", "file:", "file://", "file://localhost"])
def test_an_empty_name_is_not_the_working_directory(nothing: str) -> None:
    """What a shell makes of an unset variable would else take everything below the current folder."""
    for read in (absolute, local_path):
        with pytest.raises(UsageError, match="names no file or folder"):
            read(nothing)
