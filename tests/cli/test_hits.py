"""Hits as people see them: plain in a pipe; header, links, short paths and a grid of pictures on a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.cli.conftest import Run
from tests.cli.test_output import Screen
from tests.grey import GreyLibrary
from vasari.api.cli import hits, preview, terminal, terminal_graphics
from vasari.api.cli.places import also_here
from vasari.api.cli.preview import Protocol
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Caption, Hit, Item, Modality, SearchResponse, UnderstoodFilter

ITEM = Item(1, Modality.IMAGE, "/photos/a boat.jpg", "0", 1, 1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four grey pictures in two folders, indexed."""
    for number, name in enumerate(["here/a.png", "here/b.png", "here/more/c.png", "there [x]/d*.png"]):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (30 + 10 * number, 30), 60 * number).save(path)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([tmp_path / "photos"]))
    return tmp_path / "photos"


@contextlib.contextmanager
def screen(**environment: str) -> Iterator[Screen]:
    """Stdout is a terminal of 60 columns with this environment."""
    shown = Screen()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_COLOR", "TERM", "TERM_PROGRAM", "KITTY_WINDOW_ID"):
            patch.delenv(name, raising=False)
        for name, value in ({"COLUMNS": "60", "TERM": "xterm-256color"} | environment).items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(shown):
            yield shown


def response(*items: Item) -> SearchResponse:
    return SearchResponse(tuple(Hit(item, 0.5) for item in items), len(items), 1.0, "space")


def plain(text: str) -> str:
    """What is seen of it."""
    return re.sub(r"\x1b\]8;;[^\x1b]*\x1b\\|\x1b\[[0-9;]*m", "", text)


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """No header, no escape, the whole path."""
    captioned = replace(ITEM, captions=(Caption("a boat"),))
    hits.show(response(captioned), here=True)
    assert capsys.readouterr().out == " 0.500  /photos/a boat.jpg\n        “a boat”\n"


def test_a_terminal_gets_header_and_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path below the current folder is short, and a click leads to the whole."""
    monkeypatch.chdir(tmp_path)
    inside = replace(ITEM, uri=str(Path.cwd() / "50% off" / "ü.jpg"))
    with screen() as shown:
        hits.show(response(inside, ITEM), here=True)
    header, first, second = shown.getvalue().splitlines()
    assert plain(header) == " score  found"
    assert plain(first) == " 0.500  50% off/ü.jpg"
    assert plain(second) == " 0.500  /photos/a boat.jpg"
    assert f"\x1b]8;;file://{os.uname().nodename}/photos/a%20boat.jpg\x1b\\/photos" in second
    assert "/50%25%20off/%C3%BC.jpg\x1b\\" in first


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "linux"}])
def test_colour_can_be_declined(environment: dict[str, str]) -> None:
    """By NO_COLOR, which leaves links, and by terminals that would show the escapes."""
    with screen(**environment) as shown:
        hits.show(response(ITEM), here=True)
    assert "\x1b[" not in shown.getvalue()
    assert ("\x1b]8" in shown.getvalue()) == ("NO_COLOR" in environment)


def test_another_machines_files_are_no_links() -> None:
    """What a service answers lies there, whatever is called like it here."""
    with screen() as shown:
        hits.show(response(replace(ITEM, uri=str(Path.cwd() / "a.jpg"))), here=False)
    assert "\x1b]8" not in shown.getvalue()
    assert str(Path.cwd() / "a.jpg") in shown.getvalue()


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("https://example.org/a.jpg?x=1#y", "https://example.org/a.jpg?x=1#y"),
        ("s3://bucket/a.jpg", None),
        ("/photos/a.tar#b.jpg", f"file://{os.uname().nodename}/photos/a.tar"),
    ],
)
def test_a_link_leads_to_what_can_be_opened(uri: str, link: str | None) -> None:
    """A page, or the archive that holds a picture; a bucket is no page."""
    assert hits.link_of(replace(ITEM, uri=uri)) == link
    assert hits.link_of(replace(ITEM, text="words")) is None


@given(st.text())
def test_no_name_breaks_out_of_a_link(name: str) -> None:
    """The target is plain ASCII, whatever a table called its picture."""
    for target in (
        terminal.hyperlink("x", f"https://{name}"),
        terminal.hyperlink("x", terminal.file_url(name)),
    ):
        inside = target.removeprefix("\x1b]8;;").removesuffix("\x1b\\x\x1b]8;;\x1b\\")
        assert re.fullmatch(r"[!-~]+", inside)


def test_here_is_the_current_folder(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All below it and nothing beside it, also where a link led there, a name has wildcards, and with a filter."""
    (photos.parent / "link").symlink_to(photos)
    for folder, found in (("here", "abc"), ("here/more", "c"), ("there [x]", "d")):
        for way in (photos, photos.parent / "link"):
            monkeypatch.chdir(way / folder)
            monkeypatch.setenv("PWD", str(way / folder))
            code, out, _ = run("search", "item:1", "--here", "-f")
            assert (code, "".join(sorted(Path(line).stem.rstrip("*") for line in out.splitlines()))) == (
                0,
                found,
            )
    monkeypatch.chdir(photos / "here")
    assert run("search", "item:1", "--here", "-F", "name:a* or name:d*", "-f")[1] == f"{photos}/here/a.png\n"


