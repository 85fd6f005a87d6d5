"""The command line with `--server`: the same words, the same answers, from a running service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.conftest import Live
from vasari.api.cli.main import main
from vasari.api.cli.patience import patiently
from vasari.api.contract.library import status_fields
from vasari.api.contract.search import response_fields
from vasari.api.service.security.auth import create_key
from vasari.retrieval.catalog.records import KeyLimits
from vasari.retrieval.domain import SearchRequest, Term, TermKind
from vasari.retrieval.errors import OverloadedError

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(live: Live, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs one command against the service: exit code, stdout, stderr."""

    def command(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), "--server", live.url])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return command


def test_a_search_prints_what_the_library_would(live: Live, ask: Ask) -> None:
    """Words added and taken away: hits and all other fields are the library's own."""
    terms = (Term(TermKind.TEXT, text="red"), Term(TermKind.TEXT, -1.0, text="blue"))
    right = response_fields(live.library.search(SearchRequest(terms, limit=3)))
    code, out, _ = ask("search", "red", "-", "blue", "-t", 3, "--json")
    answer = json.loads(out)
    assert code == 0
    assert [{**hit, "score": 0} for hit in answer["hits"]] == [{**hit, "score": 0} for hit in right["hits"]]
    assert [hit["score"] for hit in answer["hits"]] == pytest.approx([h["score"] for h in right["hits"]])
    assert {answer["total"], answer["space"], answer["reranked"]} == {8, "colours", False}
    assert list(answer) == list(right)
    paths = ask("search", "red", "-", "blue", "-t", 3, "-f")[1].splitlines()
    assert paths == [hit["uri"] for hit in right["hits"]]


def test_similar_takes_items_and_files_of_this_machine(live: Live, ask: Ask) -> None:
    """An item is left out of its own answer; a file is sent to the service."""
    red = live.ids["red"]
    found = [json.loads(line)["id"] for line in ask("similar", red, "--jsonl")[1].splitlines()]
    assert red not in found
    file = live.library.items([red])[red].uri
    assert json.loads(ask("similar", file, "--jsonl", "-t", 1)[1])["id"] == red


def test_a_preview_shows_the_services_thumbnails(ask: Ask) -> None:
    """Pictures appear over their names, though their files need not be here."""
    shown = ask("search", "green", "-t", 1, "-p")[1]
    assert shown.count("▀") > 100
    assert shown.splitlines()[-1] == "1.000 green.png"


def test_status_tells_of_the_services_library(live: Live, ask: Ask) -> None:
    """All facts but where the library lies, in JSON and for people."""
    facts = json.loads(ask("status", "--json")[1])
    assert facts == {"library": live.url, **status_fields(live.library)}
    assert "pictures  8" in ask("status")[1].splitlines()


def test_what_is_said_of_pictures_reaches_the_services_library(live: Live, ask: Ask) -> None:
    """By item, file, folder and filter, as with a library of this machine; names that mean nothing are told."""
    red, blue = live.ids["red"], live.ids["blue"]
    file = live.library.items([red])[red].uri
    said = ("-a", "sea", "--favourite", "--rating", 4, "--caption", "Our boat")
    assert ask("tag", file, *said) == (0, "1 of 1 changed\n", "")
    shown = ask("show", f"item:{red}")[1]
    for line in (f"item:{red}  favourite", file, "4 of 5", "sea", "Our boat"):
        assert line in shown
    assert ask("tag", str(Path(file).parent), "-F", "not favourite", "-a", "rest")[1] == "7 of 7 changed\n"
    assert ask("tag", f"item:{blue}", "-r", "rest", "--rating", 0)[1] == "1 of 1 changed\n"
    code, out, err = ask("tag", "nowhere.png", "item:999", f"item:{blue}", "-a", "b")
    assert (code, out) == (1, "1 of 1 changed\n")
    assert err.splitlines() == ["not in the library: nowhere.png", "not in the library: item:999"]
    assert live.library.items([blue])[blue].tags == ("b",)


def test_albums_of_a_service(live: Live, ask: Ask) -> None:
    """Made, filled, listed, renamed and forgotten; `show` says which ones a picture is in."""
    red, blue = live.ids["red"], live.ids["blue"]
    assert ask("album", "create", "Summer", f"item:{red}")[1] == "Summer: 1 picture\n"
    assert ask("album", "add", "summer", f"item:{red}", f"item:{blue}")[1] == "1 added\n"
    assert json.loads(ask("album", "remove", "Summer", "-F", f"id = {red}", "--json")[1]) == {
        "removed": 1,
        "ids": [red],
    }
    assert ask("album", "create", "Best", "-F", "album:summer")[1] == "Best: 1 picture\n"
    assert [line.split()[:2] for line in ask("album", "list")[1].splitlines()] == [
        ["Best", "1"],
        ["Summer", "1"],
    ]
    assert (
        ask("album", "create", "Reds", "-q", "red", "-F", f"id = {red}", "--frozen")[1] == "Reds: 1 picture\n"
    )
    assert ask("album", "delete", "Reds", "--yes")[0] == 0
    ask("album", "rename", "Summer", "Elba")
    (item,) = json.loads(ask("show", f"item:{blue}", "--json")[1])
    assert item["albums"] == ["Elba"]
    assert ask("album", "delete", "Elba", "--yes")[0] == 0
    assert ask("album", "add", "Elba", f"item:{red}")[0] == 1
    assert [album.name for album in live.library.catalog.albums.all()] == ["Best"]


