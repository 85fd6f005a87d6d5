"""JSON lines beside a dataset: rows with the fields that are needed, and what is wrong with each other line."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import UsageError


def read_rows(
    file: Path, needed: Sequence[str], lists: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows that can be used, and what is wrong with each other line; UsageError where there is nothing else.

    Fields are strings, those named by `lists` lists of strings; what is neither is left out.
    """
    found, broken = [], []
    for number, line in enumerate(file.read_bytes().removeprefix(BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            broken.append(f"{file.name}, line {number}: not valid JSON ({error})")
            continue
        known = row if isinstance(row, dict) else {}
        usable = {name: value for name, value in known.items() if _is_text(value, name in lists)}
        lacking = [name for name in (*needed, *lists) if name not in usable]
        if lacking:
            broken.append(f"{file.name}, line {number}: lacks {', '.join(lacking)}")
        else:
            found.append(usable)
    if broken and not found:
        raise UsageError(f"{file.parent}: no line of it can be used: {broken[0]}")
    return found, broken


def _is_text(value: object, several: bool) -> bool:
    if several:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    return isinstance(value, str)
