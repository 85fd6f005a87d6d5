"""The lexicon beside a model's weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from vasari.retrieval.catalog.analyzer import phrase_of
from vasari.retrieval.errors import VasariError
from vasari.retrieval.models.registry.resolve import ReferenceKind, resolve
from vasari.retrieval.search.hybrid import FullText
from vasari.retrieval.search.lexicon import LEXICON, Lexicon


def lexicon_of(model: str) -> Lexicon | None:
    """The words that a model was taught; None where its folder does not tell, or cannot be found."""
    try:
        source = resolve(model)
    except VasariError:  # whoever needs the model says what is wrong
        return None
    if source.kind is not ReferenceKind.DIRECTORY or source.path is None:
        return None
    return _read(source.path / LEXICON)


def is_said(full_text: FullText, word: str) -> bool:
    """Whether a word is said of any item."""
    phrase = phrase_of(word)
    return phrase is not None and int(full_text.counts([phrase])[0]) > 0


@cache
def _read(file: Path) -> Lexicon | None:
    return Lexicon.read(file) if file.is_file() else None
