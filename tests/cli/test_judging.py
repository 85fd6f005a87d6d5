"""`vasari judge` and `vasari judgments` as people type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.test_albums import Say, say
from tests.grey import GreyLibrary
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource

__all__ = ["say"]  # a fixture


def test_pictures_are_judged_listed_and_taken_back(say: Say) -> None:
    """Right, wrong and graded, by file and by number; in the order of the queries."""
    assert say("judge", "boat", "photos/a.png", "item:2")[:2] == (0, "2 judged\n")
    assert say("judge", "boat", "item:2", "--wrong")[1] == "1 judged\n"
    assert say("judge", "boat", "item:3", "--grade", "3", "-F", "width > 1")[1] == "1 judged\n"
    rows = [line.split() for line in say("judgments", "list")[1].splitlines()]
    assert rows == [
        ["1", "right", "1", "wrong", "boat"],
        ["1", "right", "0", "wrong", "boat", "width", ">", "1"],
    ]
    shown = say("judgments", "list", "boat")[1].splitlines()
    assert [line.split()[0] for line in shown] == ["right", "wrong"]
    assert say("judge", "boat", "item:2", "--withdraw")[1] == "1 withdrawn\n"
    assert [one["item"] for one in json.loads(say("judgments", "list", "boat", "--json")[1])] == [1]
    assert say("judgments", "clear", "--yes")[1] == "2 forgotten\n"
    assert say("judgments", "list")[1:] == (
        "",
        "nothing was judged: give thumbs on the page, or `vasari judge QUERY ITEM`\n",
    )


def test_what_is_not_in_the_library_is_named(say: Say) -> None:
    """The rest is judged; the exit code is 1. Two grades at once are none."""
    assert say("judge", "boat", "item:1", "nothing.png") == (
        1,
        "1 judged\n",
        "not in the library: nothing.png\n",
    )
    assert say("judge", "boat", "nothing.png")[:2] == (1, "")
    assert say("judge", "boat", "item:1", "--wrong", "--grade", "2")[0] == 2
    assert say("judge", "", "item:1")[0] == 2
    assert say("judge", "boat", "item:1", "-F", "rating >=")[0] == 2
    assert say("judgments", "clear")[0] == 2


def test_judgments_come_back_from_their_files(say: Say, tmp_path: Path) -> None:
    """From the lines with who said what, and from TREC's files; a picture that moved is known by its content."""
    say("judge", "un été", "item:1", "item:2", "--who", "ada")
    say("judge", "un été", "item:3", "--wrong", "-F", "width > 1")
    assert say("judgments", "export", "out")[1] == "3 judgments in out\n"
    told = say("judgments", "list", "--json")[1]
    say("judgments", "clear", "--yes")
    lines = (tmp_path / "out" / "judgments.jsonl").read_text("utf-8")
    moved = tmp_path / "moved.jsonl"
    moved.write_text(lines.replace("/photos/a.png", "/elsewhere/a.png").replace("\n", "\r\n"), "utf-8")
    assert say("judgments", "import", "moved.jsonl")[:2] == (0, "3 judged\n")
    assert say("judgments", "list", "--json")[1] == told
    trec = ("judgments", "import", "out/topics.tsv", "--qrels", "out/qrels.txt", "--who", "trec")
    assert say(*trec)[:2] == (0, "3 judged\n")
    by = {(one["query"], one["filter"], one["item"]) for one in json.loads(told)}
    after = json.loads(say("judgments", "list", "--json")[1])
    assert {(one["query"], one["filter"], one["item"]) for one in after if one["who"] == "trec"} == by


def test_what_cannot_be_read_is_told(say: Say, tmp_path: Path) -> None:
    """Lines that are no judgments and pictures that are not there, and the rest is kept."""
    rows = [
        {"query": "boat", "file_names": ["photos/a.png", "photos/zz.png"]},
        {"query": "boat", "item": 2, "grade": 11},
        {"query": "", "item": 2},
        {"query": "boat"},
        {"query": "boat", "item": "item:3", "grade": 2, "at": "2026-01-02T03:04:05+00:00"},
        {"query": "boat", "item": 3, "at": "yesterday"},
    ]
    text = "\n".join([*map(json.dumps, rows), "{", ""])
    (tmp_path / "q.jsonl").write_text(text, "utf-8")
    code, out, err = say("judgments", "import", "q.jsonl")
    assert (code, out) == (1, "2 judged\n")
    assert "not valid JSON" in err
    assert "and 1 more" in err
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    assert say("judgments", "import", "empty.jsonl")[0] == 2
    assert say("judgments", "import", "none.jsonl")[0] == 1


GREYS = (4, 7, 11, 18, 30, 48, 82, 175)  # whose vectors are 2, 4, 6, 9, 12, 15 and 18 degrees apart


@pytest.fixture
def judged(say: Say, tmp_path: Path) -> Say:
    """Seven queries by a picture, of which the one before it is right: second in a plain answer, later if varied."""
    say("remove", "photos")
    for number, grey in enumerate(GREYS):
        (tmp_path / "greys").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (grey,) * 3).save(tmp_path / "greys" / f"{number}.png")
    with GreyLibrary.open(tmp_path / "library") as library:
        index(library, FolderSource([tmp_path / "greys"]))
    for item in range(5, 12):
        say("judge", f"item:{item}", f"item:{item - 1}", "--grade", "2")
        say("judge", f"item:{item}", f"item:{item}", "--wrong")
    return say


