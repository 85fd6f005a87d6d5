"""Vocabulary: the people, places and cameras whose names a sentence may hold, and the filters that they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as default_of
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A place: the filter's field (city, state, country, sublocation), its value, and whether a picture has it.

    `is_word`: what it was asked by is an ordinary word as well (Wedding, Deli). `within`: the
    states and countries of a city that items have.
    """

    field: str
    name: str
    is_here: bool = True
    is_word: bool = False
    within: frozenset[str] = default_of(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom and what a name can mean."""

    people: tuple[str, ...] = ()  # full names, of persons that are called so or by whose first names it is
    places: tuple[Place, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.people or self.places)


NOBODY = Named()


class Vocabulary(Protocol):
    """The names that a library knows."""

    def named(self, name: str) -> Named:
        """Whom and what is called so, in whatever letters."""
        ...

    def knows(self, word: str) -> bool:
        """Whether the (folded) word is in any name: of the others nobody has to ask how they go on."""
        ...

    def cameras(self) -> Sequence[str]:
        """Cameras, as EXIF names them."""
        ...


class NoVocabulary:
    """Knows no names."""

    def named(self, name: str) -> Named:  # noqa: ARG002
        """Nobody."""
        return NOBODY

    def knows(self, word: str) -> bool:  # noqa: ARG002
        """No."""
        return False

    def cameras(self) -> Sequence[str]:
        """None."""
        return ()


def quoted(value: str) -> str:
    """A value of a filter, in quotes; nothing in it is a wildcard."""
    return '"' + re.sub(r'([\\"*?])', r"\\\1", value) + '"'


def one_of(field: str, values: Iterable[str]) -> str:
    """A filter that accepts each of the values."""
    listed = [quoted(value) for value in dict.fromkeys(values)]
    return f"{field} = {listed[0]}" if len(listed) == 1 else f"{field} in ({', '.join(listed)})"


def place_filter(places: Sequence[Place]) -> str:
    """A filter that accepts each of the places."""
    fields: dict[str, list[str]] = {}
    for place in places:
        fields.setdefault(place.field, []).append(place.name)
    parts = [one_of(field, names) for field, names in fields.items()]
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"
