"""Spelling correction, and out-of-vocabulary words, for a text tower whose training vocabulary is known.

A small tower was taught some 1,500 words. One that it was not taught is noise to it, wherever it stands: a typing
error finds nothing ("dgo"), and "beautiful sunset" finds fewer sunsets than "sunset". Its lexicon lies beside its
weights. So a word that nobody knows, one slip away from a taught one, is read as that one; other unknown words are
left out of what models are given. Both are told.

A slip is two letters swapped, one doubled, missing or too many, or a wrong one; the first letter stays, but for a swap
(Damerau, "A technique for computer detection and correction of spelling errors", CACM 1964: four in five errors). A
longer word that only sounds like a taught one is read as that one, too, whatever letters it is written by (bycicle).
Accents left out, and ae, oe, ue for umlauts, are none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vasari.retrieval.search.name_words import FILLERS
from vasari.retrieval.search.typed_words import Token, fold, has_cjk, tokens_of

LEXICON = "lexicon.txt"  # of a model's folder
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LEAST = 3  # letters of a word that is misspelt
_LONG = 5  # letters of one in which any letter may be wrong, not just for the key beside it
_UMLAUTS = (("ae", "ä"), ("oe", "ö"), ("ue", "ü"))
_ENDINGS = ("s", "es", "n", "en", "e", "er", "x")  # of plurals
_CJK_FILLERS = re.compile("|".join(word for word in sorted(FILLERS) if len(word) > 1 and has_cjk(word)))
_COUNT = re.compile(r"\d{1,2}")
_SOUNDS = (("ph", "f"), ("qu", "k"), ("ck", "k"), ("th", "t"), ("y", "i"), ("c", "k"), ("z", "s"), ("v", "b"))
_FUNCTION, _REAL = "function", "real"  # lines of the file that are no language's


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text is read as.

    `text` has slips put right, `given` is what models are given of it: nothing where they were taught none of its
    words. `slips` are words as they were typed and as they are read, `unknown` those left out.
    """

    text: str
    given: str
    slips: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()


class Lexicon:
    """The words that a text tower was taught, and real words that are near to them."""

    def __init__(
        self, taught: Mapping[str, Sequence[str]], function: Sequence[str] = (), real: Sequence[str] = ()
    ) -> None:
        """`taught` are each language's words that mean something, in small letters, the most frequent first.

        `function` are the others that it was taught, `real` folded words, one slip from a taught one, that it was not.
        """
        self._ranks: dict[str, dict[str, int]] = {}
        for language, words in taught.items():
            for rank, word in enumerate(words):
                self._ranks.setdefault(word, {})[language] = rank
        self._function, self._real = frozenset(function), frozenset(real)
        self._folded: dict[str, list[str]] = {}
        for word in self._ranks:
            self._folded.setdefault(fold(word), []).append(word)
        self._sounding: dict[str, list[str]] = {}
        for folded, words in self._folded.items():
            self._sounding.setdefault(sound_of(folded), []).extend(words)

    @classmethod
    def read(cls, file: Path) -> Lexicon:
        """From a file whose lines are a language, "function" or "real", and its words."""
        rows = (line.split() for line in file.read_text("utf-8").splitlines() if not line.startswith("#"))
        lists = {row[0]: row[1:] for row in rows if row}
        function, real = lists.pop(_FUNCTION, []), lists.pop(_REAL, [])
        return cls(lists, function, real)

    def reading(self, text: str, stays: Callable[[str], bool]) -> Reading:
        """Read a text; `stays` tells of words that are no slips, whatever the tower knows of them."""
        tokens = tokens_of(text)
        if any(token.is_cjk for token in tokens):  # nothing parts its words
            return Reading(text, _CJK_FILLERS.sub("", text).strip("的の ") or text)
        languages = self._languages(tokens)
        heard: dict[Token, str] = {}
        slips: dict[Token, str] = {}
        for token in tokens:
            if (form := self._form(token, languages)) is not None:
                heard[token] = form
            elif (near := self._near(token.folded)) and not stays(token.text):
                heard[token] = slips[token] = self._likeliest(near, languages)
        unknown = (token.text for token in tokens if token not in heard and _is_told(token))
        return Reading(
            _with_slips(text, slips),
            self._given(text, tokens, heard),
            tuple((token.text, word) for token, word in slips.items()),
            tuple(dict.fromkeys(unknown)),
        )

    def _languages(self, tokens: Sequence[Token]) -> set[str]:
        """Those of the words that one language alone has."""
        spoken = (self._ranks.get(token.text.lower(), {}) for token in tokens)
        return {language for ranks in spoken if len(ranks) == 1 for language in ranks}

    def _form(self, token: Token, languages: set[str]) -> str | None:
        """A token as the tower was taught it: as it is, with its accents, in another number, or parted in two."""
        word, folded = token.text.lower(), token.folded
        if not token.is_word or word in self._ranks or word in self._function or _COUNT.fullmatch(word):
            return token.text
        for form in (folded, fold(_with_umlauts(word)), *_numbers(folded)):
            if form in self._folded:
                return self._likeliest(self._folded[form], languages)
        for at in range(_LEAST, len(folded) - _LEAST + 1):
            one, other = self._folded.get(folded[:at]), self._folded.get(folded[at:])
            if one and other:
                return f"{self._likeliest(one, languages)} {self._likeliest(other, languages)}"
        return None

    def _near(self, folded: str) -> list[str]:
        """Taught words that this one may be meant for: those by the likeliest kind of slip alone."""
        if not folded.isalpha() or len(folded) < _LEAST or folded in self._real or folded in FILLERS:
            return []
        for slips in _slips(folded):
            found = {taught: None for slip in sorted(slips) for taught in self._folded.get(slip, ())}
            if found:
                return list(found)
        return self._sounding.get(sound_of(folded), []) if len(folded) >= _LONG else []

    def _likeliest(self, words: Sequence[str], languages: set[str]) -> str:
        """The most frequent one in these languages, or else in any."""

        def rank(word: str) -> tuple[bool, int]:
            ranks = self._ranks[word]
            ours = [rank for language, rank in ranks.items() if language in languages]
            return not ours, min(ours or ranks.values())

        return min(words, key=rank)

    def _given(self, text: str, tokens: Sequence[Token], heard: Mapping[Token, str]) -> str:
        """What is heard, without function words, "pictures of" and signs that held only what is left out."""
        held: list[Token] = []
        gap = told = False
        for token in tokens:
            tells = self._tells(token)
            if token not in heard or (tells and not told and token.folded in FILLERS):
                gap = True
                continue
            if tells:
                if gap and not told:
                    held.clear()
                told = True
            elif gap and not self._stripped(held):
                continue
            held.append(token)
            gap = False
        if gap:
            self._stripped(held)
        if not any(heard[token].split()[0].lower() in self._ranks for token in held):
            return ""
        spaces = [" " if text[one.end : other.start] else "" for one, other in pairwise(held)]
        return "".join(heard[token] + space for token, space in zip(held, [*spaces, ""], strict=True))

    def _stripped(self, held: list[Token]) -> list[Token]:
        """The same list, without what means nothing at its end."""
        while held and not self._tells(held[-1]):
            held.pop()
        return held

    def _tells(self, token: Token) -> bool:
        return token.is_word and token.text.lower() not in self._function


