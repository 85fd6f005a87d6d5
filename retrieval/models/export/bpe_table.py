"""Gemma's tokenizer written as a table that is mapped into memory (`mapped_bpe`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vasari.retrieval.models.mapped_bpe import (
    SCHEME_FILE,
    TABLE_FILE,
    MappedBpe,
    Scheme,
    scheme_as_json,
    table_of,
)
from vasari.retrieval.models.tokenizers import JSON_FILE, JsonTokenizer, TextPreprocessing

_SPLIT = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
_UNUSED = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges")
SAMPLE = (
    "a photo of a cat",
    "ein rotes Boot unter blauem Himmel, zwölf Häuser",
    "夕暮れの灯台と赤い船 雪中的灯塔和两只狗",
    "سفينة حمراء लाल नाव 🦊🏽 ａｂｃ",
    "it's 10 o'clock: naïve façade  and   spaces",
    "",
    "many words " * 60,
)


def write(directory: Path, settings: TextPreprocessing) -> bool:
    """Write the table of the tokenizer.json in `directory`; False for another kind, which is read as it is."""
    content: dict[str, Any] = json.loads((directory / JSON_FILE).read_text(encoding="utf-8"))
    try:
        table, scheme = _read(content)
    except (KeyError, TypeError, ValueError):
        return False
    if settings.pad_left or settings.strip_sep_id is not None:
        return False
    np.save(directory / TABLE_FILE, table)
    (directory / SCHEME_FILE).write_text(scheme_as_json(scheme), encoding="utf-8")
    mine, theirs = (kind.open(directory, settings)(SAMPLE) for kind in (MappedBpe, JsonTokenizer))
    if np.array_equal(mine, theirs):
        return True
    for name in (TABLE_FILE, SCHEME_FILE):
        (directory / name).unlink()
    return False


def _read(content: Mapping[str, Any]) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Scheme]:
    """The table and what goes on around it; KeyError, TypeError or ValueError for what is not of Gemma's kind."""
    model, words = content["model"], content["model"]["vocab"]
    if model["type"] != "BPE" or not model["byte_fallback"] or any(model.get(name) for name in _UNUSED):
        raise ValueError("another model")
    if content["pre_tokenizer"] not in (None, _SPLIT):
        raise ValueError("another way to split")
    steps = tuple(_step(step) for step in _steps(content["normalizer"]))
    if content["pre_tokenizer"] is None and not any(step[:2] == ("replace", " ") for step in steps):
        raise ValueError("words are split at spaces")
    before, after = around(content["post_processor"])
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
    numbers = np.array([(words[left], words[right]) for left, right in pairs], np.int64).reshape(-1, 2)
    joined = np.array([words[left + right] for left, right in pairs], np.int64)
    letters = {ord(word): number for word, number in words.items() if len(word) == 1}
    byte_tokens = [words[f"<0x{byte:02X}>"] for byte in range(256)]
    special = tuple(token["content"] for token in content["added_tokens"])
    scheme = Scheme(steps, before, after, special, len(joined), len(letters))
    if not letters or not len(joined):
        raise ValueError("no words")
    return table_of(numbers, joined, letters, byte_tokens), scheme


def _steps(normalizer: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if normalizer is None:
        return []
    return list(normalizer["normalizers"]) if normalizer["type"] == "Sequence" else [normalizer]


def _step(step: Mapping[str, Any]) -> tuple[str, ...]:
    if step["type"] == "Lowercase":
        return ("lower",)
    if step["type"] != "Replace":
        raise ValueError("another way to normalise")
    return "replace", step["pattern"]["String"], step["content"]


def around(processor: Mapping[str, Any] | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The tokens before and behind those of a text; ValueError for another way to mark texts."""
    if processor is None:
        return (), ()
    if processor["type"] != "TemplateProcessing":
        raise ValueError("another way to mark texts")
    before: list[int] = []
    after: list[int] = []
    marks = before
    for part in processor["single"]:
        if "Sequence" in part:
            marks = after
        else:
            marks += processor["special_tokens"][part["SpecialToken"]["id"]]["ids"]
    return tuple(before), tuple(after)