def test_judged_queries_are_measured_and_their_run_is_the_same(judged: Say, tmp_path: Path) -> None:
    """nDCG of one right answer at rank 2 is 1 / log2(3); the run that was written has the same figures by its qrels."""
    figures = json.loads(judged("eval", "--queries", "judgments", "--write-run", "a.run", "--json")[1])
    assert (figures["queries"], figures["judgments"], figures["without_right"]) == (7, 14, 0)
    assert figures["figures"]["nDCG@10"] == pytest.approx(0.6309297535714575)
    assert figures["figures"]["mAP"] == 0.5
    assert figures["figures"]["judged@10"] == 0.25
    judged("judgments", "export", "out")
    again = json.loads(judged("eval", "--run", "a.run", "--qrels", "out/qrels.txt", "--json")[1])
    assert again["figures"] == pytest.approx(figures["figures"])
    by_files = ("eval", "--queries", "out/topics.tsv", "--qrels", "out/qrels.txt", "--json")
    assert json.loads(judged(*by_files)[1])["figures"] == figures["figures"]
    by_lines = json.loads(judged("eval", "--queries", "out/judgments.jsonl", "--json")[1])
    assert by_lines["figures"] == figures["figures"]
    shown = judged("eval", "--queries", "judgments")[1]
    assert "7 queries, 14 judgments" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_two_settings_are_compared(judged: Say, tmp_path: Path) -> None:
    """The worse one is named with its p, and the queries that changed; the same twice is no difference."""
    code, shown, _ = judged("compare", "default", "diversify=0.1")
    assert code == 0
    assert "A (default) is better by nDCG@10: p 0.016" in shown
    assert "  0.631 → 0.431  item:11\n" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    found = json.loads(judged("compare", "diversify=0.1", "default", "--json", "--measure", "mAP")[1])
    assert (found["a"], found["b"], found["verdict"]) == ("diversify=0.1", "default", "better")
    last = next(one for one in found["changed"] if one["query"] == "item:11")
    assert (last["a"], last["b"], last["right"]) == (1 / 4, 1 / 2, [10])
    assert last["a_items"][3] == 10
    assert last["b_items"][:3] == [11, 10, 9]
    same = judged("compare", "default", "hybrid=off")[1]
    assert "no difference shown by nDCG@10: p 1.000" in same
    assert "changed most" not in same
    for name, setting in (("a.run", "default"), ("b.run", "diversify=0.1")):
        judged("eval", "--queries", "judgments", "--with", setting, "--write-run", name)
    judged("judgments", "export", "out")
    files = ("--qrels", "out/qrels.txt", "--queries", "out/topics.tsv", "--json")
    by_files = json.loads(judged("compare", "a.run", "b.run", *files)[1])
    assert by_files["figures"]["nDCG@10"]["p"] == pytest.approx(2 / 2**7)
    assert "item:11" in [one["query"] for one in by_files["changed"]]


def test_queries_without_a_right_answer_tell_nothing(say: Say) -> None:
    """They are counted and left out; where there are no others, that is said."""
    assert "no query was judged" in say("eval", "--queries", "judgments")[2]
    say("judge", "item:1", "item:2", "--wrong")
    assert "none of 1 judged queries has a right item" in say("compare", "default", "collapse")[2]
    say("judge", "item:3", "item:3")
    shown = say("compare", "default", "collapse")[1]
    assert "1 judged query has no right picture, and does not count" in shown
    assert "1 query is too few to tell a difference from chance" in shown


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("eval",), "no dataset was named"),
        (("eval", ".", "--queries", "judgments"), "one of them"),
        (("eval", "--queries", "judgments", "--rerank"), "--with rerank"),
        (("eval", "--run", "x.run"), "no such file: out"),
        (("compare", "default", "colour=red"), "'colour' is nothing"),
        (("compare", "default", "space=x"), "no space 'x'"),
        (("compare", "default", "model=x"), "no model 'x'"),
        (("compare", "default", "diversify=2"), "between 0 and 1"),
        (("compare", "default", "group_by"), "group_by is an attribute"),
        (("compare", "default", "rerank=many"), "rerank is a number"),
        (("compare", "default", "hybrid=perhaps"), "on or off"),
        (("compare", "default", "weight=0.5"), "say rerank"),
        (("compare", "default", "fair=perhaps"), "on, off, dn or nnn"),
        (("compare", "default", "fair=off, fair_weight=0.5"), "say fair, "),
        (("compare", "default", "fair, fair_weight=9"), "between 0.01 and 2"),
        (("compare", "default", "default", "--measure", "F1"), "F1"),
        (("compare", "default", "photos/a.png"), "two settings, or two run files"),
    ],
)
def test_what_cannot_be_compared_is_told(say: Say, words: tuple[str, ...], complaint: str) -> None:
    """In one line that says what could be."""
    if "x.run" in words:
        words = (*words, "--qrels", "out")
    code, out, err = say(*words)
    assert code in (1, 2)
    assert out == ""
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_items_that_are_not_in_the_library_are_left_out(say: Say, tmp_path: Path) -> None:
    """They cannot be found, so they do not count as right; a file of which none is there is refused."""
    row = {"query": "item:1", "file_names": ["photos/a.png", "photos/gone.png"]}
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    figures = json.loads(say("eval", "--queries", "q.jsonl", "--json")[1])
    assert (figures["figures"]["mAP"], figures["left_out"]) == (1.0, ["not in the library: photos/gone.png"])
    (tmp_path / "q.jsonl").write_text(json.dumps({**row, "file_names": ["zz.png"]}), "utf-8")
    assert "none of the 1 items of q.jsonl is in the library" in say("eval", "--queries", "q.jsonl")[2]
