"""`vasari tune ranking` as typed, on drawn scenes with the built-in model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vasari.retrieval.domain import TunedRerank
from vasari.retrieval.library.library import Library
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Language, Split


def test_ranking_is_measured_switched_and_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little to measure with, switched on unmeasured, measured, off: each is one plain answer."""
    folder, bank = tmp_path / "scenes", tmp_path / "bank.txt"
    render(folder, 5, 3, Split.HELDOUT, languages=[Language.ENGLISH], workers=1, progress=False)
    bank.write_text("\n".join(f"{number} boats" for number in range(2000)))
    assert run("index", folder / "images", "--model", "scenes")[0] == 0
    code, _, err = run("tune", "ranking")
    assert code == 2
    assert "0 pictures have a caption (100 are needed)" in err

    code, out, err = run("tune", "ranking", "--use", "nnn", "--hubs", 0.3, "--bank", bank)
    assert code == 0, err
    assert "nnn, weight 0.25, of 30% of the pictures; 2,000 texts, texts of bank.txt" in out
    assert "ranks fairly by nnn, weight 0.25, 2,000 texts: texts of bank.txt" in run("status")[1]
    code, out, err = run("search", "a boat", "--explain")
    assert code == 0, err
    assert "taken off as a hub" in out
    assert "ranked fairly by nnn" in err

    with Library.open(tmp_path / "library") as library:
        for number in range(20):
            library.catalog.judgments.judge(f"{number} boats on the sea", {1 + number % 3: 1}, "me")
    code, out, err = run("tune", "ranking", "--bank", bank, "--dry-run")
    assert code == 0, err
    assert out.splitlines()[0] == "3 pictures; bank: 2,000 texts of bank.txt"
    assert "reranking by scenes-itm, on 20 of the queries: nDCG@10\n" in out
    assert "with 32 candidates and weight 0.6\n" in out
    assert out.splitlines()[-1] == "nothing was switched"
    assert max(map(len, out.splitlines())) <= 80
    usual, same, other = (_scores(run, monkeypatch, weight) for weight in (None, "0.6", "0.5"))
    assert usual == same != other
    with Library.open(tmp_path / "library") as library:
        name = library.space().name
        library.catalog.spaces.set_reranking(name, TunedRerank(1, 0.3, "scenes-itm"))
    assert "reranks 1 candidates, weight 0.3, by scenes-itm" in run("status")[1]
    looked_at = ("search", "a boat", "--rerank", "--json")
    assert [hit["reranked"] for hit in json.loads(run(*looked_at)[1])["hits"]] == [True, False, False]
    assert all(hit["reranked"] for hit in json.loads(run(*looked_at, "--rerank-top", 3)[1])["hits"])
    monkeypatch.setenv("VASARI_RERANK_TOP", "2")
    assert [hit["reranked"] for hit in json.loads(run(*looked_at)[1])["hits"]] == [True, True, False]
    assert "ranks by cosine alone" in run("tune", "ranking", "--use", "off")[1]
    assert run("tune", "ranking", "--use", "off")[1].endswith("nothing was switched on\n")
    assert "ranks" not in run("status")[1]


def _scores(run: Run, monkeypatch: pytest.MonkeyPatch, weight: str | None) -> list[float]:
    """What reranked hits are told, by this weight in the settings, or by none."""
    with monkeypatch.context() as patch:
        if weight is not None:
            patch.setenv("VASARI_RERANK_WEIGHT", weight)
        return [hit["score"] for hit in json.loads(run("search", "a boat", "--rerank", "--json")[1])["hits"]]


def test_options_that_do_not_go_together_are_refused(run: Run) -> None:
    """Before anything is opened or loaded, with what to do instead."""
    for words, complaint in (
        (("--weight", "0.5"), "--use names a method"),
        (("--use", "dn", "--hubs", "0.5"), "goes with --use nnn"),
        (("--bank", "x", "--language", "de"), "choose one"),
        (("--use", "off", "--dry-run"), "leave --use away"),
        (("--use", "nnn", "--weight", "9"), "from 0.01 to 2"),
        (("--language", "pt"), "'pt'"),
    ):
        code, _, err = run("tune", "ranking", *words)
        assert code == 2
        assert complaint in err