def test_a_stale_name_of_the_current_folder_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PWD counts only while it names this very folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", "/nowhere")
    assert also_here(None) == f'(uri:"{tmp_path}/*")'
    monkeypatch.setenv("PWD", "")
    assert also_here("a = 1") == f'(a = 1) and (uri:"{tmp_path}/*")'


def test_the_exit_code_tells_of_nothing_only_if_asked(run: Run, photos: Path) -> None:
    """As scripts expect of grep, behind an option: without it an empty answer is an answer."""
    assert photos.is_dir()
    for form in ((), ("-f",), ("--json",)):
        assert run("search", "item:1", "-F", "name:nothing", *form)[0] == 0
        assert run("search", "item:1", "-F", "name:nothing", "--exit-code", *form)[0] == 1
        assert run("search", "item:1", "--exit-code", *form)[0] == 0


def drawn(shown: str) -> list[str]:
    """The lines of a grid of half blocks, without their colours."""
    return plain(shown).splitlines()


def test_pictures_stand_side_by_side(photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many tiles as fit, each over its score and name; one that is gone leaves its place free and is told."""
    (photos / "here" / "b.png").unlink()
    monkeypatch.setenv("COLUMNS", "60")
    code, out, err = run("search", "item:1", "-p", "-t", 3)
    lines = drawn(out)
    names = [line for line in lines if ".png" in line]
    assert (code, len(names)) == (0, 2)
    assert re.fullmatch(r"1\.000 a\.png {15}\S+ b\.png", names[0])
    assert lines.index(names[0]) == preview.ROWS
    assert lines[0].count("▀") == 2 * preview.ROWS
    assert "b.png: there is no such file" in err


def picture(width: int, height: int) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


@given(st.integers(1, 400), st.integers(1, 400))
def test_every_shape_fits_its_tile(width: int, height: int) -> None:
    """Never wider or higher than a tile, of an even number of rows, in its own shape where that can be."""
    wide, high = terminal_graphics.fitted(picture(width, height), preview.COLUMNS, 2 * preview.ROWS)
    assert 1 <= wide <= preview.COLUMNS
    assert 2 <= high <= 2 * preview.ROWS
    assert high % 2 == 0
    lines = drawn(preview.draw([picture(width, height), None], Protocol.BLOCKS))
    assert {len(line) for line in lines} == {2 * preview.COLUMNS + preview.GAP}


def test_a_row_of_pictures_is_one_image_for_terminals_that_show_images() -> None:
    """Kitty in pieces of 4096 letters, iTerm2 in one, both as wide as the tiles; sixel begins and ends as it should."""
    import base64

    row = [picture(300, 200), None, picture(20, 400)]
    columns = 3 * preview.COLUMNS + 2 * preview.GAP
    kitty = preview.draw(row, Protocol.KITTY)
    data = "".join(re.findall(r"\x1b_G[^;]*;([^\x1b]*)\x1b\\", kitty))
    strip = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kitty.startswith(f"\x1b_Ga=T,f=100,c={columns},m=")
    assert strip.width == columns * preview.CELL
    assert strip.getpixel((strip.width // 2, 5)) == (0, 0, 0, 0)
    assert f"width={columns};" in preview.draw(row, Protocol.ITERM)
    sixel = preview.draw(row, Protocol.SIXEL)
    assert sixel.startswith(f'\x1bPq"1;1;{strip.width};')
    assert sixel.endswith("\x1b\\")


def test_why_nothing_was_found_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A note says it where the answer has one; else it is the filter."""
    hits.show(replace(response(), notes=("nothing that was searched has “x”",)), here=True)
    hits.show(response(), here=True)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "nothing found",
        "nothing to search in: no item passes the filter, or there is none of this kind",
    ]


def test_a_filter_of_many_parts_is_told_by_what_it_was_read_from() -> None:
    """Nobody would read all the names that screenshots have; a date is said in words."""
    read = [
        UnderstoodFilter("(folder:Screenshots or name:screenshot)", "screenshots", "kind"),
        UnderstoodFilter("taken = 2018-05", "May 2018", "date"),
    ]
    told = "understood: kind “screenshots”, taken in 2018-05 (--literally searches for the words)"
    assert hits.understood(read) == told
