"""The command line with `--server`: the same words, the same answers, from a running service."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.service.conftest import Live
from vasari.api import contract
from vasari.api.cli.main import main
from vasari.retrieval.domain import SearchRequest, Term, TermKind

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
    right = contract.response_fields(live.library.search(SearchRequest(terms, limit=3)))
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
    """Pictures appear between the lines, though their files need not be here."""
    plain, shown = ask("search", "green", "-t", 1)[1], ask("search", "green", "-t", 1, "-p")[1]
    assert plain in shown
    assert len(shown) > len(plain) + 100


def test_status_tells_of_the_services_library(live: Live, ask: Ask) -> None:
    """All facts but where the library lies, in JSON and for people."""
    facts = json.loads(ask("status", "--json")[1])
    assert facts == {"library": live.url, **contract.status_fields(live.library)}
    assert "pictures  8" in ask("status")[1].splitlines()


def test_a_service_that_is_away_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The line says what to do, and the exit code that it failed."""
    with pytest.raises(SystemExit) as ended:
        main(["status", "--server", "http://127.0.0.1:9"])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "vasari serve" in line
