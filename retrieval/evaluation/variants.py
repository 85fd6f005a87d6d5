"""Variants: what a search is asked otherwise than as it stands, in words such as `rerank, weight=0.3, hybrid=off`.

default            as it stands
space=NAME         vectors of that space
model=NAME         the space that this model fills
rerank, rerank=64  the best, or the best 64, compared again; weight=0.3 weighs the reranker
hybrid=off         without the words of captions, tags and names
literally          dates, places and people as words
collapse           one of each group of near-duplicates
group_by=stack     one of each group with the same value
diversify=0.7      maximal marginal relevance
regions            parts of pictures, too
fair, fair=off     ranked fairly as the space is, or as `vasari tune ranking --use nnn` would have it; by cosine
fair=nnn, fair=dn  by this method; fair_weight=0.5 weighs it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vasari.retrieval.domain import EmbeddingSpace, FairMethod, Rerank, SearchRequest
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.search.fairness import MAX_WEIGHT, MIN_WEIGHT

PLAIN = "default"
_ON, _OFF = ("on", "yes", "true", ""), ("off", "no", "false")


@dataclass(frozen=True, slots=True)
class FairWish:
    """How to rank fairly; what is None is as the space does, or as usual."""

    method: FairMethod | None = None
    weight: float | None = None
    on: bool = True


@dataclass(frozen=True, slots=True)
class Variant:
    """Fields of a search request that take others' places, and how to rank, which is no field of it."""

    name: str  # as it was given
    changes: Mapping[str, Any]
    fair: FairWish | None = None  # as the space ranks

    def of(self, request: SearchRequest) -> SearchRequest:
        """The request as this variant asks it."""
        return replace(request, **self.changes)


def parse_variant(text: str, spaces: Iterable[EmbeddingSpace] = ()) -> Variant:
    """Read a variant; `spaces` are those of the library.

    Raises UsageError for a word that is none of the known, or a value that it does not take, NotFoundError for a space
    or model that the library has not.
    """
    changes: dict[str, Any] = {}
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == [PLAIN]:
        words = []
    for word in words:
        name, _, value = (part.strip() for part in word.partition("="))
        read = _READERS.get(name)
        if read is None and name not in ("space", "model"):
            known = ", ".join([PLAIN, "space", "model", *_READERS])
            raise UsageError(f"{name!r} is nothing that a search can be asked with: there are {known}")
        if read is None:
            changes["space"] = _space(name, value, list(spaces))
        else:
            changes[name] = read(name, value)
    weight = changes.pop("weight", None)
    if weight is not None:
        if changes.get("rerank") is None:
            raise UsageError("a weight is the reranker's: say rerank, weight=0.3")
        changes["rerank"] = replace(changes["rerank"], weight=weight)
    fair, fair_weight = changes.pop("fair", None), changes.pop("fair_weight", None)
    if fair_weight is not None:
        if fair is None or not fair.on:
            raise UsageError("a fair_weight is that of fair ranking: say fair, fair_weight=0.5")
        fair = replace(fair, weight=fair_weight)
    return Variant(", ".join(words) or PLAIN, changes, fair)


def _space(name: str, value: str, spaces: list[EmbeddingSpace]) -> str:
    found = [
        space.name for space in spaces if value in ((space.name,) if name == "space" else (space.model,))
    ]
    if not found:
        known = ", ".join(space.name if name == "space" else space.model for space in spaces) or "none"
        raise NotFoundError(f"no {name} {value!r} in this library: there are {known}")
    return found[0]


def _rerank(name: str, value: str) -> Rerank | None:
    if value in _OFF:
        return None
    top = None if value in _ON else int(_number(name, value, int))
    if top is not None and top < 1:
        raise UsageError("reranking takes at least 1 candidate")
    return Rerank(top, required=True)  # a comparison with what was left out would be wrong


def _fair(name: str, value: str) -> FairWish:
    if value in (*_ON, *_OFF):
        return FairWish(on=value in _ON)
    if value not in tuple(FairMethod):
        raise UsageError(f"{name} is on, off, {' or '.join(FairMethod)}, and not {value!r}")
    return FairWish(FairMethod(value))


def _fair_weight(name: str, value: str) -> float:
    weight = _number(name, value, float)
    if not MIN_WEIGHT <= weight <= MAX_WEIGHT:
        raise UsageError(f"{name} is between {MIN_WEIGHT:g} and {MAX_WEIGHT:g}, and not {value}")
    return weight


def _switch(name: str, value: str) -> bool:
    if value not in (*_ON, *_OFF):
        raise UsageError(f"{name} is on or off, and not {value!r}")
    return value in _ON


def _share(name: str, value: str) -> float:
    share = _number(name, value, float)
    if not 0 <= share <= 1:
        raise UsageError(f"{name} is between 0 and 1, and not {value}")
    return share


def _attribute(name: str, value: str) -> str:
    if not value:
        raise UsageError(f"{name} is an attribute, or stack")
    return value


def _number(name: str, value: str, kind: Callable[[str], float]) -> float:
    try:
        return kind(value)
    except ValueError:
        raise UsageError(f"{name} is a number, and not {value!r}") from None


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "rerank": _rerank,
    "weight": _share,
    "hybrid": lambda name, value: None if _switch(name, value) else False,
    "literally": _switch,
    "collapse": _switch,
    "diversify": _share,
    "group_by": _attribute,
    "regions": _switch,
    "fair": _fair,
    "fair_weight": _fair_weight,
}
