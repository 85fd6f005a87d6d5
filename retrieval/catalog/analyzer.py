"""Text analysis for full-text search: how sentences are cut into the words that are indexed and asked for.

Words are folded to lower case without accents. Scripts that write no spaces are cut into overlapping pairs of letters
(小红船 → 小红 红船 船), so that any two neighbouring letters can be found, and one by the beginning of a pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vasari.retrieval.catalog.folding import SHORTEST, folded, letters_of
from vasari.retrieval.patterns import Pattern

_LONGEST_WORD = 64  # letters; what is longer is no word, and PostgreSQL has a limit
_MOST_WORDS = 5000  # of one item
_MOST_ASKED = 64  # words of one query
# Letters of parts that tell something.
_SHORTEST_NUMBER = 3  # RE1
_SHORTEST_PART = 4  # ARBO
_SHORTEST_ROW = 6  # no entry
# Letters of scripts without spaces: Thai to Khmer, kana, Han and its extensions. Hangul has spaces, but its words
# carry their endings with them.
_JOINED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_JOINED_LETTER = Pattern(f"[{_JOINED}]")
_RUNS = Pattern(f"([{_JOINED}]+)|([^{_JOINED}]+)")
# Stop words, in the languages of the captions: they are in every text and tell nothing.
_ENGLISH = {"a", "an", "the", "of", "in", "on", "at", "by", "to", "and", "or", "with", "is", "are"}
_SPANISH = {"el", "la", "los", "las", "un", "una", "de", "del", "en", "y", "con"}
_FRENCH = {"le", "la", "les", "un", "une", "de", "des", "du", "et", "au", "aux", "dans", "sur", "en"}
_GERMAN = {
    "der",
    "die",
    "das",
    "ein",
    "eine",
    "einer",
    "einem",
    "einen",
    "und",
    "im",
    "am",
    "auf",
    "mit",
    "von",
}
_STOP_WORDS = _ENGLISH | _SPANISH | _FRENCH | _GERMAN


@dataclass(frozen=True, slots=True)
class Phrase:
    """Neighbouring words, as they are indexed; of the last one, if `begun`, only the beginning."""

    words: tuple[str, ...]
    begun: bool = False

    def __str__(self) -> str:
        """As one would write it: pairs of letters laid over each other again."""
        shown = self.words[0]
        for before, word in zip(self.words, self.words[1:], strict=False):
            overlaps = _JOINED_LETTER.match(word) and before[-1] == word[0] and len(before) == 2
            shown += word[1:] if overlaps else f" {word}"
        return shown


@dataclass(frozen=True, slots=True)
class Part:
    """Letters in a row in the text that was read in a picture, be they a part of a word, or of several."""

    letters: str  # folded as that text is, at least `SHORTEST`

    def __str__(self) -> str:
        return f"…{self.letters}…"


Sought = Phrase | Part


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A word of a query, and what it tells of an item that holds it.

    A `fragment` is a pair of letters out of a longer run, which another word may share by chance: that it is rare tells
    nothing. A `run` is such a run of letters as a whole, which tells by being rare alone: its pairs are asked for, too.
    """

    phrase: Sought
    fragment: bool = False
    run: bool = False

    @property
    def has_digits(self) -> bool:
        """Whether it is a number, or has one in it: a plate, a flight, a model."""
        return any(letter.isdigit() for letter in str(self.phrase))

    @property
    def in_pictures(self) -> AskedWord | None:
        """The same as a part of what was read in pictures; None for what is too short to tell anything there."""
        if self.fragment or self.run or not isinstance(self.phrase, Phrase):
            return None
        found = part_of(str(self.phrase), _SHORTEST_NUMBER if self.has_digits else _SHORTEST_PART)
        return None if found is None else AskedWord(found)


def words_of(text: str) -> list[str]:
    """The words of a text, in order, as they are indexed."""
    plain = folded(text)
    if plain.isascii():  # nothing in it is joined
        return [word[:_LONGEST_WORD] for word in plain.split()][:_MOST_WORDS]
    return [piece for word in plain.split() for piece in _pieces(word)][:_MOST_WORDS]


def asked_words(text: str) -> list[AskedWord]:
    """The words that a query asks for, without repetition; stop words only where there is nothing else."""
    found = list(dict.fromkeys(asked for word in folded(text).split() for asked in _asked(word)))
    telling = [asked for asked in found if str(asked.phrase) not in _STOP_WORDS]
    return (telling or found)[:_MOST_ASKED]


def phrase_of(text: str) -> Phrase | None:
    """The phrase of quoted words, stop words and all; None where nothing in it is a word."""
    words = words_of(text)[:_MOST_ASKED]
    if not words:
        return None
    if len(words[-1]) > 1 or not _JOINED_LETTER.match(words[-1]):
        return Phrase(tuple(words))
    # A run of joined letters ends with its last one alone, which in a longer text begins the next pair.
    alone = len(words) == 1 or len(words[-2]) != 2 or words[-2][-1] != words[-1]
    return Phrase(tuple(words), begun=True) if alone else Phrase(tuple(words[:-1]))


def part_of(text: str, shortest: int = SHORTEST) -> Part | None:
    """The letters of a text as they are looked for in pictures; None for fewer than `shortest`."""
    letters = letters_of(text)
    return Part(letters) if len(letters) >= shortest else None


def asked_in_a_row(text: str) -> AskedWord | None:
    """All letters of a query of several words in a row, in the text of a picture: spaces are what is read worst."""
    part = part_of(text, _SHORTEST_ROW) if len(folded(text).split()) > 1 else None
    return None if part is None else AskedWord(part, run=True)


def _pieces(word: str) -> Iterator[str]:
    for joined, plain in _RUNS.findall(word):
        if plain:
            yield plain[:_LONGEST_WORD]
        yield from (joined[start : start + 2] for start in range(len(joined)))


def _asked(word: str) -> Iterator[AskedWord]:
    for joined, plain in _RUNS.findall(word):
        if plain:
            yield AskedWord(Phrase((plain[:_LONGEST_WORD],)))
            continue
        pairs = [joined[start : start + 2] for start in range(max(1, len(joined) - 1))]
        for pair in pairs:
            yield AskedWord(Phrase((pair,), begun=len(joined) == 1), fragment=len(pairs) > 1)
        if len(pairs) > 1:
            yield AskedWord(Phrase(tuple(pairs)), run=True)
