"""A search request from what a program gives: a query string, a picture or a whole request, and options by name.

search_request("a red boat", {"limit": 3, "filter": "taken >= 2024", "rerank": True})
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Any, Literal, SupportsIndex, TypedDict

from vasari.retrieval.domain import GroupScore, Modality, Order, Rerank, SearchRequest, Term, TermKind
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.query import parse_query


class SearchOptions(TypedDict, total=False):
    """The fields of `SearchRequest` beside its terms; `rerank` also as True, or as how many candidates to rerank."""

    modality: Modality | Literal["image", "text"]
    filter: str | None
    limit: int
    offset: int
    space: str | None
    rerank: bool | int | Rerank | None
    hybrid: bool | None
    collapse: bool
    group_by: str | None
    group_score: GroupScore | Literal["best", "mean"]
    diversify: float | None
    min_relevance: float | None
    exclude_query_items: bool
    explain: bool
    words: tuple[str, ...]
    relevance: bool
    literally: bool
    as_words: tuple[str, ...]
    regions: bool
    order: Order | Literal["best", "date"]


def search_request(
    what: SearchRequest | str | Path | bytes, options: SearchOptions, *, files: bool = False
) -> SearchRequest:
    """The request for a query string, a picture (a path, or encoded bytes), or a request that options change.

    With `files` words of the string that are paths of pictures stand for these. Raises QueryError and UsageError.
    """
    changes: dict[str, Any] = {**options}
    if "rerank" in changes:
        changes["rerank"] = _rerank(changes["rerank"])
    if "modality" in changes:
        changes["modality"] = _one_of(Modality, changes, "modality")
    if "group_score" in changes:
        changes["group_score"] = _one_of(GroupScore, changes, "group_score")
    if "order" in changes:
        changes["order"] = _one_of(Order, changes, "order")
    for name in ("words", "as_words"):
        if isinstance(changes.get(name), str):  # a sequence too, of its letters
            raise UsageError(f"{name} is a list of words, such as [{changes[name]!r}]")
    for name in ("limit", "offset"):
        if name in changes:
            changes[name] = _whole(changes[name], name)
    if isinstance(what, SearchRequest):
        return replace(what, **changes)
    if not isinstance(what, str | bytes | PathLike):
        raise UsageError(
            f"a search takes words, a picture's path or bytes, or a request, and not {type(what).__name__}"
        )
    terms = parse_query(what, files=files) if isinstance(what, str) else (Term(TermKind.IMAGE, image=what),)
    return SearchRequest(terms, **changes)


def _rerank(given: bool | int | Rerank | None) -> Rerank | None:
    if isinstance(given, bool):
        return Rerank() if given else None
    return Rerank(given) if isinstance(given, int) else given


def _whole(number: SupportsIndex, name: str) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise UsageError(f"{name} is a whole number, and not {number!r}") from None


def _one_of(kind: type[StrEnum], changes: Mapping[str, Any], name: str) -> StrEnum:
    try:
        return kind(changes[name])
    except ValueError:
        raise UsageError(f"{name} is one of {', '.join(kind)}, and not {changes[name]!r}") from None
