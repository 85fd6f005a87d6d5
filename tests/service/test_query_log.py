"""The query log over a library that is searched: by a service, by Python, and read by the command."""

from __future__ import annotations

import json

import pytest

from tests.service.conftest import Serve
from vasari.api.cli.main import main
from vasari.retrieval.library.query_log import FILE


def command(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert not ended.value.code
    return capsys.readouterr().out


def test_nothing_is_kept_unless_it_is_asked_for(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """A service and a library write no log, and the command says what would make them."""
    served = serve()
    served.client.post("/v1/search", json={"query": "red"})
    served.library.search("red")
    assert not (served.root / FILE).exists()
    assert command(capsys, "queries", "list", "-L", str(served.root)) == ""


def test_searches_are_kept_where_that_is_asked_for(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With how well they matched; answers stay as they are. One command lists them, one forgets them."""
    monkeypatch.setenv("VASARI_QUERY_LOG", "1")
    served = serve()
    told = served.client.post("/v1/search", json={"query": "red", "filter": "width > 1"}).json()["hits"]
    assert {hit["relevance"] for hit in told} == {None}  # which was not asked for
    served.client.post("/v1/search", json={"query": "red", "offset": 5})
    served.client.post("/v1/search", json={"terms": [{"item": served.ids["red"]}]})
    served.library.search("yellow")
    root = ("-L", str(served.root))
    kept = json.loads(command(capsys, "queries", "list", "--json", *root))
    assert [(one["query"], one["filter"]) for one in kept] == [("yellow", None), ("red", "width > 1")]
    assert all(0 <= one["relevance"] <= 1 for one in kept)
    shown = command(capsys, "queries", "list", *root)
    assert [line.split()[3] for line in shown.splitlines()] == ["yellow", "red"]
    command(capsys, "queries", "list", "--unanswered", *root)
    assert command(capsys, "queries", "clear", *root) == "2 searches forgotten\n"
    assert not (served.root / FILE).exists()