def _numbers(folded: str) -> Iterator[str]:
    """The singular of a plural, and plurals of a singular."""
    if len(folded) >= _LONG - 1:
        yield from (folded[: -len(end)] for end in _ENDINGS if folded.endswith(end))
        yield f"{folded[:-3]}y" if folded.endswith("ies") else f"{folded}s"
        yield f"{folded}n" if folded.endswith("e") else f"{folded}es"


def _with_umlauts(word: str) -> str:
    for letters, umlaut in _UMLAUTS:
        word = word.replace(letters, umlaut)
    return word


def _with_slips(text: str, slips: Mapping[Token, str]) -> str:
    """The text with those words put right."""
    pieces, place = [], 0
    for token, word in slips.items():
        pieces += [text[place : token.start], word]
        place = token.end
    return "".join([*pieces, text[place:]])


def _is_told(token: Token) -> bool:
    """Whether a word that is left out means something; "photos of" is not worth a word."""
    return token.text.isalpha() and len(token.text) > 1 and token.folded not in FILLERS


def sound_of(word: str) -> str:
    """A key that folded words which sound alike share: castle and kastle, bicycle and bycicle."""
    for letters, sound in _SOUNDS:
        word = word.replace(letters, sound)
    return "".join(letter for at, letter in enumerate(word) if letter != word[at - 1 : at])


def slips_of(word: str) -> set[str]:
    """All that a folded word may have been, by one slip."""
    return set().union(*_slips(word))


def _slips(word: str) -> Iterator[set[str]]:
    """What a folded word may have been, by one slip; the likelier kinds first."""
    places = range(1, len(word))
    swapped = {word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] for at in places}
    doubled = {word[:at] + word[at + 1 :] for at in places if word[at] == word[at - 1]}
    single = {word[:at] + word[at - 1] + word[at:] for at in range(1, len(word) + 1)}
    yield swapped | doubled | single
    missing = {word[:at] + letter + word[at:] for at in range(1, len(word) + 1) for letter in _LETTERS}
    too_many = {word[:at] + word[at + 1 :] for at in places}
    beside = {word[:at] + key + word[at + 1 :] for at in places for key in _beside(word[at])}
    yield missing | too_many | beside
    if len(word) >= _LONG:
        yield {word[:at] + letter + word[at + 1 :] for at in places for letter in _LETTERS}


def _beside(letter: str) -> str:
    """The keys around a letter's on a QWERTY keyboard."""
    for row, keys in enumerate(_KEYS):
        if (at := keys.find(letter)) >= 0:
            around = (
                (row, at - 1),
                (row, at + 1),
                (row - 1, at),
                (row - 1, at + 1),
                (row + 1, at - 1),
                (row + 1, at),
            )
            return "".join(_KEYS[r][c] for r, c in around if 0 <= r < len(_KEYS) and 0 <= c < len(_KEYS[r]))
    return ""
