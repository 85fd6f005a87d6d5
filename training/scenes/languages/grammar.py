"""What a language has to bring so that captions can be written in it.

A caption is a template with fields (`"{things}, {place} {time}, {weather}"`) that are filled with phrases. Every
choice takes exactly one number from the generator, whatever is chosen from, so that two scenes that differ in one
fact, told with equal generators, give two sentences that differ in that fact alone; hard negatives rest on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from vasari.training.scenes.layout import RelationKind
from vasari.training.scenes.scene import Column, Detail, Group, Kind, Layer

T = TypeVar("T")
Phrases = tuple[str, ...]
Facts = Mapping[StrEnum, Phrases]


class Numbers(Protocol):
    """Where chance comes from; `random.Random` is one."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class Stream:
    """A small generator (Knuth's MMIX linear congruential one): twenty times quicker to start than `Random`."""

    __slots__ = ("_state",)

    def __init__(self, seed: float) -> None:
        self._state = int(seed * 2**53)

    def random(self) -> float:
        """A number in [0, 1)."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self._state >> 11) / 2**53


class Case(StrEnum):
    """The grammatical case a noun phrase stands in; only German tells them apart."""

    NOM = "nom"
    ACC = "acc"
    DAT = "dat"


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a group besides its kind. A count that is not exact is "some" or "several".

    Without `number` there is neither count nor article: "red boats", as people type it.
    """

    colour: bool = True
    size: bool = False
    exact: bool = True
    number: bool = True


@dataclass(frozen=True)
class LanguageGrammar:
    """One language: its words, its noun phrases and the plans of its sentences.

    Fields of `plans`: `things` (all mentions joined), `listing` (the same as it stands after a colon), `sentences`
    (one sentence for each mention), and every key of `facts`: those that begin with `time` and `weather` are chosen
    by the scene's time and weather, the others by its setting. A field may ask for a case: `{things:dat}`. `items`,
    `listings` and `sentences` know `thing`, `where` and `verb`; `relations` know `a` and `b`; `pair_sentences` know
    `pair` and `verb`.
    """

    facts: Mapping[str, Facts]
    columns: Mapping[Column, Phrases]
    wheres: Mapping[tuple[Column, Layer], Phrases]
    thing: Callable[[Group, Told, Case, Numbers], str]
    verb: Callable[[Group], str]
    join: Callable[[Sequence[str]], str]
    polish: Callable[[str], str]
    full_stop: str
    relations: Mapping[RelationKind, Phrases]
    items: Phrases
    listings: Phrases
    sentences: Phrases
    pair_sentences: Phrases
    plans: Mapping[Detail, Phrases]


def pick(rng: Numbers, options: Sequence[T]) -> T:
    """One of the options, for exactly one number of the generator."""
    return options[int(rng.random() * len(options))]


def chance(rng: Numbers, probability: float) -> bool:
    """True with this probability, for exactly one number of the generator."""
    return rng.random() < probability


def table(text: str) -> dict[Kind, Phrases]:
    """Read lines of `KIND: word, word`; every kind must have its line, or KeyError names the missing ones."""
    rows = (line.partition(":") for line in text.strip().splitlines())
    read = {Kind[name.strip()]: tuple(word.strip() for word in words.split(",")) for name, _, words in rows}
    if missing := set(Kind) - set(read):
        raise KeyError(f"no words for {', '.join(sorted(missing))}")
    return read


def combine(
    columns: Mapping[Column, Phrases], layers: Mapping[Layer, Phrases], forms: Phrases
) -> dict[tuple[Column, Layer], Phrases]:
    """Every way to say a column and a layer together; `forms` know `column` and `layer`."""
    return {
        (column, layer): tuple(
            form.format(column=sideways, layer=depth)
            for sideways in columns[column]
            for depth in layers[layer]
            for form in forms
        )
        for column in Column
        for layer in Layer
    }


def listed(items: Sequence[str], comma: str, last: str) -> str:
    """Join as a list is spoken: `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{comma.join(items[:-1])}{last}{items[-1]}"


def sentence_case(text: str) -> str:
    """Begin every sentence with a capital letter."""
    return ". ".join(part[:1].upper() + part[1:] for part in text.split(". "))
