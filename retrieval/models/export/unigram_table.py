"""A unigram tokenizer (XLM-RoBERTa's, mT5's) written as tables that are mapped into memory (`mapped_unigram`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vasari.retrieval.models.export.bpe_table import SAMPLE, around
from vasari.retrieval.models.mapped_unigram import NUMBERS_FILE, PIECES_FILE, SCHEME_FILE, MappedUnigram
from vasari.retrieval.models.tokenizers import JSON_FILE, JsonTokenizer, TextPreprocessing

_LONGEST = 64  # letters of a piece: each takes the place of the longest


def write(directory: Path, settings: TextPreprocessing) -> bool:
    """Write the tables of the tokenizer.json in `directory`; False for another kind, which is read as it is."""
    content: dict[str, Any] = json.loads((directory / JSON_FILE).read_text(encoding="utf-8"))
    try:
        pieces, numbers, scheme = _read(content)
    except (KeyError, TypeError, ValueError):
        return False
    if settings.pad_left or settings.strip_sep_id is not None:
        return False
    np.save(directory / PIECES_FILE, pieces)
    np.save(directory / NUMBERS_FILE, numbers)
    (directory / SCHEME_FILE).write_text(json.dumps(scheme), encoding="utf-8")
    mine, theirs = (kind.open(directory, settings)(SAMPLE) for kind in (MappedUnigram, JsonTokenizer))
    if np.array_equal(mine, theirs):
        return True
    for name in (PIECES_FILE, NUMBERS_FILE, SCHEME_FILE):
        (directory / name).unlink()
    return False


def _read(content: Mapping[str, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], dict[str, Any]]:
    """The tables and what goes on around them; KeyError, TypeError or ValueError for another kind of tokenizer."""
    model = content["model"]
    if model["type"] != "Unigram" or model["byte_fallback"] or content["pre_tokenizer"] is None:
        raise ValueError("another model")
    words = [str(piece) for piece, _ in model["vocab"]]
    longest = max(map(len, words))
    if longest > _LONGEST or len(set(words)) != len(words) or any("\0" in word for word in words):
        raise ValueError("pieces that no table holds")
    pieces = np.array(words, dtype=f"<U{longest}")
    order = np.argsort(pieces)
    scores = np.array([score for _, score in model["vocab"]], np.float64)
    before, after = around(content["post_processor"])
    unknown = int(model["unk_id"])
    outline = dict(content) | {
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [[words[unknown], 0.0]], "byte_fallback": False},
        "added_tokens": [],
        "post_processor": None,
        "truncation": None,
        "padding": None,
    }
    scheme = {
        "outline": outline,
        "before": before,
        "after": after,
        "special": [token["content"] for token in content["added_tokens"]],
        "unknown": unknown,
        "least": float(scores.min()),
    }
    return pieces[order], np.stack([order.astype(np.float64), scores[order]]), scheme
