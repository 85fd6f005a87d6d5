"""Files of questions and of hard negatives, as people write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.questions import read_hard_negatives, read_questions

QUESTION = {"file_name": "a.jpg", "question": "What is it?", "answer": "a boat"}
PAIR = {"file_name": "a.jpg", "caption": "a red boat", "negative": "a blue boat", "language": "en"}


def write(file: Path, *lines: object) -> Path:
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    return file


def test_a_line_that_cannot_be_used_ends_nothing(tmp_path: Path) -> None:
    """What is wrong with it is told by its number; the others count."""
    wrong = ('{"file_name": "a.jpg"', "[1]", "7", {**QUESTION, "answer": 3}, "[" * 100_000)
    questions, broken = read_questions(write(tmp_path / "questions.jsonl", QUESTION, "", *wrong, QUESTION))
    assert [question.image for question in questions] == [tmp_path / "a.jpg"] * 2
    assert [line.partition(":")[0] for line in broken] == [f"questions.jsonl, line {n}" for n in range(3, 8)]
    file = write(
        tmp_path / "hard_negatives.jsonl", PAIR, {**PAIR, "negative": None}, {**PAIR, "language": "de"}
    )
    pairs, broken = read_hard_negatives(file, "en")
    assert ([pair.negative for pair in pairs], len(broken)) == (["a blue boat"], 1)


def test_a_file_of_nothing_else_is_refused(tmp_path: Path) -> None:
    """With what is wrong with its first line."""
    with pytest.raises(UsageError, match="line 1: lacks file_name, question, answer"):
        read_questions(write(tmp_path / "questions.jsonl", "{}"))
