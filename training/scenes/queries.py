"""Typed queries: the few words that people type into a search box, and all pictures of which they are true.

Captions tell one picture from all others; a query like "dog", "red car" or "dog beach" has many right answers. `typed`
draws one of a given form that is true of a given scene; `typing_error` misspells it as a keyboard does; `queries_of`
makes the test set of a collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray

from vasari.training.scenes.languages.english import article
from vasari.training.scenes.languages.grammar import Case, Told
from vasari.training.scenes.languages.keywords import Clause, colour_words, keywords
from vasari.training.scenes.languages.voices import GRAMMARS
from vasari.training.scenes.scene import (
    Colour,
    Column,
    Group,
    Kind,
    Language,
    Layer,
    Scene,
    Setting,
    Size,
    Time,
    Weather,
)


class Form(StrEnum):
    """How a query is typed, and what about."""

    WORD = "word"  # dog
    PLURAL = "plural"  # dogs
    CAPITALS = "capitals"  # DOG
    SYNONYM = "synonym"  # puppy, boat, vehicle
    AROUND = "around"  # beach, sunset, snow
    COLOUR = "colour"  # red car, red
    COUNT = "count"  # two dogs
    PHRASE = "phrase"  # a dog on the beach, castle at night
    KEYWORDS = "keywords"  # dog beach, snow red car
    PAIR = "pair"  # dog and cat
    TYPO = "typo"  # dgo


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that a picture has to show: one of these kinds (any where there is none), of this colour and number."""

    kinds: Clause
    colour: Colour | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a query asks for: things, and facts about place, time and weather; all of it."""

    things: tuple[Wanted, ...] = ()
    around: tuple[Clause, ...] = ()

    def also(self, other: Meaning) -> Meaning:
        """Both at once."""
        return Meaning(self.things + other.things, self.around + other.around)


class Answers:
    """The right answers among some scenes, found for all of them at once."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        rows = [[(_KINDS[g.kind], _COLOURS[g.colour], g.count) for g in scene.groups] for scene in scenes]
        most = max(map(len, rows), default=0)
        self._groups = np.array([[*row, *[(-1, -1, -1)] * (most - len(row))] for row in rows], np.int16)
        facts = [{scene.setting, scene.time, scene.weather} for scene in scenes]
        members: Iterable[StrEnum] = (*Setting, *Time, *Weather)
        self._facts = {member: np.array([member in row for row in facts], np.bool_) for member in members}

    def at(self, indices: NDArray[np.int64]) -> Answers:
        """The same among some of the scenes."""
        some = Answers(())
        some._groups = self._groups[indices]
        some._facts = {member: right[indices] for member, right in self._facts.items()}
        return some

    def of(self, meaning: Meaning) -> NDArray[np.bool_]:
        """Which scenes (n,) show all that is asked for."""
        right = np.ones(len(self._groups), np.bool_)
        for clause in meaning.around:
            right &= np.stack([self._facts[member] for member in clause]).any(axis=0)
        for thing in meaning.things:
            right &= self._shown(thing)
        return right

    def _shown(self, thing: Wanted) -> NDArray[np.bool_]:
        kinds, colours, counts = (self._groups[:, :, place] for place in range(3))
        found = kinds >= 0
        if thing.kinds:
            found &= np.isin(kinds, [_KINDS[kind] for kind in thing.kinds])
        if thing.colour is not None:
            found &= np.equal(colours, _COLOURS[thing.colour])
        if thing.count is not None:
            found &= np.equal(counts, thing.count)
        shown: NDArray[np.bool_] = np.asarray(found.any(axis=1), np.bool_)
        return shown


_KINDS: dict[StrEnum, int] = {kind: number for number, kind in enumerate(Kind)}
_COLOURS = {colour: number for number, colour in enumerate(Colour)}


@dataclass(frozen=True, slots=True)
class TypedQuery:
    """What was typed, and what it asks for."""

    text: str
    meaning: Meaning
    language: Language
    form: Form


def typed(scene: Scene, language: Language, form: Form, rng: Random) -> TypedQuery | None:
    """A query of this form that is true of the scene; None where scene or language have none."""
    if form is Form.TYPO:
        right = typed(scene, language, rng.choice(_MISTYPED), rng)
        slip = typing_error(right.text, rng) if right else ""
        return replace(right, text=slip, form=form) if right and slip != right.text else None
    said = None if language in _ASIAN and form in _LATIN else _FORMS[form](scene, language, rng)
    return said and TypedQuery(*said, language, form)


# --- forms -----------------------------------------------------------------------------------------------------

_Said = tuple[str, Meaning]
_AND = {
    Language.ENGLISH: (" and ", " & ", " with a ", " with ", ", ", " "),
    Language.CHINESE: ("和", "与", " "),
    Language.SPANISH: (" y ", " con ", " "),
    Language.GERMAN: (" und ", " mit ", " "),
    Language.FRENCH: (" et ", " avec ", " "),
    Language.JAPANESE: ("と", " "),
}
_ASIAN = (Language.CHINESE, Language.JAPANESE)
_LATIN = (Form.PLURAL, Form.CAPITALS)
"""Forms that Chinese and Japanese do not have."""


