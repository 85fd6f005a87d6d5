"""Inverted index of what is said of items (FTS5, tsvector), as it is read: counts, postings, and who holds which words.

Known here is SQL alone, so that SQLAlchemy and a bare connection of SQLite ask the same questions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.analyzer import Part, Sought
from vasari.retrieval.catalog.folding import trigrams_of
from vasari.retrieval.domain import ItemId

SAID, GUESSED, NAMED = 1.0, 0.6, 0.5
"""What a word counts in what people wrote, in captions by a model only, and in names of the file and folders only."""

Run = Callable[[str, Mapping[str, Any]], Sequence[Any]]
"""Runs a query with named parameters; its rows."""


_MOST_COUNTS = 65_536  # phrases whose number is remembered
_MOST_POSTINGS = 2_000_000  # ids, 16 MB


class Memory:
    """What was asked of the words as of one revision of the catalog; threads may share it."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.counts: dict[Sought, int] = {}
        self.postings: dict[Sought, NDArray[np.int64]] = {}
        self._held = 0  # ids in `postings`

    def keep_counts(self, counts: Mapping[Sought, int]) -> None:
        """Remember how many items hold phrases; where there are too many, those of before are forgotten."""
        if len(self.counts) + len(counts) > _MOST_COUNTS:
            self.counts = {}
        self.counts |= counts

    def keep_postings(self, phrase: Sought, ids: NDArray[np.int64]) -> None:
        """Remember who holds a phrase; where there are too many, those of before are forgotten."""
        ids.flags.writeable = False
        if self._held + len(ids) > _MOST_POSTINGS:
            self.postings, self._held = {}, 0
        self.postings[phrase] = ids
        self._held += len(ids)


class WordIndex:
    """The words of a library's live items. Each method is one transaction.

    Counts and postings are remembered until the catalog's revision is another one: single words recur from query to
    query, and to count a common one takes milliseconds.
    """

    def __init__(self, dialect: str, reading: Callable[[], AbstractContextManager[Run]]) -> None:
        self._sql: type[_Sqlite | _Postgres] = _Sqlite if dialect == "sqlite" else _Postgres
        self._reading = reading
        self._memory = Memory(-1)

    def counts(self, phrases: Sequence[Sought]) -> NDArray[np.int64]:
        """How many items hold each phrase, (phrases,); document frequency."""
        if not phrases:
            return np.empty(0, np.int64)
        with self._reading() as run:
            known = self._known(run)
            counts = {phrase: count for phrase in phrases if (count := known.counts.get(phrase)) is not None}
            if wanted := [phrase for phrase in dict.fromkeys(phrases) if phrase not in counts]:
                counted = self._count(run, wanted)
                known.keep_counts(counted)
                counts |= counted
        return np.array([counts[phrase] for phrase in phrases], np.int64)

    def postings(self, phrase: Sought) -> NDArray[np.int64]:
        """The sorted ids of the items that hold the phrase; nobody may write into them."""
        with self._reading() as run:
            known = self._known(run)
            if (ids := known.postings.get(phrase)) is None:
                [(found,)] = run(self._sql.postings(phrase), {"w0": self._sql.match(phrase)})
                ids = np.sort(self._sql.read_ids(found))
                known.keep_postings(phrase, ids)
        return ids

    def _known(self, run: Run) -> Memory:
        """What is remembered of the moment that this transaction sees."""
        [(revision,)] = run("SELECT revision FROM library", {})
        memory = self._memory
        if memory.revision != revision:
            memory = self._memory = Memory(revision)
        return memory

    def _count(self, run: Run, phrases: Sequence[Sought]) -> dict[Sought, int]:
        columns = [f"({self._sql.count(n, phrase)})" for n, phrase in enumerate(phrases)]
        [row] = run(
            f"SELECT {', '.join(columns)}",
            {f"w{n}": self._sql.match(phrase) for n, phrase in enumerate(phrases)},
        )
        return dict(zip(phrases, row, strict=True))

    def held(self, ids: Sequence[ItemId], phrases: Sequence[Sought]) -> NDArray[np.float32]:
        """What each phrase counts in each of these items, (ids, phrases): `SAID`, `GUESSED`, `NAMED` or 0."""
        held = np.zeros((len(ids), len(phrases)), np.float32)
        if not len(ids) or not phrases:
            return held
        with self._reading() as run:
            there, counts = self._sql.held(run, ids, phrases)
        asked = np.asarray(ids, np.int64)
        order = np.argsort(asked, kind="stable")
        held[order[np.searchsorted(asked, there, sorter=order)]] = counts
        return held


