"""Answers that read well: a line a hit where text is shown, thumbnails in a notebook.

    answer = library.search("a red boat", limit=3)
    answer[0].item.path, len(answer), [hit.score for hit in answer]

They are the engine's `SearchResponse` and `Hit`, equal to these, and no field more: what makes a thumbnail is kept
beside the fields, so that `asdict`, `replace` and copies see only the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Self, overload

from vasari.api.python import html
from vasari.retrieval.domain import Hit, Item, SearchResponse

Thumbnail = Callable[[Item], bytes]
"""The picture of an item as small WebP; raises a VasariError where it cannot be had."""


class FoundHit(Hit):
    """A hit that shows its picture in a notebook."""

    __slots__ = ("_thumbnail",)
    _thumbnail: Thumbnail | None

    @classmethod
    def of(cls, hit: Hit, thumbnail: Thumbnail) -> Self:
        """The same hit."""
        shown: Self = _shown(cls, hit, thumbnail)
        return shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hit) and _values(self, Hit) == _values(other, Hit)

    __hash__ = Hit.__hash__

    def __repr__(self) -> str:
        return f"<Hit {self.score:.3f} {self.item.text or self.item.uri!r}>"

    def _repr_html_(self) -> str:
        return html.gallery([self], _thumbnail_of(self))


class Answer(SearchResponse):
    """Ranked hits, as a sequence of them."""

    __slots__ = ("_thumbnail",)
    _thumbnail: Thumbnail | None
    hits: tuple[FoundHit, ...]

    @classmethod
    def of(cls, response: SearchResponse, thumbnail: Thumbnail) -> Self:
        """The same answer."""
        hits = tuple(FoundHit.of(hit, thumbnail) for hit in response.hits)
        shown: Self = _shown(cls, response, thumbnail, hits=hits)
        return shown

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[FoundHit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> FoundHit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[FoundHit, ...]: ...
    def __getitem__(self, place: int | slice) -> FoundHit | tuple[FoundHit, ...]:
        return self.hits[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchResponse) and _values(self, SearchResponse) == _values(
            other, SearchResponse
        )

    __hash__ = SearchResponse.__hash__

    def __repr__(self) -> str:
        lines = [f"<Answer: {len(self)} of {self.total:,} in {self.space}, {self.took_ms:.0f} ms>"]
        lines += [f"{hit.score:6.3f}  {hit.item.text or hit.item.uri}" for hit in self.hits]
        return "\n".join([*lines, *self._said()])

    def _repr_html_(self) -> str:
        return html.gallery(self.hits, _thumbnail_of(self), self._said())

    def _said(self) -> list[str]:
        """What was understood as filters, errors that were put right, and the notes."""
        understood = [f"understood {each.text!r}: {each.filter}" for each in self.understood]
        return [*understood, *map(str, self.corrections), *self.notes]


def _shown(cls: Any, value: Any, thumbnail: Thumbnail, **changes: Any) -> Any:
    """`value` as an instance of `cls`, a subclass that has its fields."""
    shown = cls(**({field.name: getattr(value, field.name) for field in fields(value)} | changes))
    object.__setattr__(shown, "_thumbnail", thumbnail)  # frozen, as all answers are
    return shown


def _values(value: Any, kind: Any) -> list[Any]:
    return [getattr(value, field.name) for field in fields(kind) if field.compare]


def _thumbnail_of(value: object) -> Thumbnail | None:
    """None for a copy: an answer can be sent elsewhere, what reads its pictures cannot."""
    return getattr(value, "_thumbnail", None)
