"""What models that generate text share: questions made readable, and stopping between two tokens."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from vasari.retrieval import cancellation
from vasari.retrieval.errors import UsageError

MAX_QUESTION = 512  # characters; or tokens, where a model has room for as many
_MARKS = re.compile(r"<[^<>\s]*>")


def without_marks(text: str) -> str:
    """A text without marks that mean something to a model (`<image>`, `<OD>`), and without spaces around it."""
    return _MARKS.sub(" ", text).strip()


def readable_words(text: str, tokenizer: Any, room: int) -> str:
    """What is asked, without marks, cropped to `room` tokens.

    Raises UsageError for one without words.
    """
    words = without_marks(text[:MAX_QUESTION])
    if not words:
        raise UsageError("the text has no words")
    tokens = tokenizer(
        words, add_special_tokens=False, truncation=True, max_length=room, return_offsets_mapping=True
    )
    places = tokens["offset_mapping"]
    # The last of a full row may be a part of a letter: an emoji is several tokens.
    return words if len(places) < room else words[: places[-1][0]]


def go_on(tokens: Tensor, _scores: Any) -> Tensor:
    """Stopping criterion between two tokens, for each row (n,); AbandonedError if nobody waits any more."""
    cancellation.check()
    return torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
