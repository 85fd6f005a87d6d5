"""What is stored comes back, or is mended for reading."""

from __future__ import annotations

import json
import os
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vasari.retrieval.catalog.encoding import (
    ESCAPE,
    json_text,
    original_uri,
    stored_text,
    stored_uri,
    uri_key,
)

any_text = st.text(st.characters(exclude_categories=()) | st.sampled_from("\x00\x1a0df\ud800\udcff"))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=12,
)


@given(any_text)
def test_any_uri_comes_back(uri: str) -> None:
    """Whatever the characters, what is stored is UTF-8 without NUL, and reads back as it was."""
    stored = stored_uri(uri)
    assert "\x00" not in stored.encode().decode()
    assert original_uri(stored) == uri


@given(st.binary())
def test_any_file_name_comes_back(name: bytes) -> None:
    """The bytes of a POSIX file name survive."""
    assert os.fsencode(original_uri(stored_uri(os.fsdecode(name)))) == name


@given(any_text, any_text)
def test_prefixes_stay_prefixes(folder: str, name: str) -> None:
    """Storing a folder and a name one by one is storing the path, so that folders can be searched in SQL."""
    assert stored_uri(folder) + stored_uri(name) == stored_uri(folder + name)


@given(any_text, any_text)
def test_different_uris_have_different_keys(one: str, other: str) -> None:
    """Keys are equal exactly when uris are."""
    assert (uri_key(one) == uri_key(other)) == (one == other)


def test_usual_names_are_stored_as_they_are() -> None:
    """What people look at in the database is what they called their files."""
    for name in ("/photos/50% café 東京.jpg", "https://x.org/a%20b?c=d", "/a\tb\nc.jpg"):
        assert stored_uri(name) == name
    assert stored_uri("/a\x1a") == f"/a{ESCAPE}001a"


@given(any_text)
def test_text_can_be_stored(text: str) -> None:
    """Free text becomes UTF-8 without NUL; text that already is stays as it is."""
    stored = stored_text(text)
    assert b"\x00" not in stored.encode()
    assert stored_text(stored) == stored


@given(any_json)
def test_json_is_strict(value: Any) -> None:
    """Anything like JSON is written as strict UTF-8 JSON without NUL, and a second pass changes nothing."""
    written = json_text(value)
    written.encode()
    read = json.loads(written, parse_constant=refuse)
    assert json_text(read) == written
    assert "\x00" not in "".join(strings(read))


def test_values_that_are_not_json_become_it() -> None:
    """Tuples, sets, dates, bytes and strange keys are written as what they look like."""
    value = {1: (1, 2), "when": date(2024, 5, 1), "raw": b"ab\xff", "set": {3}, "nan": float("nan")}
    assert json.loads(json_text(value)) == {
        "1": [1, 2],
        "when": "2024-05-01",
        "raw": "ab\ufffd",
        "set": [3],
        "nan": None,
    }


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def strings(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for entry in value for text in strings(entry)]
        case dict():
            return [text for key, entry in value.items() for text in [key, *strings(entry)]]
        case _:
            return []