def _noun(group: Group, language: Language, rng: Random, colour: bool = False) -> str:
    told = Told(colour=colour, number=False)
    return GRAMMARS[language].thing(group, told, Case.NOM, rng)


def _of_kind(group: Group) -> Meaning:
    return Meaning((Wanted(frozenset({group.kind})),))


def _word(scene: Scene, language: Language, rng: Random) -> _Said:
    group = rng.choice(scene.groups)
    noun = _noun(replace(group, count=1), language, rng)
    if language is Language.ENGLISH and rng.random() < 0.2:
        noun = article(noun) if rng.random() < 0.5 else f"the {noun}"
    return noun, _of_kind(group)


def _plural(scene: Scene, language: Language, rng: Random) -> _Said:
    group = rng.choice(scene.groups)
    return _noun(replace(group, count=2), language, rng), _of_kind(group)


def _capitals(scene: Scene, language: Language, rng: Random) -> _Said:
    text, meaning = _word(scene, language, rng)
    return rng.choice((text.upper(), text.title())), meaning


def _synonym(scene: Scene, language: Language, rng: Random) -> _Said | None:
    kinds = {group.kind for group in scene.groups}
    words = [(clause, forms) for clause, forms in _things(language) if not kinds.isdisjoint(clause)]
    if not words:
        return None
    clause, forms = rng.choice(words)
    return rng.choice(forms)[rng.random() < 0.3], Meaning((Wanted(clause),))


def _around(scene: Scene, language: Language, rng: Random) -> _Said:
    clauses, forms = rng.choice(_true_around(scene, language))
    return rng.choice(forms)[0], Meaning((), clauses)


def _colour(scene: Scene, language: Language, rng: Random) -> _Said:
    group = rng.choice(scene.groups)
    if rng.random() < 0.15:
        return colour_words(language)[group.colour], Meaning((Wanted(frozenset(), group.colour),))
    if rng.random() < 0.7:
        group = replace(group, count=1)
    text = _noun(group, language, rng, colour=True)
    return text, Meaning((Wanted(frozenset({group.kind}), group.colour),))


def _count(scene: Scene, language: Language, rng: Random) -> _Said | None:
    several = [group for group in scene.groups if group.count > 1]
    if not several:
        return None
    group = rng.choice(several)
    wanted = Wanted(frozenset({group.kind}), count=group.count)
    if language in _ASIAN or rng.random() < 0.7:
        text = GRAMMARS[language].thing(group, Told(colour=False), Case.NOM, rng)
    else:
        text = f"{group.count} {_noun(group, language, rng)}"
    return text, Meaning((wanted,))


def _phrase(scene: Scene, language: Language, rng: Random) -> _Said:
    """A thing with where, when or in what weather."""
    facts = GRAMMARS[language].facts
    choice = rng.choice(("place", "place", "time", "weather"))
    fact = {"place": scene.setting, "time": scene.time, "weather": scene.weather}[choice]
    said, around = rng.choice(facts[choice][fact]), Meaning((), (frozenset({fact}),))
    if choice == "place" and language in (Language.CHINESE, Language.JAPANESE) and rng.random() < 0.3:
        said = rng.choice(facts["name"][fact])
    thing, meaning = _thing(scene, language, rng)
    if language in _ASIAN:
        joint = (
            "" if said.endswith(("的", "た", "る", "の")) else "的" if language is Language.CHINESE else "の"
        )
        return f"{said}{joint}{thing}", meaning.also(around)
    if rng.random() < 0.12:
        return f"{said} {thing}", meaning.also(around)
    return f"{thing} {said}", meaning.also(around)


def _thing(scene: Scene, language: Language, rng: Random) -> _Said:
    """A thing in one to three words."""
    lot = rng.random()
    if lot < 0.2:
        return _colour(scene, language, rng)
    if lot < 0.35:
        return _synonym(scene, language, rng) or _word(scene, language, rng)
    if lot < 0.65:
        return _word(scene, language, rng)
    if lot < 0.75:
        return _plural(scene, language, rng)
    group = replace(rng.choice(scene.groups), count=1)
    return GRAMMARS[language].thing(group, Told(colour=False), Case.NOM, rng), _of_kind(group)


def _keywords(scene: Scene, language: Language, rng: Random) -> _Said:
    """Words side by side, in any order."""
    parts = [_thing(scene, language, rng), _around(scene, language, rng)]
    if rng.random() < 0.25:
        parts = [_around(scene, language, rng), _around(scene, language, rng)]
    rng.shuffle(parts)
    return " ".join(text for text, _ in parts), parts[0][1].also(parts[1][1])


def _pair(scene: Scene, language: Language, rng: Random) -> _Said | None:
    if len(scene.groups) < 2:
        return None
    one, other = rng.sample(scene.groups, 2)
    many = 1 + (rng.random() < 0.3)
    texts = [_noun(replace(group, count=many), language, rng) for group in (one, other)]
    return rng.choice(_AND[language]).join(texts), _of_kind(one).also(_of_kind(other))


