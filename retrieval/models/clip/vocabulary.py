"""Whether a tokenizer is the whole of what its model was trained with.

Of half its files transformers makes a tokenizer that knows special tokens only: every text then is a row of unknown
words, and every query gets the same vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import ModelUnavailableError

Numbers = Callable[[tuple[str, str]], Sequence[Sequence[int]]]  # of the words of two sentences, without marks

_LEAST_SHARE = 0.9  # of the model's words: tables are padded to a round number, by less than a hundredth
_MEND = "not all of its files came; fetch them again (`vasari models pull NAME --force`)"
_PAIRS = (
    ("a red boat", "my big dogs"),
    ("ein Haus am See", "der Hund im Tal"),
    ("красный дом", "большая рыба"),
    ("红色的船", "两只大狗"),
    ("赤い船と犬", "白い家の人"),
    ("سفينة حمراء", "كلاب كبيرة"),
    ("लाल नाव", "बड़ा घर"),
)
"""Different sentences of as many words or letters; a tokenizer of one script knows the letters of its own."""


def check_vocabulary(words: Any, tower: Any, where: Path) -> None:
    """Raise ModelUnavailableError where a tokenizer of transformers lacks the model's words, or tells no texts apart.

    `tower` is the module that reads the tokens; its largest table of embeddings is that of the words.
    """
    from torch import nn

    rows = max((part.num_embeddings for part in tower.modules() if isinstance(part, nn.Embedding)), default=0)
    check_words(len(words), partial(numbers, words), rows, where)


def check_words(count: int, read: Numbers, rows: int, where: Path) -> None:
    """`check_vocabulary` of a tokenizer of `count` words whose model has so many rows of them."""
    if count < _LEAST_SHARE * rows:
        raise ModelUnavailableError(
            f"{where} has a tokenizer of {count:,} words for a model of {rows:,}: {_MEND}"
        )
    if all(one == other for one, other in map(read, _PAIRS)):
        raise ModelUnavailableError(f"{where} has a tokenizer that tells no two sentences apart: {_MEND}")


def numbers(words: Any, pair: tuple[str, str]) -> Sequence[Sequence[int]]:
    """The numbers of the words of two sentences, by a tokenizer of transformers."""
    found: Sequence[Sequence[int]] = words(list(pair), add_special_tokens=False)["input_ids"]
    return found
