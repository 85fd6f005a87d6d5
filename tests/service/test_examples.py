"""The programs in examples/ run, on drawn pictures and a running service, and print what they promise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from examples import (
    albums_and_tags,
    compatible_clients,
    evaluate,
    facts_and_filters,
    http_client,
    index_and_search,
    langchain_chain,
    llama_index_pictures,
    mcp_agent,
)
from examples.own_app import make_app
from tests.service.conftest import Live
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

EXAMPLES = Path(evaluate.__file__).parent


@pytest.fixture(scope="module")
def settings() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, settings: pytest.MonkeyPatch) -> Path:
    """Twelve postcards, which the first example indexes."""
    settings.setenv("VASARI_THREADS", "1")  # two that wait for each other take three times as long
    settings.setenv("VASARI_OFFLINE", "1")
    folder = tmp_path_factory.mktemp("examples")
    render(folder, seed=5, count=12, split=Split.TRAIN, size=64, workers=1)
    index_and_search.main(str(folder / "images"), "a boat")
    return folder


def app(library: str) -> None:
    with TestClient(make_app(library)) as client:
        for hit in client.get("/find", params={"words": "a boat", "limit": 2}).json():
            print(f"{hit['score']:6.3f}  {hit['uri']}")
        assert client.get("/find", params={"words": "-"}).status_code == 422


@pytest.mark.parametrize(
    ("example", "arguments", "printed"),
    [
        ("index_and_search", (index_and_search.main, "images", "a boat"), r"0 added, 12 unch.*\n( .*\.jpg\n){3}"),
        ("facts_and_filters", (facts_and_filters.main, "images/.vasari"), r"( [1-5]0 for .*\.jpg\n){3}"),
        ("http_client", (http_client.main, "live", "images/000003.jpg"), r"item \d+: 64.*\na copy.*\n( .*\n){3}.+\n"),
        ("albums_and_tags", (albums_and_tags.main, "live", "red"), r"3 ch.*\n( .*found\n){3}.* of 3\n1 j.*\n0 in.*\n"),
        ("langchain_chain", (langchain_chain.main, "images/.vasari", "a boat"), r"( .*\.jpg\n){3}"),
        ("llama_index_pictures", (llama_index_pictures.main, "images/.vasari", "a boat"), r"( .*\.jpg\n){3}"),
        ("compatible_clients", (compatible_clients.main, "live", "red"), r"models: .+\nvector: 16 n.+\nbest.*: 1\n"),
        ("evaluate", (evaluate.main, ""), r"(R@\d+: [01]\.\d{3} \[.*\]\n){3}"),
        ("mcp_agent", (mcp_agent.main, "images/.vasari", "a boat"), r"search.*\n( .*\.jpg\n){3}image/.+\n"),
        ("own_app", (app, "images/.vasari"), r"( .*\.jpg\n){2}"),
    ],
)  # fmt: skip
def test_an_example_prints_what_it_promises(
    example: str,
    arguments: tuple[Callable[..., None], *tuple[str, ...]],
    printed: str,
    drawn: Path,
    live: Live,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run as a user would, on a folder, a library or a service."""
    program, *words = arguments
    program(
        *(
            live.url if word == "live" else str(drawn / word) if (drawn / word).exists() else word
            for word in words
        )
    )
    assert re.fullmatch(printed, capsys.readouterr().out)


@pytest.mark.skipif(find_spec("haystack") is None, reason="needs pip install 'vasari[haystack]'")
def test_the_example_of_haystack(
    drawn: Path, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Likewise, where that package is."""
    settings.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")
    from examples import haystack_pipeline

    haystack_pipeline.main(str(drawn / "images" / ".vasari"), "a boat")
    assert re.fullmatch(r"( .*\.jpg\n){3}", capsys.readouterr().out)


def test_every_example_is_run() -> None:
    """A new program in examples/ needs a line above."""
    run = {case[0] for mark in test_an_example_prints_what_it_promises.pytestmark for case in mark.args[1]}
    assert run == {path.stem for path in EXAMPLES.glob("*.py")} - {"__init__", "haystack_pipeline"}
