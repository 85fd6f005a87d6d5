"""Vocabulary of a library: the people, places and cameras that its items name, for reading a typed sentence.

Places are found by their names in other languages, too (gazetteer). With `world` so are places where no picture here
was taken: `Place.is_here` tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache

from vasari.retrieval.catalog.names import NamedItem, Names
from vasari.retrieval.images.places import gazetteer, ordinary_words
from vasari.retrieval.library.regions import REGIONS
from vasari.retrieval.patterns import Pattern
from vasari.retrieval.search.name_words import SCENE
from vasari.retrieval.search.subject_words import is_subject
from vasari.retrieval.search.typed_words import fold
from vasari.retrieval.search.vocabulary import NOBODY, Named, Place

_MOST_NAMES = 4096  # that are remembered
_LARGEST = 6000  # cities of the world that are known by their own name: those of 75,000 people and more
_FAMOUS = 1500  # and those by their names in other languages
_WITH_STATES = ("US", "CA", "AU")  # of whose cities people say the state: Toledo, Ohio
_FIELDS = ("city", "country", "state", "sublocation")  # of one name the first counts
_LOCAL = ("city", "sublocation")  # of these many are called like ordinary words
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_SPELLED_UMLAUT = Pattern("([aou])e")
# What GeoNames calls otherwise.
_OTHERWISE = {
    "turkey": "Türkiye",
    "usa": "United States",
    "uk": "United Kingdom",
    "uae": "United Arab Emirates",
    "nyc": "New York City",
    "great britain": "United Kingdom",
    "grossbritannien": "United Kingdom",
    "holland": "Netherlands",
    "czech republic": "Czechia",
    "ee uu": "United States",
    "eeuu": "United States",
    "アメリカ": "United States",
    "米国": "United States",
}


class LibraryVocabulary:
    """Names in a library as of one revision of its catalog; what was asked is remembered."""

    def __init__(self, names: Names, *, world: bool = False) -> None:
        self._names, self._world = names, world
        self.named: Callable[[str], Named] = lru_cache(_MOST_NAMES)(self._named)
        self.knows: Callable[[str], bool] = lru_cache(_MOST_NAMES)(self._knows)
        self.cameras: Callable[[], Sequence[str]] = cache(names.cameras)

    def _knows(self, word: str) -> bool:
        if word in _words_of_other_names() or (self._world and word in _words_of_the_world()):
            return True
        return any(
            word in known.replace("-", " ").split()
            for name in _names(self._items_with(word))
            for known in _spellings(name)
        )

    def _items_with(self, name: str) -> list[NamedItem]:
        """What items say that hold these words, as they are or with ü for ue."""
        found = self._names.of_items_with(name)
        plain = _SPELLED_UMLAUT.sub(r"\1", fold(name))
        return found + self._names.of_items_with(plain) if plain != fold(name) else found

    def _named(self, name: str) -> Named:
        asked = fold(name)
        found = self._items_with(name)
        people = sorted({person for item in found for person in item.people if _is_called(person, asked)})
        places = list(dict.fromkeys(_places(found, asked)))
        if not places and (other := _OTHERWISE.get(asked) or REGIONS.get(asked)) is not None:
            places = list(dict.fromkeys(_places(self._names.of_items_with(other), fold(other))))
        if not places and not people and self._world:
            places = list(world_places(name).places)
        if people:  # Ben is whom they know, whatever language calls Bern so
            places = [place for place in places if fold(place.name) == asked]
        nearest = min(map(_FIELDS.index, (place.field for place in places)), default=None)
        places = [
            replace(place, is_word=_is_word(place, asked))
            for place in places
            if _FIELDS.index(place.field) == nearest
        ]
        return Named(tuple(people), tuple(places)) if people or places else NOBODY


class WorldVocabulary:
    """The places of the gazetteer alone: what can be understood without a library."""

    def named(self, name: str) -> Named:
        """The largest place that is called so."""
        return world_places(name)

    def knows(self, word: str) -> bool:
        """Whether the word is in the name of a large place."""
        return word in _words_of_the_world()

    def cameras(self) -> Sequence[str]:
        """None."""
        return ()


def world_places(name: str) -> Named:
    """The place of the world that is called so, in whatever language; nothing for what is none, or a small one."""
    asked = fold(name)
    place = _world().get(fold(_OTHERWISE.get(asked, name)))
    if place is None:
        return NOBODY
    return Named(places=(replace(place, is_word=_is_word(place, asked)),))


def _is_word(place: Place, asked: str) -> bool:
    if asked in SCENE or is_subject(asked):
        return True  # the state of Tours is Centre
    return place.field in _LOCAL and asked in ordinary_words()


@cache
def _world() -> dict[str, Place]:
    known: dict[str, Place] = {}
    for rank, (city, others) in enumerate(gazetteer().cities(_LARGEST)):
        for name in (city, *(others if rank < _FAMOUS else ())):
            known.setdefault(fold(name), Place("city", city, is_here=False))
    for country, *others in gazetteer().countries():
        known |= {fold(name): Place("country", country, is_here=False) for name in (country, *others)}
    for other, region in REGIONS.items():
        for name in (other, fold(region)):
            known.setdefault(name, Place("state", region, is_here=False))
    for state in (state for code in _WITH_STATES for state in gazetteer().states(code)):
        known.setdefault(fold(state), Place("state", state, is_here=False))
    return {name: place for name, place in known.items() if len(name) > 2 or not name.isascii()}


@cache
def _words_of_the_world() -> frozenset[str]:
    return frozenset(word for name in (*_world(), *_OTHERWISE) for word in re.split(r"[\s'’-]+", name))


@cache
def _words_of_other_names() -> frozenset[str]:
    return frozenset(word for name in (*_OTHERWISE, *REGIONS) for word in re.split(r"[\s'’-]+", name))


def _names(items: Sequence[NamedItem]) -> Iterator[str]:
    """All names of people and places, in other languages too."""
    for item in items:
        yield from item.people
        yield from (name for name in (item.city, item.country, item.state, item.sublocation) if name)
    for city, code in {(item.city, _code(item)) for item in items}:
        if city and code:
            yield from gazetteer().other_names(city, code)


def _code(item: NamedItem) -> str | None:
    """The code of the country it shows, however it is told."""
    told = item.country or item.country_code
    return gazetteer().code_of(item.country, item.country_code) if told else None


def _is_called(person: str, asked: str) -> bool:
    """Whether it is the whole name, or the first of its words."""
    return any(known == asked or known.startswith(f"{asked} ") for known in _spellings(person))


def _spellings(name: str) -> Iterator[str]:
    """Folded, and as keyboards without umlauts write it: jurgen and juergen are Jürgen."""
    yield fold(name)
    if (spelled := name.lower().translate(_UMLAUTS)) != name.lower():
        yield fold(spelled)


def _places(items: Sequence[NamedItem], asked: str) -> Iterator[Place]:
    for item in items:
        for field in _FIELDS:
            value = getattr(item, field)
            if value is not None and fold(value) == asked:
                yield Place(field, value, within=_within(items, value) if field == "city" else frozenset())
        city, country, code = item.city, item.country, _code(item)
        if city and code and asked in map(fold, gazetteer().other_names_of_city(city, code)):
            yield Place("city", city, within=_within(items, city))
        if country and code and asked in map(fold, gazetteer().names_of_country(code)):
            yield Place("country", country)


def _within(items: Sequence[NamedItem], city: str) -> frozenset[str]:
    """The states and countries that a city of the items lies in."""
    here = (item for item in items if item.city == city)
    return frozenset(region for item in here for region in (item.state, item.country) if region)
