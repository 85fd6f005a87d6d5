"""Text preprocessing and tokenizers without torch or transformers: from texts to rows of token numbers.

CLIP's byte pairs are looked up in a memory-mapped table: reading the same 49,000 merges from a `tokenizer.json`
takes 140 ms of a search that has 400. Other tokenizers are read by the `tokenizers` library.
"""

from __future__ import annotations

import html
import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation

Tokens = NDArray[np.int64]

MERGES_FILE = "merges.npy"
JSON_FILE = "tokenizer.json"

# Token numbers: 256 bytes, 256 bytes that end a word, then the merges in order, then two marks.
_FIRST_MERGE = 512
_WORD_END = 256
_PAIR_BASE = 1 << 32
_BYTES_A_TOKEN = 8  # of words so long that they fill a row: more than tokens of such words have
_MOST_REMEMBERED = 100_000  # words and pairs
_LONGEST_REMEMBERED = 64  # letters of a word
_MARKS = re.compile(r"(<start_of_text>|<end_of_text>)")
_CONTRACTION = re.compile(r"'(?:s|t|re|ve|m|ll|d)", re.IGNORECASE)


class Crop(StrEnum):
    """How much of a padded token row a text tower has to see for an unchanged result."""

    POOLED = "pooled"  # causal attention: nothing after the position that is pooled
    PADDING = "padding"  # padding is masked: nothing after the last real token
    NONE = "none"  # all of it: padding takes part (SigLIP), or the last position is pooled


@dataclass(frozen=True, slots=True)
class TextPreprocessing:
    """How texts become rows of tokens, and which columns of them matter."""

    context_length: int
    clean: str = "lower"  # open_clip's names: lower, whitespace, canonicalize; or none
    pad_id: int = 0
    crop: Crop = Crop.NONE
    pool: str = "argmax"  # POOLED only: argmax (highest token), eos, first
    eos_id: int | None = None  # pool eos only
    strip_sep_id: int | None = None  # this token is replaced by 0
    pad_left: bool = False

    def needed_lengths(self, tokens: Tokens) -> NDArray[np.int64]:
        """For each row of `tokens` (n, context), how many columns the tower has to see: (n,), at least 1."""
        if self.crop is Crop.NONE:
            return np.full(len(tokens), tokens.shape[1], dtype=np.int64)
        if self.crop is Crop.PADDING:
            real = tokens != self.pad_id
            behind = np.where(real.any(axis=1), real[:, ::-1].argmax(axis=1), tokens.shape[1] - 1)
            return np.asarray(tokens.shape[1] - behind, dtype=np.int64)
        if self.pool == "first":
            return np.ones(len(tokens), dtype=np.int64)
        ends = tokens == self.eos_id if self.pool == "eos" else tokens
        return np.asarray(ends.argmax(axis=1) + 1, dtype=np.int64)


def clean_text(text: str, kind: str) -> str:
    """open_clip's text cleaning by `kind`: mended encoding, HTML entities resolved, white space joined, and more."""
    if kind == "none":
        return text
    text = html.unescape(html.unescape(_mended(text))).strip()
    if kind == "canonicalize":
        text = text.replace("_", " ").translate(_WITHOUT_PUNCTUATION).lower()
    text = " ".join(text.split())
    return text.lower() if kind == "lower" else text


_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _mended(text: str) -> str:
    """ftfy's repairs; it changes nothing in plain printable ASCII, so that most queries need not import it."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    import ftfy

    return ftfy.fix_text(text)


class Tokenizer(Protocol):
    """Texts to token rows (n, context), padded."""

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Clean, split, crop and pad."""


