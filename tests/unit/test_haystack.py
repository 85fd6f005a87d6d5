"""Haystack: pictures by words in a pipeline, its filters held against its own reading of them, saved and loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.colours import ColourLibrary, make_library
from vasari.api.frameworks.haystack_filters import condition
from vasari.api.python.library import Library
from vasari.retrieval.errors import MissingExtraError, UnsupportedError, UsageError


class Colours(ColourLibrary, Library):
    """A library whose model knows colours."""


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    base = tmp_path_factory.mktemp("haystack")
    return base / "library", make_library(base / "library", base / "pictures")


@pytest.fixture
def library(ids: tuple[Path, dict[str, int]]) -> Iterator[Colours]:
    with Colours.open(ids[0]) as opened:
        notes = opened.catalog.annotations
        notes.set_attributes(ids[1]["red"], {"year": 2024, "place": "Elba"})
        notes.set_attributes(ids[1]["blue"], {"year": 2020, "place": "Rome"})
        notes.set_attributes(ids[1]["green"], {"year": 2022})
        notes.set_tags(ids[1]["red"], ["sea"])
        yield opened


@pytest.fixture
def haystack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, which tells nobody that it was used."""
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")
    return pytest.importorskip("haystack", reason="needs pip install 'vasari[haystack]'")


FILTERS: list[dict[str, Any]] = [
    {"field": "meta.year", "operator": "==", "value": 2024},
    {"field": "meta.year", "operator": "!=", "value": 2024},
    {"field": "meta.year", "operator": ">=", "value": 2022},
    {"field": "meta.year", "operator": "<", "value": 2022},
    {"field": "meta.place", "operator": "in", "value": ["Elba", "Oslo"]},
    {"field": "meta.place", "operator": "not in", "value": ["Elba", "Oslo"]},
    {"field": "meta.place", "operator": "==", "value": None},
    {"field": "meta.width", "operator": ">", "value": 10},
    {"operator": "NOT", "conditions": [
        {"field": "meta.year", "operator": ">", "value": 2020},
        {"field": "meta.place", "operator": "==", "value": "Elba"},
    ]},
    {"operator": "OR", "conditions": [
        {"field": "meta.year", "operator": "==", "value": 2020},
        {"operator": "AND", "conditions": [{"field": "meta.place", "operator": "==", "value": "Elba"}]},
    ]},
]  # fmt: skip


@pytest.mark.parametrize("filters", FILTERS)
def test_a_filter_means_what_haystack_means_by_it(
    haystack: Any, library: Colours, filters: dict[str, Any]
) -> None:
    """The same documents pass as by Haystack's own comparison of their meta."""
    from haystack.utils.filters import document_matches_filter

    from vasari.haystack import VasariRetriever

    retriever = VasariRetriever(library)
    everything = retriever.run("red")["documents"]
    right = {document.id for document in everything if document_matches_filter(filters, document)}
    assert 0 < len(right) <= len(everything) == 8
    assert {document.id for document in retriever.run("red", filters=filters)["documents"]} == right


def test_no_word_of_a_query_is_a_file(haystack: Any, library: Colours, tmp_path: Path) -> None:
    """Whoever asks a pipeline reads no file of its machine."""
    from vasari.haystack import VasariRetriever

    (tmp_path / "secret.txt").write_text("no picture")
    assert len(VasariRetriever(library).run(f"{tmp_path}/secret.txt")["documents"]) == 8


def test_a_pipeline_finds_pictures_and_can_be_saved(
    haystack: Any, library: Colours, ids: tuple[Path, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best first, with where they lie, by a filter of either language; loaded again it is the same retriever."""
    from vasari.api.frameworks import haystack as ours

    pipeline = haystack.Pipeline()
    pipeline.add_component(
        "pictures", ours.VasariRetriever(library, top_k=2, filters="tag:sea or year = 2020")
    )
    found = pipeline.run({"pictures": {"query": "red"}})["pictures"]["documents"]
    assert [document.id for document in found] == [str(ids[1]["red"]), str(ids[1]["blue"])]
    assert Path(found[0].meta["file_path"]).name == "red.png"
    assert found[0].score > found[1].score
    with pytest.raises(UsageError, match="folder"):
        pipeline.dumps()
    monkeypatch.setattr(ours, "Library", Colours)
    saved = haystack.Pipeline()
    saved.add_component("pictures", ours.VasariRetriever(ids[0], top_k=3, filters=FILTERS[2]))
    again = haystack.Pipeline.loads(saved.dumps(), allowed_modules=["vasari.haystack"])
    asked = {"pictures": {"query": "red"}}
    assert again.run(asked)["pictures"]["documents"] == saved.run(asked)["pictures"]["documents"]


@pytest.mark.parametrize(
    ("filters", "error"),
    [
        ({"field": "meta.year", "operator": "like", "value": 1}, UnsupportedError),
        ({"field": "meta.year", "operator": "in", "value": "abc"}, UsageError),
        ({"operator": "XOR", "conditions": []}, UsageError),
        ({"field": "meta.year", "operator": ">", "value": [1]}, UsageError),
    ],
)
def test_what_is_no_filter_is_refused(filters: dict[str, Any], error: type[Exception]) -> None:
    """In a line, before anything is searched."""
    with pytest.raises(error):
        condition(filters)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""
    for name in [name for name in sys.modules if name.startswith(("haystack", "vasari.haystack"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "vasari.api.frameworks.haystack", raising=False)
    monkeypatch.setitem(sys.modules, "haystack", None)
    with pytest.raises(MissingExtraError, match=r"vasari\[haystack\]"):
        __import__("vasari.haystack")
