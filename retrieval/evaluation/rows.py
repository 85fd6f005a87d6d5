"""JSON lines and CSV beside a dataset: rows with the fields that are needed, and what is wrong with each other line."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.storage.delimited import Delimited
from vasari.retrieval.storage.filesystem import readable
from vasari.retrieval.storage.text_files import opened_text, plain


def read_rows(
    file: Path, needed: Sequence[str], lists: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows that can be used, and what is wrong with each other line; UsageError where there is nothing else.

    Fields are strings, those named by `lists` lists of strings; what is neither is left out.
    """
    found: list[dict[str, Any]] = []
    broken: list[str] = []
    for number, known in _lines(file, broken):
        usable = {name: value for name, value in known.items() if _is_text(value, name in lists)}
        lacking = [name for name in (*needed, *lists) if name not in usable]
        if lacking:
            broken.append(f"{file.name}, line {number}: lacks {', '.join(lacking)}")
        else:
            found.append(usable)
    if broken and not found:
        raise UsageError(f"{file.parent}: no line of it can be used: {broken[0]}")
    return found, broken


def read_objects(file: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines that are JSON objects, whatever their fields, and what is wrong with each other line."""
    broken: list[str] = []
    found = [row for _, row in _lines(file, broken)]
    return found, broken


def _lines(file: Path, broken: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line's number and object, {} for what is none; lines that are no JSON are told to `broken`."""
    for number, line in enumerate(file.read_bytes().removeprefix(BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            broken.append(f"{file.name}, line {number}: not valid JSON ({error})")
        else:
            yield number, row if isinstance(row, dict) else {}


def read_csv(file: Path, needed: Sequence[str]) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """The rows with the number of their line, and the lines that cannot be used.

    Raises UsageError where the file cannot be read, or lacks a column that is needed.
    """
    rows: list[tuple[int, dict[str, str]]] = []
    broken: list[str] = []
    try:
        with readable(UsageError), opened_text(str(file)) as lines:
            table = Delimited(map(plain, lines))
            if lacking := [name for name in needed if name not in table.names]:
                raise UsageError(
                    f"{file} has no column {', '.join(lacking)}: it has {', '.join(table.names)}"
                )
            for number, fields in table.rows():
                if isinstance(fields, str):
                    broken.append(f"{file.name}, line {number}: {fields}")
                else:
                    rows.append((number, dict(zip(table.names, fields, strict=True))))
    except ImageError as error:
        raise UsageError(f"{file}: {error}") from error
    return rows, broken


def _is_text(value: object, several: bool) -> bool:
    if several:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    return isinstance(value, str)
