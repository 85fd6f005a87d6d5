"""Gemma's byte-pair encoding (SigLIP 2) from a memory-mapped table, equal to the `tokenizers` library's.

Reading 256,000 words and 580,000 merges from a `tokenizer.json` takes a second and 0.3 GB of each search from the
command line. Texts that the table has no rules for (special tokens typed out, thousands of letters) are left to it.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.models.tokenizers import JsonTokenizer, TextPreprocessing, Tokens, clean_text

TABLE_FILE = "bpe.npy"
SCHEME_FILE = "bpe.json"

_PAIR_BASE = 1 << 32
_BYTES = 256
_LONGEST = 2000  # letters: the library is faster than Python with more
_MOST_REMEMBERED = 100_000  # pairs
_PIECES = re.compile(r"[^ ]* |[^ ]+")  # a space belongs to what stands before it


@dataclass(frozen=True, slots=True)
class Scheme:
    """What goes on around the merges, and how long each part of the table is."""

    # Before anything else: ("lower",) each letter, or ("replace", old, new).
    steps: tuple[tuple[str, ...], ...]
    before: tuple[int, ...]  # tokens around those of every text
    after: tuple[int, ...]
    special: tuple[str, ...]  # words that are no text
    merges: int
    letters: int


class MappedBpe:
    """Texts to token rows (n, context), padded at the right. Safe to call from several threads."""

    def __init__(
        self,
        table: NDArray[np.int64],
        scheme: Scheme,
        settings: TextPreprocessing,
        whole: Callable[[], JsonTokenizer],
    ) -> None:
        """`table` holds, one behind the other: keys of pairs, sorted, their ranks, the tokens that they become, letters
        (code points, sorted), their tokens, and the tokens of the 256 bytes. `whole` opens the tokenizer itself.
        """
        ends = np.cumsum([scheme.merges] * 3 + [scheme.letters] * 2 + [_BYTES])
        self._keys, self._ranks, self._joined, self._letters, self._letter_tokens, self._byte_tokens = (
            np.split(table, ends[:-1])
        )
        self._scheme, self._settings, self._open_whole = scheme, settings, whole
        self._pairs: dict[int, tuple[int, int] | None] = {}

    @classmethod
    def open(cls, directory: Path, settings: TextPreprocessing) -> MappedBpe:
        """Map the table that was written to `directory`."""
        facts: dict[str, Any] = json.loads((directory / SCHEME_FILE).read_text(encoding="utf-8"))
        scheme = Scheme(
            steps=tuple(map(tuple, facts["steps"])),
            before=tuple(facts["before"]),
            after=tuple(facts["after"]),
            special=tuple(facts["special"]),
            merges=int(facts["merges"]),
            letters=int(facts["letters"]),
        )
        table = np.load(directory / TABLE_FILE, mmap_mode="r")
        return cls(table, scheme, settings, lambda: JsonTokenizer.open(directory, settings))

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Token rows (n, context): marks, words, padding."""
        settings, scheme = self._settings, self._scheme
        rows = np.full((len(texts), settings.context_length), settings.pad_id, dtype=np.int64)
        room = settings.context_length - len(scheme.before) - len(scheme.after)
        for row, text in zip(rows, texts, strict=True):
            cancellation.check()
            cleaned = clean_text(text, settings.clean)
            normal = self._normal(cleaned)
            if len(normal) > _LONGEST or any(word in cleaned or word in normal for word in scheme.special):
                row[:] = self._whole([text])[0]
                continue
            read = [token for piece in _PIECES.findall(normal) for token in self._merged(self._tokens(piece))]
            tokens = [*scheme.before, *read[:room], *scheme.after]
            row[: len(tokens)] = tokens
        return rows

    @cached_property
    def _whole(self) -> JsonTokenizer:
        return self._open_whole()

    def _normal(self, text: str) -> str:
        for step in self._scheme.steps:
            if step[0] == "replace":
                text = text.replace(step[1], step[2])
            else:
                text = "".join(letter.lower() for letter in text)
        return text

    def _tokens(self, piece: str) -> list[int]:
        """The token of each letter, or where there is none of each of its bytes."""
        points = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
        at = np.minimum(np.searchsorted(self._letters, points), len(self._letters) - 1)
        known, found = (self._letters[at] == points).tolist(), self._letter_tokens[at].tolist()
        tokens: list[int] = []
        for letter, is_known, token in zip(piece, known, found, strict=True):
            if is_known:
                tokens.append(token)
            else:
                tokens += self._byte_tokens[list(letter.encode("utf-8", "surrogatepass"))].tolist()
        return tokens

    def _merged(self, tokens: list[int]) -> list[int]:
        """Join the pair of the least rank, the leftmost of equals, until none is left that is known."""
        count = len(tokens)
        # Neighbours of each that still stands.
        behind = list(range(-1, count - 1))
        ahead = list(range(1, count + 1))
        waiting: list[tuple[int, int, int, int]] = []  # rank, place, and the two tokens as they were

        def consider(left: int) -> None:
            if left >= 0 and (right := ahead[left]) < count:
                pair = self._pair(tokens[left], tokens[right])
                if pair is not None:
                    heapq.heappush(waiting, (pair[0], left, tokens[left], tokens[right]))

        for place in range(count - 1):
            consider(place)
        while waiting:
            _, left, first, second = heapq.heappop(waiting)
            right = ahead[left]
            if tokens[left] != first or right >= count or tokens[right] != second:
                continue  # one of them was joined to another meanwhile
            pair = self._pair(first, second)
            tokens[left], tokens[right] = pair[1] if pair else first, -1
            ahead[left] = ahead[right]
            if ahead[right] < count:
                behind[ahead[right]] = left
            consider(behind[left])
            consider(left)
        return [token for token in tokens if token >= 0]

    def _pair(self, left: int, right: int) -> tuple[int, int] | None:
        """The rank of the merge of two tokens, and what they become."""
        key = left * _PAIR_BASE + right
        if key in self._pairs:
            return self._pairs[key]
        at = min(int(np.searchsorted(self._keys, key)), len(self._keys) - 1)
        found = (int(self._ranks[at]), int(self._joined[at])) if self._keys[at] == key else None
        if len(self._pairs) < _MOST_REMEMBERED:
            self._pairs[key] = found
        return found


def scheme_as_json(scheme: Scheme) -> str:
    """What `MappedBpe.open` reads."""
    return json.dumps(asdict(scheme), ensure_ascii=False)


def table_of(
    pairs: NDArray[np.int64], joined: NDArray[np.int64], letters: dict[int, int], byte_tokens: Sequence[int]
) -> NDArray[np.int64]:
    """The table: `pairs` (m, 2) of tokens in the order of their merges, what each becomes (m,), tokens of letters."""
    keys = pairs[:, 0] * _PAIR_BASE + pairs[:, 1]
    order = np.argsort(keys)
    points = sorted(letters)
    tokens = [letters[point] for point in points]
    return np.concatenate([keys[order], order, joined[order], points, tokens, byte_tokens]).astype(np.int64)