class ClipTokenizer:
    """OpenAI's byte-pair encoding (Radford et al., 2021), equal to open_clip's `SimpleTokenizer`."""

    def __init__(self, merges: NDArray[np.int64], settings: TextPreprocessing) -> None:
        """`merges` (2, m): sorted keys of pairs, and for each the number of its merge; see `merge_table`."""
        self._keys, self._ranks = merges
        self._settings = settings
        self._start = _FIRST_MERGE + len(self._keys)
        self._byte_tokens = np.argsort(byte_order())
        self._pairs: dict[int, int] = {}
        self._words: dict[str, list[int]] = {
            "<start_of_text>": [self._start],
            "<end_of_text>": [self._start + 1],
        }

    @classmethod
    def open(cls, directory: Path, settings: TextPreprocessing) -> ClipTokenizer:
        """Map the table that was written to `directory`."""
        return cls(np.load(directory / MERGES_FILE, mmap_mode="r"), settings)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Token rows (n, context): start mark, words, end mark, zeros."""
        rows = np.zeros((len(texts), self._settings.context_length), dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            cancellation.check()
            words = (self._word(word) for word in split_words(clean_text(text, self._settings.clean)))
            # What follows is cut off.
            read = islice((token for word in words for token in word), len(row) - 2)
            tokens = [self._start, *read]
            row[: len(tokens)] = tokens
            row[len(tokens)] = self._start + 1
        return rows

    def _word(self, word: str) -> list[int]:
        if (tokens := self._words.get(word)) is None:
            tokens = self._merged(word)
            if len(word) <= _LONGEST_REMEMBERED and len(self._words) < _MOST_REMEMBERED:
                self._words[word] = tokens
        return tokens

    def _merged(self, word: str) -> list[int]:
        """Join the most frequent known pair, again and again, everywhere it occurs.

        The time grows with the square of the length, so the end of a word that no row could hold is not looked at.
        """
        letters = word.encode()
        longest = _BYTES_A_TOKEN * self._settings.context_length
        tokens: list[int] = self._byte_tokens[list(letters[:longest])].tolist()
        if len(letters) <= longest:
            tokens[-1] += _WORD_END
        ranks = [self._rank(left, right) for left, right in pairwise(tokens)]
        while ranks and (best := min(ranks)) < len(self._ranks):
            at = ranks.index(best)
            tokens[at : at + 2] = [_FIRST_MERGE + best]
            del ranks[at]
            if at > 0:
                ranks[at - 1] = self._rank(tokens[at - 1], tokens[at])
            if at < len(ranks):
                ranks[at] = self._rank(tokens[at], tokens[at + 1])
        return tokens

    def _rank(self, left: int, right: int) -> int:
        """The number of the merge of two tokens; that of all merges if there is none."""
        pair = left * _PAIR_BASE + right
        if (rank := self._pairs.get(pair)) is None:
            at = min(int(np.searchsorted(self._keys, pair)), len(self._keys) - 1)
            rank = int(self._ranks[at]) if self._keys[at] == pair else len(self._ranks)
            if len(self._pairs) < _MOST_REMEMBERED:
                self._pairs[pair] = rank
        return rank


def byte_order() -> list[int]:
    """The bytes in the order of their token numbers: printable ones of Latin-1 first."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return printable + [byte for byte in range(256) if byte not in printable]


def merge_table(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `ClipTokenizer` looks up: `pairs` (m, 2) of token numbers in the order of their merges, sorted: (2, m)."""
    keys = pairs[:, 0] * _PAIR_BASE + pairs[:, 1]
    order = np.argsort(keys)
    return np.stack([keys[order], order])


def split_words(text: str) -> Iterator[str]:
    """CLIP's words: contractions, runs of letters, single numerals, runs of anything else but white space."""
    for part in _MARKS.split(text):
        if _MARKS.fullmatch(part):
            yield part
            continue
        position = 0
        while position < len(part):
            if contraction := _CONTRACTION.match(part, position):
                end = contraction.end()
            else:
                kind, end = _kind(part[position]), position + 1
                while kind != "N" and end < len(part) and _kind(part[end]) == kind:
                    end += 1
            word = part[position:end]
            if not word.isspace():
                yield word
            position = end


def _kind(character: str) -> str:
    """L for letters, N for numerals, Z for white space, P for all else."""
    if character.isalpha():
        return "L"
    if character.isspace():
        return "Z"
    return "N" if unicodedata.category(character)[0] == "N" else "P"


class JsonTokenizer:
    """A Hugging Face tokenizer, cut at the right and padded there as open_clip's `HFTokenizer` does, or at the left."""

    def __init__(self, path: Path, settings: TextPreprocessing) -> None:
        from tokenizers import Tokenizer as Fast

        self._settings = settings
        self._fast = Fast.from_str(path.read_text(encoding="utf-8"))
        self._fast.no_padding()
        self._fast.enable_truncation(settings.context_length)

    @classmethod
    def open(cls, directory: Path, settings: TextPreprocessing) -> JsonTokenizer:
        """Read the tokenizer that was written to `directory`."""
        return cls(directory / JSON_FILE, settings)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Token rows (n, context), padded."""
        settings = self._settings
        rows = np.full((len(texts), settings.context_length), settings.pad_id, dtype=np.int64)
        cleaned = []
        for text in texts:
            cancellation.check()
            cleaned.append(clean_text(text, settings.clean))
        for row, encoded in zip(rows, self._fast.encode_batch(cleaned), strict=True):
            count = len(encoded.ids)
            row[len(row) - count if settings.pad_left else 0 :][:count] = encoded.ids
        if settings.strip_sep_id is not None:
            rows[rows == settings.strip_sep_id] = 0
        return rows
