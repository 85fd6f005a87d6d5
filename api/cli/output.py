"""What every command prints with: JSON, lines and paths. Nothing else writes to stdout and stderr.

Text for people (`line`, `entry`, `note`) has no control characters, wherever it goes; on a terminal it is fitted to
the width. Data for programs (`paths`, JSON) reaches a pipe or file as it is, and a terminal escaped, as `ls` does it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

import click

from vasari.api.cli import terminal
from vasari.api.json_text import as_json
from vasari.retrieval.errors import StorageError

_UNSHOWN = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_ERASE = "\r\x1b[K"  # the line the cursor is in


class OutputError(StorageError):
    """Standard output takes nothing more: its disk is full, or it is closed."""


class _Waiting:
    """What is said while nothing can be said yet: one line on a terminal, which the next output takes away."""

    shown = False


def print_json(value: Any) -> None:
    """One document, indented for people, valid for programs."""
    _print_json(as_json(value, indent=2))


def print_json_lines(values: Iterable[Any]) -> None:
    """One document a line."""
    for value in values:
        _print_json(as_json(value))


def leave(code: int = 0) -> None:
    """End the program with this exit code and what was written so far, without waiting for threads that still work."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def counted(count: int, one: str, many: str) -> str:
    """A number with what is counted: "1 picture", "1,500 pictures"."""
    return f"{count:,} {one if count == 1 else many}"


def line(text: str) -> None:
    """One line of a result on stdout; on a terminal, as many as it needs."""
    _write("\n".join(_fitted(sys.stdout, text)))


def entry(before: str, name: str, after: str = "", *, link: str | None = None, strong: bool = False) -> None:
    """A line of a list whose `name` loses its middle where a terminal is too narrow for it, and is a `link` there.

    With `strong` what stands before the name is bold on a terminal.
    """
    before, name, after = map(terminal.visible, (before, name, after))
    if _is_terminal(sys.stdout):
        name = terminal.shortened(name, columns() - terminal.width(before + after))
    if strong and has_colour():
        before = terminal.bold(before)
    _write(f"{before}{linked(name, link)}{after}")


def heading(text: str) -> None:
    """What the columns below are, for a person at a terminal; a pipe gets the rows alone."""
    if _is_terminal(sys.stdout):
        _write(terminal.dim(text) if has_colour() else text)


def linked(name: str, link: str | None) -> str:
    """The name, visible and fitted already, as a hyperlink where stdout is a terminal that has them."""
    return name if link is None or not has_links() else terminal.hyperlink(name, link)


def has_colour() -> bool:
    """Whether stdout is a terminal that shows bold and dim, and nobody asked for none (https://no-color.org)."""
    return has_links() and not os.environ.get("NO_COLOR")


def has_links() -> bool:
    """Whether stdout is a terminal that takes hyperlinks, or at least swallows them: all but consoles and dumb ones."""
    return _is_terminal(sys.stdout) and os.environ.get("TERM", "dumb") not in ("", "dumb", "linux")


def relative(path: str) -> str:
    """A path below the current folder, from there, if stdout is a terminal; anything else as it is."""
    if not _is_terminal(sys.stdout):
        return path
    try:
        here = os.getcwd()  # noqa: PTH109 (pathlib's normalises)
    except OSError:  # it was removed
        return path
    return path.removeprefix(here.rstrip("/") + "/")


def table(rows: Sequence[Sequence[str]], name: int = 0) -> None:
    """Columns as wide as their widest cell; on a terminal, column `name` gives way where all need more than it has."""
    cells = [[terminal.visible(cell) for cell in row] for row in rows]
    if not cells:
        return
    widths = [max(map(terminal.width, column)) for column in zip(*cells, strict=True)]
    if _is_terminal(sys.stdout):
        others = sum(widths) - widths[name] + 2 * (len(widths) - 1)
        widths[name] = max(min(widths[name], columns() - others), 8)
    for row in cells:
        row[name] = terminal.shortened(row[name], widths[name])
        padded = [cell + " " * (wide - terminal.width(cell)) for cell, wide in zip(row, widths, strict=True)]
        _write("  ".join(padded).rstrip())


def note(text: str) -> None:
    """One line for the person, on stderr."""
    _say(_fitted(sys.stderr, text))


def caret(text: str, column: int) -> None:
    """What was typed with a caret under its mistake, on stderr; of a long text, the part around it."""
    room = (columns() if _is_terminal(sys.stderr) else 80) - 4
    first = max(0, min(column - room // 2, len(text) - room))
    shown = ("…" if first else "") + terminal.visible(text[first:column])
    rest = terminal.visible(text[column : first + room]) + ("…" if first + room < len(text) else "")
    _say([f"  {shown}{rest}", f"  {' ' * terminal.width(shown)}^"])


def paths(names: Iterable[str], *, zero: bool = False) -> None:
    """File names: the very bytes for a pipe, one a line, or ended by NUL as `xargs -0` reads them."""
    end = "\0" if zero else "\n"
    if _is_terminal(sys.stdout):
        for name in names:
            _write(terminal.visible(name), end)
        return
    data = b"".join(os.fsencode(name) + end.encode() for name in names)
    with _taking() as stream:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()


def verbatim(text: str) -> None:
    """What we wrote ourselves, unchanged: the escape sequences that draw a picture, a script for a shell."""
    _write(text)


def waiting(text: str) -> None:
    """Say on a terminal that work has begun; the next output replaces it. A pipe hears nothing."""
    if _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
        no_longer_waiting()
        sys.stderr.write(terminal.shortened(text, columns() - 1))
        sys.stderr.flush()
        _Waiting.shown = True


def no_longer_waiting() -> None:
    """Take that line away; whatever draws on the terminal itself calls it first."""
    if _Waiting.shown:
        _Waiting.shown = False
        sys.stderr.write(_ERASE)
        sys.stderr.flush()


def confirmed(question: str) -> bool:
    """Ask a person for a yes."""
    no_longer_waiting()
    try:
        return click.confirm(terminal.visible(question), err=True)
    except click.Abort:
        note("")  # below the question
        raise


def can_ask() -> bool:
    """Whether a person is there who can answer a question; stdin and stderr may be closed."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def columns() -> int:
    """How wide the terminal is."""
    return max(terminal.NARROWEST, shutil.get_terminal_size().columns)


def _print_json(text: str) -> None:
    if _is_terminal(sys.stdout):  # still the same document
        text = _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    _write(text)


def _fitted(stream: TextIO | None, text: str) -> list[str]:
    """The text without control characters, in the lines that the stream has room for."""
    text = terminal.visible(text)
    return terminal.wrapped(text, columns()) if _is_terminal(stream) else [text]


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _encodable(stream: TextIO, text: str) -> str:
    """What the stream's encoding lacks is shown as `?`."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _write(text: str, end: str = "\n") -> None:
    """Write to stdout, at once."""
    with _taking() as stream:
        stream.write(_encodable(stream, text + end))
        stream.flush()


def _say(lines: list[str]) -> None:
    """Write to stderr; where that is closed or full, nobody is left who could be told of it."""
    no_longer_waiting()
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(_encodable(sys.stderr, "\n".join([*lines, ""])))
            sys.stderr.flush()


@contextlib.contextmanager
def _taking() -> Iterator[TextIO]:
    """Stdout, to be written to: OutputError if it refuses, but a reader that has left stays a BrokenPipeError."""
    no_longer_waiting()
    if sys.stdout is None:
        raise OutputError("the answer cannot be written: standard output is closed")
    try:
        yield sys.stdout
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the answer cannot be written to standard output: {error.strerror}") from error