class _Sqlite:
    """FTS5: the words of a column stand in it with spaces between."""

    # Read past FTS5, from its table of contents, and in one row: of 1,280 items a fifth and a sixth less time.
    TEXTS = (
        "SELECT group_concat(id), group_concat(c0, char(32, 10, 32)), group_concat(c1, char(32, 10, 32)),"
        " group_concat(c2, char(32, 10, 32))"
        " FROM words_content WHERE id IN (SELECT value FROM json_each(:ids))"
    )
    LETTERS = (
        "SELECT item_id, replace(letters, char(10), '') FROM readings"
        " WHERE item_id IN (SELECT value FROM json_each(:ids))"
    )

    @classmethod
    def held(
        cls, run: Run, ids: Sequence[ItemId], phrases: Sequence[Sought]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids of those items that have words (n,), and what each phrase counts in them (n, phrases).

        Texts are looked through here: SQLite's instr goes letter by letter, and took twice the time.
        """
        wanted = {"ids": json.dumps([int(item) for item in ids])}
        [(found, *texts)] = run(cls.TEXTS, wanted)
        there = cls.read_ids(found)
        said, named, guessed = map(_Lines, texts)
        counts = np.zeros((len(there), len(phrases)), np.float32)
        letters = dict[ItemId, str]()
        if any(isinstance(phrase, Part) for phrase in phrases):
            letters = dict(map(tuple, run(cls.LETTERS, wanted)))
        for number, phrase in enumerate(phrases):
            if not isinstance(phrase, Part):
                words = f" {' '.join(phrase.words)}" + ("" if phrase.begun else " ")
                counts[named.holding(words), number] = NAMED
                counts[guessed.holding(words), number] = GUESSED
                counts[said.holding(words), number] = SAID
            elif letters:
                holders = [phrase.letters in letters.get(item, "") for item in there.tolist()]
                counts[np.flatnonzero(holders), number] = SAID
        return there, counts

    @staticmethod
    def match(phrase: Sought) -> str:
        """The phrase in FTS5's own language: in quotes nothing is syntax, and no word has a quote in it."""
        if isinstance(phrase, Part):
            return f'"{phrase.letters}"'
        return f'"{" ".join(phrase.words)}"' + ("*" if phrase.begun else "")

    @classmethod
    def count(cls, number: int, phrase: Sought) -> str:
        return f"SELECT count(*) FROM {cls._holders(number, phrase)}"  # noqa: S608

    @classmethod
    def postings(cls, phrase: Sought) -> str:
        return f"SELECT group_concat(rowid) FROM {cls._holders(0, phrase)}"  # noqa: S608

    @staticmethod
    def _holders(number: int, phrase: Sought) -> str:
        table = "readings_trigrams" if isinstance(phrase, Part) else "words"
        return f"{table} WHERE {table} MATCH :w{number}"

    @staticmethod
    def read_ids(found: str | None) -> NDArray[np.int64]:
        return np.fromstring(found or "", np.int64, sep=",")


class _Lines:
    """The lines of a text; None: there are none."""

    def __init__(self, text: str | None) -> None:
        self._text = f" {text} " if text is not None else ""  # a space on either side of each line
        self._lines = self._text.split("\n")

    def holding(self, words: str) -> NDArray[np.int64]:
        """The numbers of those that hold these words."""
        if words not in self._text:
            return np.empty(0, np.int64)
        return np.flatnonzero([words in line for line in self._lines])


class _Postgres:
    """tsvector: words of captions, tags and texts have the weight A, those of models' captions B, those of names D."""

    @classmethod
    def held(
        cls, run: Run, ids: Sequence[ItemId], phrases: Sequence[Sought]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids of those items that have words (n,), and what each phrase counts in them (n, phrases)."""
        columns = ", ".join(cls._part(n, phrase) for n, phrase in enumerate(phrases))
        wanted: dict[str, Any] = {"ids": [int(item) for item in ids]}
        for number, phrase in enumerate(phrases):
            wanted |= cls._parts(number, phrase)
        rows = run(f"SELECT item_id, {columns} FROM words WHERE item_id = ANY(:ids)", wanted)  # noqa: S608
        counts = np.array([row[1:] for row in rows], np.float32).reshape(len(rows), len(phrases))
        return np.array([row[0] for row in rows], np.int64), counts

    @staticmethod
    def match(phrase: Sought, weight: str = "") -> str:
        """The phrase as a tsquery."""
        if isinstance(phrase, Part):
            return " <-> ".join(f"'{trigram}'" for trigram in trigrams_of(phrase.letters))
        signs = [weight] * len(phrase.words)
        signs[-1] += "*" if phrase.begun else ""
        words = zip(phrase.words, signs, strict=True)
        return " <-> ".join(f"'{word}'{sign and ':' + sign}" for word, sign in words)

    @classmethod
    def count(cls, number: int, phrase: Sought) -> str:
        return f"SELECT count(*) FROM {cls._holders(number, phrase)}"  # noqa: S608

    @classmethod
    def postings(cls, phrase: Sought) -> str:
        return f"SELECT array_agg(item_id) FROM {cls._holders(0, phrase)}"  # noqa: S608

    @staticmethod
    def _holders(number: int, phrase: Sought) -> str:
        table, column = ("readings", "trigrams") if isinstance(phrase, Part) else ("words", "vector")
        return f"{table} WHERE {column} @@ CAST(:w{number} AS tsquery)"

    @staticmethod
    def read_ids(found: Sequence[ItemId] | None) -> NDArray[np.int64]:
        return np.array(found or [], np.int64)

    @staticmethod
    def _part(number: int, phrase: Sought) -> str:
        if isinstance(phrase, Part):
            read = (
                "SELECT 1 FROM readings WHERE item_id = words.item_id AND trigrams @@ CAST(:p{0} AS tsquery)"
            )
            return f"CASE WHEN EXISTS ({read.format(number)}) THEN {SAID} ELSE 0 END"
        said, guessed, anywhere = (f"vector @@ CAST(:{kind}{number} AS tsquery)" for kind in "pgn")
        return f"CASE WHEN {said} THEN {SAID} WHEN {guessed} THEN {GUESSED} WHEN {anywhere} THEN {NAMED} ELSE 0 END"

    @classmethod
    def _parts(cls, number: int, phrase: Sought) -> dict[str, str]:
        if isinstance(phrase, Part):
            return {f"p{number}": cls.match(phrase)}
        kinds = {"p": "A", "g": "B", "n": ""}
        return {f"{kind}{number}": cls.match(phrase, weight) for kind, weight in kinds.items()}
