"""The terminal letter by letter: raw mode (termios) on an alternate screen, whatever stdin and stdout are."""

from __future__ import annotations

import codecs
import os
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from vasari.retrieval.errors import UsageError

_ENTER = "\x1b[?1049h\x1b[?25h"
_LEAVE = "\x1b[?1049l"
_ESCAPE_SECONDS = 0.05  # after which an Esc is the key, and no beginning of an arrow's sequence


class Key(Enum):
    """A key that writes nothing."""

    ENTER = "enter"
    LEAVE = "leave"  # Esc, Ctrl-C, Ctrl-D
    BACK = "back"
    CLEAR = "clear"  # Ctrl-U
    WORD = "word"  # Ctrl-W: the last word goes
    UP = "up"
    DOWN = "down"
    OPEN = "open"  # Ctrl-O
    OTHER = "other"


_CONTROLS = {
    "\r": Key.ENTER, "\n": Key.ENTER, "\x03": Key.LEAVE, "\x04": Key.LEAVE, "\x7f": Key.BACK, "\x08": Key.BACK,
    "\x15": Key.CLEAR, "\x17": Key.WORD, "\x0f": Key.OPEN, "\x10": Key.UP, "\x0e": Key.DOWN,
}  # fmt: skip
_ARROWS = {"[A": Key.UP, "OA": Key.UP, "[B": Key.DOWN, "OB": Key.DOWN}


class RawTerminal:
    """A terminal that hands over each key as it is pressed, and shows what it is given."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._pending = ""

    def keys(self, seconds: float | None) -> list[str | Key]:
        """What was typed: letters and keys in order; nothing where nothing came within so many seconds."""
        if not self._waits(seconds):
            return []
        self._read()
        while self._pending.endswith("\x1b") and self._waits(_ESCAPE_SECONDS):
            self._read()
        typed, self._pending = self._pending, ""
        return list(keys_of(typed))

    def show(self, lines: Sequence[str], column: int) -> None:
        """Fill the screen with lines that fit it, the cursor in the first one at `column`."""
        body = "\x1b[K\r\n".join(lines)
        self._write(f"\x1b[?25l\x1b[H{body}\x1b[K\x1b[J\x1b[1;{column + 1}H\x1b[?25h")

    def size(self) -> os.terminal_size:
        """Columns and lines."""
        return os.get_terminal_size(self._number)

    def _waits(self, seconds: float | None) -> bool:
        return bool(select.select([self._number], [], [], seconds)[0])

    def _read(self) -> None:
        data = os.read(self._number, 4096)
        self._pending += self._decoder.decode(data) if data else "\x04"  # the terminal is gone

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._number, data) :]


@contextmanager
def raw_terminal() -> Iterator[RawTerminal]:
    """The terminal this process belongs to, as it was afterwards; UsageError where it belongs to none."""
    try:
        import termios  # not on Windows
        import tty

        number = os.open("/dev/tty", os.O_RDWR)
    except (ImportError, OSError):
        raise UsageError("an interactive search needs a terminal (and is not there on Windows)") from None
    terminal = RawTerminal(number)
    try:
        before = termios.tcgetattr(number)
        tty.setraw(number)
        os.write(number, _ENTER.encode())
        try:
            yield terminal
        finally:
            os.write(number, _LEAVE.encode())
            termios.tcsetattr(number, termios.TCSADRAIN, before)
    finally:
        os.close(number)


def keys_of(typed: str) -> Iterator[str | Key]:
    """The letters and keys in what a terminal sent."""
    place = 0
    while place < len(typed):
        letter = typed[place]
        place += 1
        if letter == "\x1b":
            sequence = _sequence(typed[place:])
            place += len(sequence)
            yield _ARROWS.get(sequence, Key.OTHER) if sequence else Key.LEAVE
        elif letter in _CONTROLS:
            yield _CONTROLS[letter]
        elif letter.isprintable():
            yield letter


def _sequence(rest: str) -> str:
    """What belongs to an escape: `[`, parameters and a letter (CSI), `O` and a letter (SS3); to a bare Esc nothing."""
    if rest[:1] == "O":
        return rest[:2]
    if rest[:1] != "[":
        return ""
    end = next((place for place, letter in enumerate(rest[1:], 1) if "@" <= letter <= "~"), len(rest) - 1)
    return rest[: end + 1]
