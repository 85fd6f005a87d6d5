"""Rows in JSON: one object a line (JSON lines), an array of objects, or one document that holds them.

A document may be an array, `{"data": [...]}`, columns (`{"image": {"0": ...}, ...}` as pandas writes, or lists), or
rows by key. An element that is broken is one row's trouble; reading goes on with the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeGuard

from vasari.retrieval.storage.text_files import is_shallow, parse_json

_OPEN = ("{", "[", ",", ":")  # what a line ends with that is no whole value
_NEXT = re.compile(r"[}\]\"\w]\s*,\s*(?=[{\[])|[}\n]\s*(?=\{)")  # where the next element may begin
_SPACE = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


class Broken(str):
    """What is wrong with a row, in words."""

    __slots__ = ()


def json_rows(
    lines: Iterable[str],
    is_row: Callable[[Mapping[str, Any]], bool] = lambda _: False,
    is_name: Callable[[str], bool] = lambda _: False,
) -> Iterator[Any]:
    """The rows, or `Broken` for those that cannot be read.

    `is_row` says of a document that is one object whether it is itself a row, `is_name` of a key whether it names a
    picture.
    """
    waiting = (line for line in lines if line.strip())
    first = next(waiting, None)
    if first is None:
        return
    if first.lstrip("\ufeff \t").startswith("["):
        text = first + "".join(waiting)
        yield from _elements(text, text.index("[") + 1, "]")
        return
    second = next(waiting, None)
    if second is None or _goes_on(first):
        yield from _document([first, *([] if second is None else [second]), *waiting], is_row, is_name)
        return
    for line in chain([first, second], waiting):
        yield from values_in(line)


def values_in(line: str) -> list[Any]:
    """The values on a line: one, or several one after the other; `Broken` for what is none."""
    value = _value(line)
    follows = isinstance(value, Broken) and "Extra data" in value
    return list(_elements(line, 0, "")) if follows else [value]


def _goes_on(line: str) -> bool:
    """Whether a line is only the beginning of a value."""
    return line.rstrip().endswith(_OPEN) and isinstance(_value(line), Broken)


def _value(text: str) -> Any:
    try:
        return parse_json(text.rstrip().removesuffix(","))
    except ValueError as error:
        return Broken(error)


def _elements(text: str, place: int, end: str) -> Iterator[Any]:
    """The elements of an array, or values one after the other; behind a broken one the next is looked for."""
    while True:
        place = _after_space(text, place)
        if place >= len(text):
            if end:
                yield Broken("the array is not closed")
            return
        if text[place] == end:
            return
        value, place = _element(text, place)
        yield value


def _element(text: str, place: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError) as error:
        found = _NEXT.search(text, place + 1)
        reason = "its JSON is nested too deeply" if isinstance(error, RecursionError) else str(error)
        return Broken(f"not valid JSON ({reason})"), len(text) if found is None else found.end()
    return value if is_shallow(value) else Broken("its JSON is nested too deeply"), end


def _document(
    lines: Sequence[str], is_row: Callable[[Mapping[str, Any]], bool], is_name: Callable[[str], bool]
) -> Iterator[Any]:
    """One value over all lines; where it is none, the lines after all, or values of several lines each."""
    value = _value("".join(lines))
    if isinstance(value, Broken) and "Extra data" in value and len(lines) == 1:
        yield from values_in(lines[0])
    elif isinstance(value, Broken) and len(lines) > 1:
        if any(isinstance(values_in(line)[0], dict) for line in lines):
            yield from chain.from_iterable(map(values_in, lines))
        else:
            yield from _elements("".join(lines), 0, "")
    elif isinstance(value, dict) and not is_row(value):
        yield from _rows_within(value, is_name)
    else:
        yield value


def _rows_within(value: Mapping[str, Any], is_name: Callable[[str], bool]) -> Iterator[Any]:
    """The rows that one object holds, or stands for."""
    lists = [entry for entry in value.values() if _is_table(entry)]
    names, split = value.get("columns"), value.get("data")
    if isinstance(names, list) and _are_lists(split, len(names)):  # pandas, orient="split"
        for entry in split:
            yield dict(zip(map(str, names), entry, strict=True))
    elif len(lists) == 1:
        yield from lists[0]
    elif value and all(map(is_name, value)):
        for name, said in value.items():
            yield {"image": name, **said} if isinstance(said, dict) else {"image": name, "caption": said}
    elif _are_columns(value):
        columns = [column.values() if isinstance(column, dict) else column for column in value.values()]
        for row in zip(*columns, strict=True):
            yield dict(zip(value, row, strict=True))
    elif value and all(isinstance(entry, dict) for entry in value.values()):
        yield from value.values()
    else:
        yield value


def _is_table(entry: object) -> bool:
    return isinstance(entry, list) and bool(entry) and all(isinstance(row, dict) for row in entry)


def _are_lists(entry: object, length: int) -> TypeGuard[list[list[Any]]]:
    return (
        isinstance(entry, list)
        and bool(entry)
        and all(isinstance(row, list) and len(row) == length for row in entry)
    )


def _are_columns(value: Mapping[str, Any]) -> bool:
    """Whether all fields are lists, or objects with the same keys, of one length."""
    columns: Sequence[Any] = list(value.values())
    if len(columns) < 2:
        return False
    if all(isinstance(column, dict) for column in columns):
        return all(list(column) == list(columns[0]) and column for column in columns) and all(
            key.isdecimal() for key in columns[0]
        )
    return (
        all(isinstance(column, list) for column in columns) and len({len(column) for column in columns}) == 1
    )


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
