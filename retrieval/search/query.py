"""Parse: from what a person types to weighted terms.

The command line, the HTTP service and Python share this one grammar, which is rclip's:

    a red boat                      one text term
    2:"a red boat" + ./sunset.jpg   a weight before a colon; `+` adds a term
    boat - people                   `-` between spaces subtracts
    item:42                         an item of the library
    "no entry" sign                 quoted words must occur; also “no entry”, „…“, «…», 「…」 as phones write them
    ./photo.jpg  /a/b.png  ~/c.webp a picture, if such a file exists

`parse_query` takes one string, `parse_terms` words, and `parse_typed` those that a shell gives.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from vasari.retrieval.domain import LARGEST_ITEM, ItemId, Term, TermKind
from vasari.retrieval.errors import QueryError, Sentence, UsageError
from vasari.retrieval.storage.file_names import on_disk
from vasari.retrieval.storage.uris import local_path

MAX_TERMS = 32
MAX_TEXT = 4096  # characters; no tower reads a thousandth of it

_WEIGHT = re.compile(r"^(\d+(?:\.\d+)?|\.\d+):(?=.)", re.DOTALL)
_WORD = re.compile(
    r"""(?P<weight>(?:\d+(?:\.\d+)?|\.\d+):|)
    (?:"(?P<double>(?:[^"\\]|\\.)*)"(?!\S)|'(?P<single>[^']*)'(?!\S)
      |[“„«»「『](?P<typographic>[^“”„«»「」『』]*)[“”«»」』](?!\S))|(?P<plain>(?:\\.|\S)+)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING = re.compile('["“„«»「『]')
_OPERATOR = re.compile(r"\s[-+]\s")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ITEM = re.compile(r"item:([0-9]{1,19})")
_LIKE_ITEM = re.compile(r"item:\S+")
_LIKE_PATH = re.compile(r"(?:\.{1,2}|~|(?i:file:))/.+|/[^/]+[/.].+", re.DOTALL)
_LIKE_ROOT = re.compile(r"(?:\.{0,2}|~|(?i:file:))/")
_BARE = re.compile(r"(?!item:)[^\s\"'\\“„«»「『]+")  # a word that means itself


class Quoted(str):
    """A word, or several, that stood in quotes."""

    __slots__ = ()


def parse_terms(words: Sequence[str], *, files: bool = True) -> tuple[Term, ...]:
    """Read shell words: `+` and `-` standing alone are operators, other neighbours join to one text.

    Quotes that the shell left (`'"no entry" sign'`) are read as in `parse_query`. With `files` off no word is ever
    taken as a path (the HTTP service must not look at its own disk). Raises
    QueryError for an operator without a term, too many terms, or an empty query.
    """
    return _read(words, _parted(words, files=files), files=files)


def _read(words: Sequence[str], parted: Iterable[str], *, files: bool) -> tuple[Term, ...]:
    """The terms of words in which each quoted piece is a word of its own."""
    text = " ".join(words)
    if not text.replace("+", "").strip():
        raise QueryError(Sentence("an empty query finds nothing: give some words, a picture or item:ID"))
    terms: list[Term] = []
    sign = 1.0
    pending: list[str] = []
    column = operator = 0  # of this word, and of the operator before it
    for word in [*parted, "+"]:
        if isinstance(word, Quoted) or word not in ("+", "-"):
            pending.append(word)
        else:
            if pending:
                terms.extend(_terms_of(pending, sign, files=files))
            elif terms or sign < 0:
                raise QueryError(
                    Sentence("an operator needs a term on its right: boat - people"), text, operator
                )
            pending = []
            sign = -1.0 if word == "-" else 1.0
            operator = column
        column += len(word) + 1
    return check_terms(terms, text)


def check_terms(terms: Sequence[Term], text: str = "") -> tuple[Term, ...]:
    """Refuse what no search can answer, however the terms came about: too many, too long, no weight left."""
    if len(terms) > MAX_TERMS:
        raise QueryError(
            Sentence("{n} terms; a query takes at most {most}", n=len(terms), most=MAX_TERMS), text, 0
        )
    if any(term.text is not None and len(term.text) > MAX_TEXT for term in terms):
        # Without the text, which nobody wants back.
        raise QueryError(Sentence("a text term takes at most {most} characters", most=MAX_TEXT))
    if not all(math.isfinite(term.weight) for term in terms):
        raise QueryError(Sentence("a weight is too large to be a number"), text, 0)
    if all(term.weight == 0 for term in terms):
        raise QueryError(Sentence("every term has weight 0"), text, 0)
    return tuple(terms)


def parse_typed(words: Sequence[str]) -> tuple[Term, ...]:
    """As `parse_terms`; one word with an operator between its spaces is a whole query that was put in quotes."""
    if len(words) == 1 and _OPERATOR.search(words[0]) and not _exists(words[0], files=True):
        return parse_query(words[0], files=True)
    return parse_terms(words)


def parse_query(text: str, *, files: bool = False) -> tuple[Term, ...]:
    """Read one string, e.g. a search box: spaces part words, and double quotes hold words that must occur.

    Behind a weight quotes only group: 2:"a red boat".
    """
    words = split_words(text)
    return _read(words, words, files=files)


