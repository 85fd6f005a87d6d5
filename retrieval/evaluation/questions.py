"""Question answering accuracy: short answers compared after VQA's normalisation (Antol et al., 2015), simplified."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.embeddings import load_readable
from vasari.retrieval.evaluation.hard_negatives import HardNegative
from vasari.retrieval.evaluation.report import Stage, silent
from vasari.retrieval.evaluation.rows import read_rows

BATCH = 32

_NUMBERS = {"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}


class Answerer(Protocol):
    """What answers a batch of questions."""

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """One answer a pair."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a picture with its short answer; `kind` groups the report."""

    image: Path
    question: str
    answer: str
    kind: str = "all"


def read_questions(file: Path) -> tuple[list[Question], list[str]]:
    """Read `questions.jsonl`: file_name (beside the file), question, answer, kind; and what is wrong with its lines."""
    rows, broken = read_rows(file, ("file_name", "question", "answer"))
    found = [
        Question(file.parent / row["file_name"], row["question"], row["answer"], row.get("kind", "all"))
        for row in rows
    ]
    return found, broken


def read_hard_negatives(file: Path, language: str | None = None) -> tuple[list[HardNegative], list[str]]:
    """Read `hard_negatives.jsonl`: file_name, caption, negative, kind, language; and what is wrong with its lines."""
    rows, broken = read_rows(file, ("file_name", "caption", "negative"))
    found = [
        HardNegative(
            file.parent / row["file_name"],
            row["caption"],
            row["negative"],
            row.get("kind", "other"),
            row.get("language"),
        )
        for row in rows
        if language is None or row.get("language") in (None, language)
    ]
    return found, broken


def question_accuracy(
    questions: Sequence[Question], answerer: Answerer, stage: Stage = silent
) -> tuple[dict[str, float], dict[Path, str]]:
    """Share of questions answered right, in all and by kind, and why pictures cannot be read, whose questions are not.

    Raises UsageError where none can be.
    """
    report = stage("questions", len(questions))
    right: dict[str, list[bool]] = {}
    unreadable: dict[Path, str] = {}
    for start in range(0, len(questions), BATCH):
        part = questions[start : start + BATCH]
        pictures, wrong = load_readable(question.image for question in part)
        unreadable |= wrong
        asked = [question for question in part if question.image in pictures]
        images = [pictures[question.image] for question in asked]
        given = answerer.answers(images, [question.question for question in asked]) if asked else []
        for question, answer in zip(asked, given, strict=True):
            right.setdefault(question.kind, []).append(normal(answer) == normal(question.answer))
        report(len(part))
    return _shares(right, unreadable), unreadable


def _shares(right: Mapping[str, list[bool]], unreadable: Mapping[Path, str]) -> dict[str, float]:
    if not right:
        path, reason = next(iter(unreadable.items()))
        raise UsageError(f"none of the pictures can be read: {path}: {reason}")
    everything = [outcome for outcomes in right.values() for outcome in outcomes]
    shares = {"all": sum(everything) / len(everything)}
    return shares | {kind: sum(outcomes) / len(outcomes) for kind, outcomes in sorted(right.items())}


def normal(answer: str) -> str:
    """VQA normalisation: lower case, no punctuation, no articles, number words as digits."""
    words = re.sub(r"[^\w\s]", " ", answer.casefold()).split()
    return " ".join(_NUMBERS.get(word, word) for word in words if word not in ("a", "an", "the"))
