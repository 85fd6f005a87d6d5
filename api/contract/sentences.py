"""Sentences in their parts, so that whoever shows them can say them in another language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vasari.api.contract.scalars import Fields
from vasari.retrieval.errors import Sentence


def sentence_fields(sentence: str, clean: Callable[[str], str] = str) -> Fields:
    """English `text` with `{name}` (or `{name:,}`, a count) where one of the `values` belongs.

    A value is a number, a string, a list of English phrases, or a sentence in its parts. `clean` is done to the
    text and to strings.
    """
    if not isinstance(sentence, Sentence):
        return {"text": clean(sentence), "values": {}}
    return {
        "text": clean(sentence.template),
        "values": {name: _value(value, clean) for name, value in sentence.values.items()},
    }


def _value(value: Any, clean: Callable[[str], str]) -> Any:
    match value:
        case Sentence():
            return sentence_fields(value, clean)
        case str():
            return clean(value)
        case tuple():
            return list(value)
    return value


def read_sentence(words: str, said: Mapping[str, Any]) -> str:
    """The inverse, of a sentence and its parts."""
    if not said["values"]:
        return words
    values = {
        name: tuple(value) if isinstance(value, list) else _read(value)
        for name, value in said["values"].items()
    }
    return Sentence(said["text"], **values)


def _read(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return read_sentence(value["text"], value) if value["values"] else Sentence(value["text"])
