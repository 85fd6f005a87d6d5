"""Parse: from what a person types to weighted terms.

The command line, the HTTP service and Python share this one grammar, which is rclip's:

    a red boat                      one text term
    2:"a red boat" + ./sunset.jpg   a weight before a colon; `+` adds a term
    boat - people                   `-` between spaces subtracts
    item:42                         an item of the library
    ./photo.jpg  /a/b.png  ~/c.webp a picture, if such a file exists

`parse_terms` takes the words as a shell gives them, `parse_query` takes one string.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from retrieval.domain import Term, TermKind
from retrieval.errors import QueryError

MAX_TERMS = 32
MAX_TEXT = 4096  # characters; no tower reads a thousandth of it

_WEIGHT = re.compile(r"^(\d+(?:\.\d+)?|\.\d+):(?=.)", re.DOTALL)
_ITEM = re.compile(r"^item:(\d+)$")


def parse_terms(words: Sequence[str], *, files: bool = True) -> tuple[Term, ...]:
    """Read shell words: `+` and `-` standing alone are operators, other neighbours join to one text.

    With `files` off no word is ever taken as a path (the HTTP service must not look at its own disk). Raises
    QueryError for an operator without a term, too many terms, or an empty query.
    """
    text = " ".join(words)
    if not text.replace("+", "").strip():
        raise QueryError("an empty query finds nothing: give some words, a picture or item:ID")
    terms: list[Term] = []
    sign = 1.0
    pending: list[str] = []
    column = operator = 0  # of this word, and of the operator before it
    for word in [*words, "+"]:
        if word not in ("+", "-"):
            pending.append(word)
        else:
            if pending:
                terms.extend(_terms_of(pending, sign, files=files))
            elif terms or sign < 0:
                raise QueryError("an operator needs a term on its right: boat - people", text, operator)
            pending = []
            sign = -1.0 if word == "-" else 1.0
            operator = column
        column += len(word) + 1
    return check_terms(terms, text)


def check_terms(terms: Sequence[Term], text: str = "") -> tuple[Term, ...]:
    """Refuse what no search can answer, however the terms came about: too many, too long, no weight left."""
    if len(terms) > MAX_TERMS:
        raise QueryError(f"{len(terms)} terms; a query takes at most {MAX_TERMS}", text, 0)
    if any(term.text is not None and len(term.text) > MAX_TEXT for term in terms):
        raise QueryError(f"a text term takes at most {MAX_TEXT} characters", text, 0)
    if all(term.weight == 0 for term in terms):
        raise QueryError("every term has weight 0", text, 0)
    return tuple(terms)


def parse_query(text: str, *, files: bool = False) -> tuple[Term, ...]:
    """Read one string, e.g. a search box: quotes group words as in a shell, else spaces part them."""
    try:
        words = shlex.split(text, posix=True)
    except ValueError:  # a lone apostrophe is just an apostrophe ("the dog's ball")
        words = text.split()
    return parse_terms(words, files=files)


def parse_term(word: str, sign: float = 1.0, *, files: bool = True) -> Term:
    """Read one term: an optional weight and colon, then item:ID, the path of a picture, or words."""
    weight = sign
    match = _WEIGHT.match(word)
    if match and not _exists(word, files=files):
        weight, word = sign * float(match[1]), word[match.end() :].strip()
    if item := _ITEM.match(word):
        return Term(TermKind.ITEM, weight, item=int(item[1]))
    if _exists(word, files=files):
        return Term(TermKind.IMAGE, weight, image=Path(word).expanduser())
    if not word.strip():
        raise QueryError("a weight needs a term behind it: 2:boat", word, 0)
    if files and word.startswith(("./", "../", "/", "~/")):
        raise QueryError(f"no such file: {word}", word, 0)
    return Term(TermKind.TEXT, weight, text=word.strip())


def _terms_of(words: list[str], sign: float, *, files: bool) -> list[Term]:
    """Neighbouring words are one text, except that files, items and weights stand for themselves."""
    terms: list[Term] = []
    text: list[str] = []
    for word in words:
        standing = _exists(word, files=files) or _ITEM.match(word)
        if standing or _WEIGHT.match(word):
            if text:
                terms.append(parse_term(" ".join(text), sign, files=files))
            text = []
            if standing or _ITEM.match(_WEIGHT.sub("", word)) or _exists(_WEIGHT.sub("", word), files=files):
                terms.append(parse_term(word, sign, files=files))
            else:
                text = [word]
        else:
            text.append(word)
    if text:
        terms.append(parse_term(" ".join(text), sign, files=files))
    return terms


def _exists(word: str, *, files: bool) -> bool:
    """A word is a picture when it looks like a path (a slash or a suffix) and the file is there."""
    if not files or not ("/" in word or "." in word):
        return False
    try:
        return Path(word).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # too long, no such home, an embedded NUL
        return False