_FORMS: dict[Form, Callable[[Scene, Language, Random], _Said | None]] = {
    Form.WORD: _word,
    Form.PLURAL: _plural,
    Form.CAPITALS: _capitals,
    Form.SYNONYM: _synonym,
    Form.AROUND: _around,
    Form.COLOUR: _colour,
    Form.COUNT: _count,
    Form.PHRASE: _phrase,
    Form.KEYWORDS: _keywords,
    Form.PAIR: _pair,
}
_MISTYPED = (Form.WORD, Form.WORD, Form.PLURAL, Form.SYNONYM, Form.AROUND, Form.COLOUR)


@cache
def _things(language: Language) -> tuple[tuple[Clause, tuple[tuple[str, str], ...]], ...]:
    """Keywords for things, with the kinds that they may be."""
    return tuple(
        (clauses[0], forms)
        for clauses, forms in keywords(language).items()
        if all(isinstance(member, Kind) for member in clauses[0])
    )


def _true_around(
    scene: Scene, language: Language
) -> list[tuple[tuple[Clause, ...], tuple[tuple[str, str], ...]]]:
    """Keywords for place, time and weather that are true of the scene."""
    facts = {scene.setting, scene.time, scene.weather}
    return [
        (clauses, forms)
        for clauses, forms in keywords(language).items()
        if all(not facts.isdisjoint(clause) for clause in clauses)
    ]


# --- typing errors ---------------------------------------------------------------------------------------------

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LEAST = 3  # letters of a word that is misspelt


def typing_error(text: str, rng: Random) -> str:
    """The text with one slip in one word: two letters swapped, one missing, doubled, or hit on the key beside it.

    The first letter stays. Text without a word of three Latin letters, which is typed by other means, stays as it is.
    """
    words = text.split(" ")
    open_words = [
        place for place, word in enumerate(words) if len(word) >= _LEAST and word.isalpha() and word[0] < "ɐ"
    ]
    if not open_words:
        return text
    place = rng.choice(open_words)
    for _ in range(8):
        slip = _slip(words[place], rng)
        if slip != words[place] and slip.casefold() not in _known_words():
            words[place] = slip
            break
    return " ".join(words)


def _slip(word: str, rng: Random) -> str:
    at = rng.randrange(1, len(word))
    kind = rng.choice(("swap", "swap", "miss", "double", "beside"))
    if kind == "swap":
        at = min(at, len(word) - 2) if len(word) > 2 else 1
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "miss" and len(word) > _LEAST:
        return word[:at] + word[at + 1 :]
    if kind == "double":
        return word[:at] + word[at] + word[at:]
    beside = _beside(word[at].lower())
    return word[:at] + rng.choice(beside) + word[at + 1 :] if beside else word


@cache
def _beside(letter: str) -> str:
    """The keys beside a letter's on a QWERTY keyboard."""
    for row, keys in enumerate(_ROWS):
        if (at := keys.find(letter)) >= 0:
            near = [
                (row, at - 1),
                (row, at + 1),
                (row - 1, at),
                (row - 1, at + 1),
                (row + 1, at - 1),
                (row + 1, at),
            ]
            return "".join(_ROWS[r][c] for r, c in near if 0 <= r < 3 and 0 <= c < len(_ROWS[r]))
    return ""


@cache
def _known_words() -> frozenset[str]:
    """Every Latin word that means something in some language: a slip that hits one is no typo."""
    found = set()
    for language in Language:
        for forms in keywords(language).values():
            found |= {part for pair in forms for form in pair for part in form.casefold().split()}
        for kind in Kind:
            for count in (1, 2):
                group = Group(kind, Colour.RED, Size.SMALL, count, Column.LEFT, Layer.NEAR)
                for lot in range(4):
                    found |= set(_noun(group, language, Random(lot)).casefold().split())
    return frozenset(found)


# --- the test set ----------------------------------------------------------------------------------------------

_EACH = 20  # queries of each language and form, at most
_ENOUGH = 10  # right pictures, so that the first ten may all be right


def queries_of(
    scenes: Sequence[Scene], languages: Sequence[Language] = tuple(Language)
) -> Iterator[tuple[TypedQuery, list[int]]]:
    """Distinct queries with the indices of all right scenes: up to twenty for each language and form.

    Each has ten right scenes or more; in collections of less than a thousand scenes, one in a hundred.
    """
    answers, enough = Answers(scenes), min(_ENOUGH, max(1, len(scenes) // 100))
    for language in languages:
        for form in Form:
            seen: set[str] = set()
            for query in _drawn(scenes, language, form):
                right = [] if query.text in seen else np.flatnonzero(answers.of(query.meaning)).tolist()
                if len(right) >= enough:
                    seen.add(query.text)
                    yield query, right
                if len(seen) == _EACH:
                    break


def _drawn(scenes: Sequence[Scene], language: Language, form: Form) -> Iterator[TypedQuery]:
    rng = Random(f"{language}/{form}")
    for _ in range(15 * _EACH):
        if query := typed(rng.choice(scenes), language, form, rng):
            yield query
