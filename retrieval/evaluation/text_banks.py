"""Banks of texts for fair ranking: everyday phrases that people type to find photos, and files of texts.

The phrases, 2,120 in each of six languages, were written for Vasari. `data/phrases` has a file a language: blocks of
two lines, things and the forms that each of them is put into.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.fairness import check_bank
from vasari.retrieval.storage.text_files import opened_text

LANGUAGES = {
    "en": "English",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "ja": "Japanese",
    "zh": "Chinese",
}


def read_texts(file: Path) -> list[str]:
    """The distinct texts of a file, one a line; UsageError where they are too few."""
    with opened_text(str(file)) as lines:
        bank = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    check_bank(len(bank))
    return bank


def everyday_phrases(languages: Sequence[str]) -> list[str]:
    """The phrases of these languages (codes), each once, in order; UsageError for a language without any."""
    unknown = [code for code in languages if code not in LANGUAGES]
    if unknown:
        raise UsageError(f"there are no phrases in {unknown[0]!r}: choose among {', '.join(LANGUAGES)}")
    return list(dict.fromkeys(phrase for code in languages for phrase in _phrases(code)))


@functools.cache
def _phrases(language: str) -> tuple[str, ...]:
    text = (builtin_data("phrases") / f"{language}.txt").read_text(encoding="utf-8")
    blocks = text.partition("\n")[2].strip().split("\n\n")
    pairs = (tuple(line.split("; ") for line in block.splitlines()) for block in blocks)
    return tuple(form.replace("{}", thing) for things, forms in pairs for thing in things for form in forms)
