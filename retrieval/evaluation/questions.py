"""Question answering accuracy: short answers compared after VQA's normalisation (Antol et al., 2015), simplified."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.embeddings import load_picture
from vasari.retrieval.evaluation.report import HardNegative, Stage, silent

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
    rows, broken = _rows(file, ("file_name", "question", "answer"))
    found = [
        Question(file.parent / row["file_name"], row["question"], row["answer"], row.get("kind", "all"))
        for row in rows
    ]
    return found, broken


def read_hard_negatives(file: Path, language: str | None = None) -> tuple[list[HardNegative], list[str]]:
    """Read `hard_negatives.jsonl`: file_name, caption, negative, kind, language; and what is wrong with its lines."""
    rows, broken = _rows(file, ("file_name", "caption", "negative"))
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
) -> dict[str, float]:
    """Share of questions answered right, in all and by kind."""
    report = stage("questions", len(questions))
    right: dict[str, list[bool]] = {}
    for start in range(0, len(questions), BATCH):
        part = questions[start : start + BATCH]
        pictures = [load_picture(question.image) for question in part]
        given = answerer.answers(pictures, [question.question for question in part])
        for question, answer in zip(part, given, strict=True):
            right.setdefault(question.kind, []).append(normal(answer) == normal(question.answer))
        report(len(part))
    everything = [outcome for outcomes in right.values() for outcome in outcomes]
    shares = {"all": sum(everything) / len(everything)}
    return shares | {kind: sum(outcomes) / len(outcomes) for kind, outcomes in sorted(right.items())}


def normal(answer: str) -> str:
    """VQA normalisation: lower case, no punctuation, no articles, number words as digits."""
    words = re.sub(r"[^\w\s]", " ", answer.casefold()).split()
    return " ".join(_NUMBERS.get(word, word) for word in words if word not in ("a", "an", "the"))


def _rows(file: Path, needed: Sequence[str]) -> tuple[list[dict[str, str]], list[str]]:
    """The rows that can be used, and what is wrong with each other line; UsageError where there is nothing else."""
    found, broken = [], []
    for number, line in enumerate(file.read_bytes().removeprefix(BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            broken.append(f"{file.name}, line {number}: not valid JSON ({error})")
            continue
        known = isinstance(row, dict)
        lacking = [name for name in needed if not known or not isinstance(row.get(name), str)]
        if lacking:
            broken.append(f"{file.name}, line {number}: lacks {', '.join(lacking)}")
        else:
            found.append({name: value for name, value in row.items() if isinstance(value, str)})
    if broken and not found:
        raise UsageError(f"{file.parent}: no line of it can be used: {broken[0]}")
    return found, broken
