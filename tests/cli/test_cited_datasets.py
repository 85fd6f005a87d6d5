"""`vasari eval` as typed, on datasets that researchers cite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import cited
from tests.cli.conftest import Run
from vasari.retrieval.evaluation.known import KNOWN


def test_the_list_fits_a_terminal_and_names_all(run: Run) -> None:
    """A line each, of at most 80 columns; programs get files and addresses, too."""
    code, out, _ = run("eval", "--list")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert all(any(line.startswith(f"  {known.name} ") for line in out.splitlines()) for known in KNOWN)
    listed = json.loads(run("eval", "--list", "--json")[1])["datasets"]
    assert [one["name"] for one in listed] == [known.name for known in KNOWN]
    assert all(one["files"] and (one["source"] or one["name"] == "your own") for one in listed)


def test_no_dataset_and_useless_options_are_answered_in_one_line(run: Run, tmp_path: Path) -> None:
    """Before any model is loaded."""
    code, _, err = run("eval")
    assert (code, err.count("\n")) == (2, 1)
    assert "--list" in err
    cited.write_sugar_crepe(tmp_path / "sugar")
    code, _, err = run("eval", tmp_path / "sugar", "--hybrid", "--language", "de", "--model", "scenes")
    assert (code, "no use for --hybrid, --language" in err) == (2, True)


def test_hard_negatives_by_the_model_and_its_second_stage(run: Run, tmp_path: Path) -> None:
    """What is missing is said; figures and intervals lie in [0, 1]."""
    cited.write_sugar_crepe(tmp_path)
    (tmp_path / "val2017" / "000000000003.jpg").unlink()
    code, out, err = run("eval", tmp_path, "--model", "scenes", "--rerank", "--fresh", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["dataset"], told["images"], told["pairs"]) == ("SugarCrepe", 3, 5)
    assert told["missing_images"] == ["000000000003.jpg"]
    for who in ("dual_encoder", "reranker"):
        task = told[who]["tasks"]["swap_att"]
        assert 0 <= task["interval"][0] <= task["accuracy"] <= task["interval"][1] <= 1
    code, out, err = run("eval", tmp_path, "--model", "scenes", "--fresh", "--limit", "1")
    assert code == 0, err
    assert out.startswith("SugarCrepe: 1 picture, 3 pairs\n")
    assert "1 picture is not on disk, and left out: 000000000003.jpg" in out


def test_languages_below_each_other_with_their_mean(run: Run, tmp_path: Path) -> None:
    """Of all languages that there are; without English one is chosen only if it is the only one."""
    cited.write_xm3600(tmp_path / "xm")
    asked = ("--model", "scenes", "--fresh")
    told = json.loads(run("eval", tmp_path / "xm", *asked, "--language", "all", "--json")[1])
    assert list(told["languages"]) == ["en", "de"]
    figures = [told["languages"][language]["text_to_image"]["R@1"] for language in ("en", "de")]
    assert told["mean"]["text_to_image"]["R@1"] == pytest.approx(sum(figures) / 2)
    _, out, _ = run("eval", tmp_path / "xm", *asked, "--language", "all")
    assert [line.split()[0] for line in out.splitlines()[-3:]] == ["en", "de", "mean"]
    assert max(map(len, out.splitlines())) <= 80
    cited.write_multi30k(tmp_path / "multi")
    code, _, err = run("eval", tmp_path / "multi", *asked)
    assert (code, "no captions in en: it has de, fr" in err) == (2, True)
    assert run("eval", tmp_path / "multi" / "data" / "task2", *asked)[1].startswith("task2 (de): 4 pictures")


def test_all_right_answers_beside_those_of_coco(run: Run, tmp_path: Path) -> None:
    """ECCV-Caption and CxC in one run, reranked ones, too."""
    cited.write_karpathy(tmp_path)
    cited.write_eccv(tmp_path, {1000: [100, 102], 1011: [101]})
    cited.write_cxc(tmp_path, "test", {(1000, 100): 5, (1020, 102): 3})
    asked = ("eval", tmp_path, "--model", "scenes", "--fresh", "--rerank")
    code, out, err = run(*asked, "--json")
    assert code == 0, err
    told = json.loads(out)["positives"]
    assert list(told) == ["ECCV-Caption", "CxC"]
    assert told["ECCV-Caption"]["text_to_image"]["queries"] == 2
    assert told["ECCV-Caption"]["image_to_text"]["queries"] == 3
    assert 0 <= told["CxC"]["reranked"]["text_to_image"]["mAP@R"] <= 1
    out = run(*asked)[1]
    assert "by all right answers of ECCV-Caption" in out
    # By COCO's own, and by the two.
    assert sum(line.startswith("    reranked") for line in out.splitlines()) == 3
    assert max(map(len, out.splitlines())) <= 80


def test_expert_queries(run: Run, tmp_path: Path) -> None:
    """INQUIRE by its figures of the first fifty."""
    cited.write_inquire(tmp_path)
    code, out, err = run("eval", tmp_path, "--model", "scenes", "--fresh")
    assert code == 0, err
    assert out.startswith("INQUIRE: 5 pictures, 2 queries\n")
    assert "mAP@50" in out
    assert "0009/gone.jpg" in out


def test_the_guide_says_where_each_is_got_from() -> None:
    """Names and addresses of the list stand in docs/evaluation.md."""
    guide = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")
    assert [known.name for known in KNOWN if f"| {known.name} |" not in guide] == []
    assert [known.name for known in KNOWN if known.source.partition(" ")[0] not in guide] == []
