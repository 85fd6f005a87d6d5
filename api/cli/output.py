"""What every command prints with: JSON, lines and paths, safe for any file name.

Paths may hold bytes that are no UTF-8 (surrogate escapes in Python). `paths` writes the bytes themselves, so that a
pipe gets the real name; JSON writes such characters as escapes; text for people shows them as `?`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text; real characters where they can be encoded."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, default=str)
    return text


def print_json(value: Any) -> None:
    """One document, indented for people, valid for programs."""
    line(as_json(value, indent=2))


def print_json_lines(values: Iterable[Any]) -> None:
    """One document a line."""
    for value in values:
        line(as_json(value))


def line(text: str) -> None:
    """One line of a result on stdout."""
    _write(text, sys.stdout)


def note(text: str) -> None:
    """One line for the person, on stderr."""
    _write(text, sys.stderr)


def paths(names: Iterable[str], *, zero: bool = False) -> None:
    """File names for a pipe: one a line, or ended by NUL as `xargs -0` reads them."""
    sys.stdout.flush()
    end = b"\0" if zero else b"\n"
    for name in names:
        sys.stdout.buffer.write(os.fsencode(name) + end)
    sys.stdout.buffer.flush()


def _write(text: str, stream: TextIO) -> None:
    """One line, at once; what the stream's encoding lacks is shown as `?`."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()
