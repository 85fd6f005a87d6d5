"""SentencePiece's unigram model (XLM-RoBERTa, mT5) from memory-mapped tables, equal to the `tokenizers` library's.

Reading 250,000 pieces from a `tokenizer.json` takes 2 s and 0.6 GB of each search from the command line. Normalisation
and the split into words are still the library's, which needs no pieces for them; texts that hold special tokens or
thousands of letters are left to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.models.tokenizers import JsonTokenizer, TextPreprocessing, Tokens, clean_text

PIECES_FILE = "unigram.npy"  # (n,) of fixed width, sorted
NUMBERS_FILE = "unigram_numbers.npy"  # (2, n): the token and the score of each
SCHEME_FILE = "unigram.json"

_UNKNOWN_PENALTY = 10.0  # as in SentencePiece: below the least score of a piece
_LONGEST = 2000  # letters: the library is faster than Python with more
_MOST_REMEMBERED = 100_000  # words


class MappedUnigram:
    """Texts to token rows (n, context), padded at the right. Safe to call from several threads."""

    def __init__(
        self,
        pieces: NDArray[np.str_],
        numbers: NDArray[np.float64],
        scheme: dict[str, Any],
        settings: TextPreprocessing,
        whole: Callable[[], JsonTokenizer],
    ) -> None:
        """`scheme` says what goes on around the pieces; `whole` opens the tokenizer itself."""
        from tokenizers import Tokenizer

        self._pieces, (self._numbers, self._scores) = pieces, numbers
        self._width = pieces.dtype.itemsize // 4  # letters of the longest piece
        outline = Tokenizer.from_str(json.dumps(scheme["outline"]))
        self._normalizer, self._splitter = outline.normalizer, outline.pre_tokenizer
        self._before, self._after = list(scheme["before"]), list(scheme["after"])
        self._special: list[str] = scheme["special"]
        self._unknown = int(scheme["unknown"])
        self._unknown_score = float(scheme["least"]) - _UNKNOWN_PENALTY
        self._settings, self._open_whole = settings, whole
        self._words: dict[str, list[int]] = {}

    @classmethod
    def open(cls, directory: Path, settings: TextPreprocessing) -> MappedUnigram:
        """Map the tables that were written to `directory`."""
        return cls(
            np.load(directory / PIECES_FILE, mmap_mode="r"),
            np.load(directory / NUMBERS_FILE, mmap_mode="r"),
            json.loads((directory / SCHEME_FILE).read_text(encoding="utf-8")),
            settings,
            lambda: JsonTokenizer.open(directory, settings),
        )

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Token rows (n, context): marks, words, padding."""
        settings = self._settings
        rows = np.full((len(texts), settings.context_length), settings.pad_id, dtype=np.int64)
        room = settings.context_length - len(self._before) - len(self._after)
        for row, text in zip(rows, texts, strict=True):
            cancellation.check()
            cleaned = clean_text(text, settings.clean)
            normal = self._normalizer.normalize_str(cleaned) if self._normalizer else cleaned
            if self._is_unusual(cleaned, normal):
                row[:] = self._whole([text])[0]
                continue
            words = [word for word, _ in self._splitter.pre_tokenize_str(normal)] if normal else []
            tokens = [token for word in words for token in self._tokens(word)][:room]
            tokens = [*self._before, *tokens, *self._after]
            row[: len(tokens)] = tokens
        return rows

    @cached_property
    def _whole(self) -> JsonTokenizer:
        return self._open_whole()

    def _is_unusual(self, cleaned: str, normal: str) -> bool:
        """Whether a text needs rules that are not here; NUL ends a text of fixed width."""
        if len(normal) > _LONGEST or "\0" in normal:
            return True
        return any(word in cleaned or word in normal for word in self._special)

    def _tokens(self, word: str) -> list[int]:
        """The tokens of a word."""
        if (known := self._words.get(word)) is None:
            known = self._best(word)
            if len(self._words) < _MOST_REMEMBERED:
                self._words[word] = known
        return known

    def _best(self, word: str) -> list[int]:
        """Viterbi's path through the pieces: the greatest sum of scores, of equal ones the first (Kudo, 2018)."""
        count = len(word)
        known = self._known(word)
        # Sum, begin, token; by end.
        best: list[tuple[float, int, int] | None] = [(0.0, 0, 0), *[None] * count]
        for begin in range(count):
            here = best[begin]
            assert here is not None
            found = known.get(begin, [])
            if not any(end == begin + 1 for end, _, _ in found):
                found = [*found, (begin + 1, self._unknown, self._unknown_score)]
            for end, token, score in found:
                there, total = best[end], score + here[0]
                if there is None or total > there[0]:
                    best[end] = (total, begin, token)
        return self._path(best)

    def _path(self, best: Sequence[tuple[float, int, int] | None]) -> list[int]:
        """Back from the end; unknown letters beside each other are one token."""
        tokens: list[int] = []
        end = len(best) - 1
        while end and (node := best[end]) is not None:
            if not (tokens and node[2] == self._unknown == tokens[-1]):
                tokens.append(node[2])
            end = node[1]
        return tokens[::-1]

    def _known(self, word: str) -> dict[int, list[tuple[int, int, float]]]:
        """By where they begin: the pieces that stand in a word, as end, token and score, the shortest first."""
        places = [
            (begin, end)
            for begin in range(len(word))
            for end in range(begin + 1, min(begin + self._width, len(word)) + 1)
        ]
        parts = np.array([word[begin:end] for begin, end in places], dtype=self._pieces.dtype)
        at = np.minimum(np.searchsorted(self._pieces, parts), len(self._pieces) - 1)
        hits = np.flatnonzero(self._pieces[at] == parts)
        known: dict[int, list[tuple[int, int, float]]] = {}
        for hit, token, score in zip(
            hits.tolist(), self._numbers[at[hits]].tolist(), self._scores[at[hits]].tolist(), strict=True
        ):
            begin, end = places[hit]
            known.setdefault(begin, []).append((end, int(token), score))
        return known