def test_an_album_of_a_service_is_shared(live: Live, ask: Ask) -> None:
    """By who has a key of their own, and the link's key sees the album there; without one, what to do is said."""
    red = live.ids["red"]
    live.library.catalog.albums.add(live.library.catalog.albums.create("Summer").id, [red])
    code, out, err = ask("album", "share", "Summer")
    assert (code, out) == (1, "")
    assert "vasari keys create me --scope admin" in err
    _, mine = create_key(live.library.catalog, "me", ["admin"])
    live.service.doorkeeper.forget()
    code, out, err = ask("album", "share", "Summer", "--json", "--key", mine)
    assert (code, err) == (0, "")
    link = json.loads(out)["link"]
    assert link.startswith(f"{live.url}/#key=vasari_")
    assert [
        json.loads(line)["id"]
        for line in ask("search", "red", "--jsonl", "--key", link.split("=")[1])[1].splitlines()
    ] == [red]
    elsewhere = ask("album", "share", "Summer", "--at", "https://pictures.example.org", "--key", mine)[1]
    assert elsewhere.startswith("https://pictures.example.org/#key=vasari_")


def test_a_key_that_sees_a_part_is_shown_its_pictures(live: Live, ask: Ask) -> None:
    """Without the albums, which are of the whole library; what lies outside is not in the library."""
    red, blue = live.ids["red"], live.ids["blue"]
    live.library.catalog.annotations.set_tags(red, ["family"])
    live.library.catalog.albums.add(live.library.catalog.albums.create("Outing").id, [red])
    _, key = create_key(live.library.catalog, "x", ["search"], KeyLimits(filter="tag:family"))
    live.service.doorkeeper.forget()
    code, out, err = ask("show", f"item:{red}", f"item:{blue}", "--json", "--key", key)
    assert (code, err) == (1, f"not in the library: item:{blue}\n")
    assert [(item["id"], item["albums"]) for item in json.loads(out)] == [(red, [])]


def test_stacks_of_a_service(live: Live, ask: Ask) -> None:
    """Made of items by name, and taken apart."""
    pair = [live.ids["blue"], live.ids["red"]]
    assert ask("stack", *(f"item:{item}" for item in pair))[1] == "one stack of 2\n"
    assert [stack.items for stack in live.library.catalog.stacks.all()] == [tuple(pair)]
    assert ask("unstack", f"item:{pair[0]}", "item:999")[:2] == (1, "1 in no stack\n")
    assert live.library.catalog.stacks.all() == []


def test_pictures_of_this_machine_are_known_to_a_service(live: Live, ask: Ask, tmp_path: Path) -> None:
    """They are sent to it; what is no picture, or not there, is named, and the others are told all the same."""
    file = live.library.items([live.ids["red"]])[live.ids["red"]].uri
    (tmp_path / "broken.png").write_text("no picture")
    code, out, err = ask("known", file, tmp_path / "broken.png", tmp_path / "nowhere.png")
    assert code == 1
    assert out == f"same bytes  100%   {file}  {file}\n"
    assert [line.partition(":")[0] for line in err.splitlines()] == [
        str(tmp_path / "broken.png"),
        str(tmp_path / "nowhere.png"),
    ]
    code, out, _ = ask("known", tmp_path / "nowhere.png", file, "--json")
    assert code == 1
    assert [(one["file"], one["known"]) for one in json.loads(out)] == [(str(file), True)]


def test_a_busy_service_is_asked_again_after_as_long_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By commands that ask for one thing after another; what a day's quota refuses is told at once."""
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    answers = iter([OverloadedError("slow down", 2), OverloadedError("slow down", 1), "answer"])

    def ask(given: str) -> str:
        answer = next(answers)
        if isinstance(answer, OverloadedError):
            raise answer
        return f"{given} {answer}"

    assert patiently(ask, "an") == "an answer"
    assert waits == [2, 1]
    answers = iter([OverloadedError("enough for today", 3600), "answer"])
    with pytest.raises(OverloadedError):
        patiently(ask, "an")


def test_a_service_that_is_away_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The line says what to do, and the exit code that it failed."""
    with pytest.raises(SystemExit) as ended:
        main(["status", "--server", "http://127.0.0.1:9"])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "vasari serve" in line


def test_a_key_that_is_missing_or_wrong_is_asked_for_in_the_words_of_a_command(live: Live, ask: Ask) -> None:
    """By all that take `--server`: the option and the variable are named, not the header that programs send."""
    create_key(live.library.catalog, "somebody", ["search"])
    live.service.doorkeeper.forget()
    commands: list[tuple[object, ...]] = [
        ("search", "red"),
        ("similar", 1),
        ("status",),
        ("understand", "red"),
        ("known", __file__),
        ("show", "item:1"),
        ("tag", "item:1", "-a", "sea"),
        ("stack", "item:1", "item:2"),
        ("unstack", "item:1"),
        ("album", "list"),
    ]
    how = ": give one with --key, or as VASARI_KEY\n"
    for words in commands:
        assert ask(*words) == (1, "", f"vasari: this service asks for a key{how}")
    wrong = f"vasari: this key is not known here, or was revoked{how}"
    assert ask("status", "--key", "vasari_other") == (1, "", wrong)
