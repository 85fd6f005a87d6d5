"""`vasari search WORDS…` with no more than the everyday options, without Typer.

Importing Typer and what it checks options with takes as long as all the rest of a search (0.35 s of processor time),
so plain searches are read here. Whatever is not understood, and whatever is wrong, goes to Typer, which knows all
options and all complaints; a test holds that both read the same from the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_VALUES = {"-t": "top", "--top": "top", "-L": "library", "--library": "library"}
_SWITCHES = {
    "-f": "files",
    "--filepath-only": "files",
    "-0": "zero",
    "--null": "zero",
    "-n": "no_indexing",
    "--no-indexing": "no_indexing",
    "--explain": "explain",
    "--json": "json",
    "--jsonl": "jsonl",
}


@dataclass(slots=True)
class PlainSearch:
    """What was asked for; names and defaults are those of `searching.search`."""

    terms: list[str] = field(default_factory=list)
    top: int = 10
    library: Path | None = None
    files: bool = False
    zero: bool = False
    no_indexing: bool = False
    explain: bool = False
    json: bool = False
    jsonl: bool = False


def read(words: Sequence[str]) -> PlainSearch | None:
    """The search that `words` ask for; None if Typer has to read them."""
    found = PlainSearch()
    remaining = iter(words)
    for word in remaining:
        if not word.startswith("-") or word == "-":
            found.terms.append(word)
        elif word in _SWITCHES:
            setattr(found, _SWITCHES[word], True)
        elif _VALUES.get(word) == "top" and (value := next(remaining, "")).isdecimal() and int(value) >= 1:
            found.top = int(value)
        elif _VALUES.get(word) == "library" and (value := next(remaining, "")) and not value.startswith("-"):
            found.library = Path(value)
        else:
            return None
    return found if found.terms else None


def run(options: PlainSearch) -> None:
    """Search and print, as `searching.search` does."""
    from api.cli import answering
    from retrieval.domain import SearchRequest
    from retrieval.search.query import parse_terms

    request = SearchRequest(parse_terms(options.terms), limit=options.top, explain=options.explain)
    form = answering.Form(json=options.json, jsonl=options.jsonl, files=options.files, zero=options.zero)
    answering.answer(request, form, options.library)
