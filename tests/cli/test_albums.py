"""`vasari tag`, `show` and `album` as people type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.grey import GreyLibrary, write_picture
from vasari.api.cli.main import main
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command on a library of three pictures; exit code, stdout and stderr."""
    monkeypatch.setenv("VASARI_LIBRARY", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b", "c")):
        write_picture(tmp_path / "photos" / f"{name}.png", 40 + 60 * number)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([tmp_path / "photos"]))

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_what_is_said_is_shown(say: Say, tmp_path: Path) -> None:
    """Tags, a rating, a caption and a favourite, by file and by filter; taken back as they were given."""
    assert say("tag", "photos/a.png", "-a", "sea", "--favourite", "--rating", "4", "--caption", "Our boat")[
        :2
    ] == (
        0,
        "1 of 1 changed\n",
    )
    shown = say("show", "photos/a.png")[1]
    for line in ("item:1  favourite", str(tmp_path / "photos/a.png"), "4 of 5", "sea", "Our boat"):
        assert line in shown
    assert say("tag", "--filter", "not favourite", "--add", "rest")[1] == "2 of 2 changed\n"
    assert say("tag", "photos", "-F", "tag:sea", "--no-favourite", "--rating", "0")[1] == "1 of 1 changed\n"
    (item,) = json.loads(say("show", "item:1", "--json")[1])
    assert (item["tags"], item["attributes"], item["albums"]) == (["sea"], {}, [])


def test_pictures_are_shown_in_the_order_in_which_they_were_named(say: Say) -> None:
    """What lies in a folder that was named, by number; each once."""
    for named, ids in (
        (["item:3", "photos/a.png"], [3, 1]),
        (["item:2", "photos"], [2, 1, 3]),
        (["photos", "item:3", "item:3"], [1, 2, 3]),
    ):
        assert [item["id"] for item in json.loads(say("show", *named, "--json")[1])] == ids


def test_albums_are_made_and_filled(say: Say) -> None:
    """By files and by filters; a saved search is listed with what it finds now."""
    assert say("album", "create", "Summer", "photos/a.png")[1] == "Summer: 1 picture\n"
    assert say("album", "add", "summer", "photos")[1] == "2 added\n"
    assert say("album", "remove", "Summer", "--filter", "name = b.png")[1] == "1 removed\n"
    assert (
        say("album", "create", "Best", "--filter", "album:summer and rating > 3")[1] == "Best: 0 pictures\n"
    )
    say("tag", "photos/c.png", "--rating", "5")
    assert [line.split() for line in say("album", "list")[1].splitlines()] == [
        ["Best", "1", "filter:", "album:summer", "and", "rating", ">", "3"],
        ["Summer", "2"],
    ]
    say("album", "rename", "Summer", "Elba")
    assert json.loads(say("show", "item:1", "--json")[1])[0]["albums"] == ["Elba"]
    assert say("album", "delete", "Elba", "--yes")[0] == 0
    assert [album["name"] for album in json.loads(say("album", "list", "--json")[1])] == ["Best"]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["tag", "photos"], 2, "say what"),
        (["tag", "--add", "x"], 2, "which pictures?"),
        (["tag", "photos", "--caption", "x"], 2, "describes one picture"),
        (["tag", "nowhere.png", "--add", "x"], 1, "not in the library: nowhere.png"),
        (["show", "item:99"], 1, "not in the library: item:99"),
        (["album", "add", "Nothing", "photos"], 1, "no album 'Nothing'"),
        (["album", "create", "x", "photos", "-q", "boats"], 2, "finds its pictures by itself"),
        (["album", "create", "x", "-F", "widht > 3"], 2, "did you mean width?"),
    ],
)
def test_what_cannot_be_done_is_said(say: Say, words: list[str], code: int, complaint: str) -> None:
    """In a line, with the exit code of a wrong request or of a failure."""
    ended, _, said = say(*words)
    assert ended == code
    assert complaint in said


def test_an_album_is_shared_by_a_key_of_its_own(say: Say) -> None:
    """The link's key sees the album's pictures, and ends; a search for words has no such key."""
    say("album", "create", "Summer", "photos/a.png")
    code, link, notes = say(
        "album", "share", "Summer", "--expires", "7d", "--at", "https://pictures.example.org/"
    )
    assert code == 0
    assert link.startswith("https://pictures.example.org/#key=vasari_")
    assert "first key" in notes
    (key,) = json.loads(say("keys", "list", "--json")[1])
    assert (key["filter"], key["scopes"], key["name"]) == ('album = "Summer"', ["search"], "album Summer")
    assert key["expires_at"] is not None
    say("album", "create", "Boats", "--query", "a boat")
    code, _, notes = say("album", "share", "Boats")
    assert code == 2
    assert "search for words" in notes
    assert say("album", "create", "Dark", "--frozen", "-F", "name = a.png")[1] == "Dark: 1 picture\n"
    assert say("album", "share", "Dark")[0] == 0
    assert say("album", "create", "All", "--frozen")[0] == 2
