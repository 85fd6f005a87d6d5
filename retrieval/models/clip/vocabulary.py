"""Whether a tokenizer is the whole of what its model was trained with.

Of half its files transformers makes a tokenizer that knows special tokens only: every text then is a row of unknown
words, and every query gets the same vector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.models.clip.builder import tokenize

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


def check_vocabulary(tokenizer: Any, tower: nn.Module, where: Path) -> None:
    """Raise ModelUnavailableError for a tokenizer that lacks the model's words, or tells no two sentences apart."""
    words = getattr(tokenizer, "tokenizer", None)
    if words is None:  # CLIP's byte pairs come with open_clip
        return
    rows = max((part.num_embeddings for part in tower.modules() if isinstance(part, nn.Embedding)), default=0)
    if len(words) < _LEAST_SHARE * rows:
        raise ModelUnavailableError(
            f"{where} has a tokenizer of {len(words):,} words for a model of {rows:,}: {_MEND}"
        )
    tokens = [tokenize(tokenizer, pair) for pair in _PAIRS]
    if all((pair[0] == pair[1]).all() for pair in tokens):
        raise ModelUnavailableError(f"{where} has a tokenizer that tells no two sentences apart: {_MEND}")
