"""The page on the query language tells the truth: its examples run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.catalogs import add
from vasari.api.cli.searching import search, similar
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.filters.parser import ALIASES, FIELDS, parse_filter
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import QueryError
from vasari.retrieval.search.query import parse_terms

PAGE = (Path(__file__).parents[2] / "docs" / "query-language.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def table_examples() -> Iterator[str]:
    table = PAGE.partition("### Fields")[2].partition("### Comparisons")[0]
    for line in table.splitlines():
        if line.startswith(("| `", "| any")):
            yield from re.findall(r"`([^`]+)`", line.split("|")[3])


FILTERS = [*"".join(blocks("filter")).splitlines(), *table_examples()]
COMMANDS = "".join(blocks("sh")).splitlines()


def test_filters_of_the_page_run(catalog: Catalog) -> None:
    """Every filter of the page is answered by both databases."""
    [item] = add(catalog, "/pics/a.jpg")
    catalog.annotations.set_attributes(item, {"price": 5, "colour": "red"})
    assert len(FILTERS) > 40
    for text in FILTERS:
        assert len(catalog.filters.matching(text, Modality.IMAGE)) <= 1


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_page_are_understood(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of the page has options that exist, terms that parse and a filter that parses."""
    (tmp_path / "sunset.jpg").touch()
    monkeypatch.chdir(tmp_path)
    program, name, *arguments = shlex.split(line)
    assert program == "vasari"
    command = {"search": search, "similar": similar}[name]
    parameters = command.make_context(name, arguments).params
    assert parse_terms(parameters["terms"])
    if parameters["where"] is not None:
        parse_filter(parameters["where"])


def test_the_page_names_every_field() -> None:
    """No field is secret."""
    table = PAGE.partition("### Fields")[2].partition("### Comparisons")[0]
    named = set(
        re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    )
    assert set(FIELDS) <= named
    assert named - set(FIELDS) <= set(ALIASES)


def test_the_mistake_of_the_page_is_shown_as_the_page_shows_it() -> None:
    """The caret stands where the page has it."""
    [shown] = blocks("text")
    command, first, *rest = shown.splitlines()
    with pytest.raises(QueryError) as caught:
        parse_filter(shlex.split(command.removeprefix("$ "))[-1])
    assert caught.value.with_caret().splitlines() == [first.removeprefix("vasari: "), *rest]