def written(terms: Sequence[Term]) -> str:
    """The text that `parse_query` reads as these terms; pictures cannot be written, and are left out."""
    parts: list[str] = []
    for term in terms:
        if term.image is None:
            operator = "- " if term.weight < 0 else "+ " if parts else ""
            parts.append(f"{operator}{_written(term)}")
    return " ".join(parts)


def _written(term: Term) -> str:
    size = abs(term.weight)
    weight = "" if size == 1 else f"{size:.6f}".rstrip("0").rstrip(".") + ":"
    if term.item is not None:
        return f"{weight}item:{term.item}"
    words = (term.text or "").split()
    in_quotes = '"{}"'.format(re.sub(r'([\\"])', r"\\\1", term.text or ""))
    if term.quoted or weight:
        return f"{weight}{in_quotes}"
    bare = all(_BARE.fullmatch(word) and not _WEIGHT.match(word) and word not in ("+", "-") for word in words)
    return " ".join(words) if bare else f"1:{in_quotes}"


def split_words(text: str) -> list[str]:
    """The words of a string; those in double quotes are `Quoted`, where nothing but spaces stands around the quotes.

    A backslash takes a sign its meaning. A quote inside a word, or one that is never closed, is a letter (the dog's
    ball, a 5" nail).
    """
    words: list[str] = []
    place = 0
    while (found := _WORD.search(text, place)) is not None:
        place = found.end()
        if found["plain"] is not None:
            words.append(_ESCAPED.sub(r"\1", found["plain"]))
            continue
        inner = next(part for part in found.group("double", "single", "typographic") if part is not None)
        if found["weight"] or not inner.strip() or found["single"] is not None:
            words.append(f"{found['weight']}{_unescaped(inner)}")
        else:
            words.append(Quoted(_unescaped(inner)))
    return words


def _unescaped(inner: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", inner)


def _parted(words: Sequence[str], *, files: bool) -> Iterator[str]:
    """Shell words, with those parted in which a quoted piece stands; a path keeps its quotes."""
    for word in words:
        if isinstance(word, Quoted) or not _OPENING.search(word) or _exists(word, files=files):
            yield word
            continue
        pieces = split_words(word)
        yield from pieces if any(isinstance(piece, Quoted) for piece in pieces) else [word]


def parse_term(word: str, sign: float = 1.0, *, files: bool = True) -> Term:
    """Read one term: an optional weight and colon, then item:ID, the path of a picture, or words."""
    weight = sign
    match = _WEIGHT.match(word)
    if match and not _exists(word, files=files):
        weight, word = sign * float(match[1]), word[match.end() :].strip()
    if (item := parse_item(word)) is not None:
        return Term(TermKind.ITEM, weight, item=item)
    if _exists(word, files=files):
        return Term(TermKind.IMAGE, weight, image=_path(word))
    if not word.strip():
        raise QueryError(
            Sentence("a weight needs a term behind it: 2:boat") if match else Sentence("a term is empty"),
            word,
            0,
        )
    if files and (word in (".", "..") or _LIKE_ROOT.match(word)) and len(word) <= MAX_TEXT:
        wrong = "this is a folder, not a picture" if _is(Path.is_dir, word) else "no such file"
        raise QueryError(f"{wrong}: {word}", word, 0)
    return Term(TermKind.TEXT, weight, text=word.strip())


def parse_item(word: str) -> ItemId | None:
    """The number in `item:ID`; None for a word that is no item, QueryError for one that is only nearly one."""
    found = _ITEM.fullmatch(word)
    if found is not None and int(found[1]) <= LARGEST_ITEM:
        return int(found[1])
    if _LIKE_ITEM.fullmatch(word):
        raise QueryError(
            Sentence("{word} names no item: an item is item: and its number, such as item:13", word=word[:40])
        )
    return None


def _terms_of(words: list[str], sign: float, *, files: bool) -> list[Term]:
    """Neighbouring words are one text, except that files, items and weights stand for themselves."""
    terms: list[Term] = []
    text: list[str] = []
    for word in words:
        if isinstance(word, Quoted):
            terms.append(Term(TermKind.TEXT, sign, text=word.strip(), quoted=sign > 0))
            continue
        standing = _stands_alone(word, files=files)
        if standing or _WEIGHT.match(word):
            if text:
                terms.append(parse_term(" ".join(text), sign, files=files))
            text = []
            if standing or _stands_alone(_WEIGHT.sub("", word), files=files):
                terms.append(parse_term(word, sign, files=files))
            else:
                text = [word]
        else:
            text.append(word)
    if text:
        terms.append(parse_term(" ".join(text), sign, files=files))
    return terms


def _stands_alone(word: str, *, files: bool) -> bool:
    """Whether a word is a term of its own beside others: an item, or what is or should be a file."""
    return (
        _exists(word, files=files)
        or _LIKE_ITEM.fullmatch(word) is not None
        or (files and _LIKE_PATH.fullmatch(word) is not None)
    )


def _exists(word: str, *, files: bool) -> bool:
    """Whether the file is there, for a word that looks like a path (a slash or a suffix)."""
    return files and ("/" in word or "." in word) and _is(Path.is_file, word)


def _path(word: str) -> Path:
    """The file that a word names, in whichever letters the disk spells it."""
    return Path(on_disk(str(local_path(word))))


def _is(kind: Callable[[Path], bool], word: str) -> bool:
    try:
        return kind(_path(word))
    except (OSError, RuntimeError, ValueError, UsageError):
        # Too long, no such home, a NUL, another machine's file.
        return False
