"""Files of questions and of hard negatives, as people write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.grey import write_picture
from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.questions import (
    Question,
    question_accuracy,
    read_hard_negatives,
    read_questions,
)

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


class Echo:
    """Answers every question with "a boat"."""

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """As many as there are pictures."""
        return ["A boat." for _ in images]


def test_a_picture_that_cannot_be_read_takes_its_questions_along(tmp_path: Path) -> None:
    """The others count, and it is named with the reason; where none can be read that is said."""
    write_picture(tmp_path / "a.jpg", 1)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    there, bad = (Question(tmp_path / name, "What is it?", "a boat", "what") for name in ("a.jpg", "bad.jpg"))
    shares, unreadable = question_accuracy([bad, there, bad], Echo())
    assert shares == {"all": 1.0, "what": 1.0}
    assert list(unreadable) == [tmp_path / "bad.jpg"]
    assert "not an image" in unreadable[tmp_path / "bad.jpg"]
    with pytest.raises(UsageError, match=r"none of the pictures can be read: .*bad\.jpg"):
        question_accuracy([bad], Echo())
