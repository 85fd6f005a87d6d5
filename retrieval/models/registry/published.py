"""What was published of how well dual encoders find: recall of each by data set, and by language.

The figures are those of `data/recall`, each row as its source has it; `sources.json` names the source, with the commit
that was read. A model that has no row has no figures: those of a sibling of another size are not its own.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vasari.retrieval.builtin_data import builtin_data

LANGUAGE_SOURCE = "languages"
LISTED_FROM = 20.0  # percent: the source of `recall_in` leaves out models below


@dataclass(frozen=True, slots=True)
class Recall:
    """Zero-shot R@1 in percent: `image_to_text` finds the caption, `text_to_image` the picture; None: not published."""

    image_to_text: float | None
    text_to_image: float | None


@dataclass(frozen=True, slots=True)
class Published:
    """Recall on COCO (5,000 pictures), Flickr30k (1,000) and XM3600 (mean of 36 languages), and where it is from."""

    coco: Recall | None = None
    flickr: Recall | None = None
    xm3600: Recall | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where figures are from: a table of a paper, or a file of a repository at these commits."""

    title: str
    url: str
    commits: tuple[str, ...]


def published(reference: str) -> Published:
    """The figures of a model by its reference; without any where it has no row."""
    return _figures().get(reference, Published())


def recall_in(reference: str, language: str) -> float | None:
    """Text→image recall in one language in percent: mean of R@1, R@5 and R@10 on XM3600's 3,600 pictures.

    None where the source has no figure: it has no row for the model, or the recall is below `LISTED_FROM`.
    """
    return _by_language().get(reference, {}).get(language)


def has_languages(reference: str) -> bool:
    """Whether the source tells a model's recall by language, so that one that is missing is a low one."""
    return reference in _by_language()


@cache
def languages() -> dict[str, str]:
    """The languages of XM3600 by their codes there (ISO 639; `fil` and `quz` have three letters)."""
    return {row["code"]: row["language"] for row in _rows("languages.csv")}


@cache
def sources() -> dict[str, Source]:
    """The sources by the short names that rows have."""
    content = json.loads((directory() / "sources.json").read_text(encoding="utf-8"))
    return {
        name: Source(**{**fields, "commits": tuple(fields["commits"])}) for name, fields in content.items()
    }


def directory() -> Path:
    """Where the tables are: in an installed package, or in the source tree."""
    return builtin_data("recall")


@cache
def _figures() -> dict[str, Published]:
    return {
        row["reference"]: Published(
            coco=_recall(row, "coco"),
            flickr=_recall(row, "flickr"),
            xm3600=_recall(row, "xm3600"),
            source=sources()[row["source"]].title,
        )
        for row in _rows("recall.csv")
    }


@cache
def _by_language() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in _rows("languages.csv"):
        code = row.pop("code")
        del row["language"]
        for reference, recall in row.items():
            figures = found.setdefault(reference, {})
            if recall:
                figures[code] = float(recall)
    return found


def _recall(row: dict[str, str], data_set: str) -> Recall | None:
    finds_text, finds_image = (row[f"{data_set}_{way}"] for way in ("i2t", "t2i"))
    if not (finds_text or finds_image):
        return None
    return Recall(float(finds_text) if finds_text else None, float(finds_image) if finds_image else None)


def _rows(name: str) -> list[dict[str, str]]:
    with (directory() / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
