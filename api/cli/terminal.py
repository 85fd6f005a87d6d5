"""Text on a terminal: control characters escaped, long names shortened in the middle, sentences wrapped at words.

File names, captions, tags and answers are written by others. Printed as they are, an escape sequence in one of them
sets the terminal's title or clipboard, a line break forges a line, and a bidirectional override shows `gpj.exe` as a
picture's name (Trojan Source, CVE-2021-42574).
"""

from __future__ import annotations

import os
import re
import textwrap
import unicodedata

NARROWEST = 20  # columns; a terminal that says less is taken to have so many
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_KEPT_SPACES = "\u00a0\u3000"  # spaces of names as people write them, which `str.isprintable` counts out
_JOINERS = "\u200c\u200d"  # of Persian and of emoji; no rule of direction
# What is escaped in a path, and in a URL, whose delimiters stay (RFC 3986); urllib.parse would cost help 10 ms.
_UNSAFE_IN_PATH = re.compile(rb"[^A-Za-z0-9_.~/-]")
_UNSAFE_IN_URL = re.compile(rb"[^A-Za-z0-9_.~%:/?#@!$&'()*+,;=\[\]-]")
_COMMAND = re.compile(r"`[^`]*`")


def visible(text: str) -> str:
    """`text` with everything escaped that is no plain character: C0, DEL, C1, line ends, overrides of direction.

    A byte of a name that is not UTF-8 (a lone surrogate in Python) is shown as `\\xff`.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(letter: str) -> str:
    if letter.isprintable() or letter in _KEPT_SPACES or letter in _JOINERS:
        return letter
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode's stand-in for a byte
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def hyperlink(text: str, url: str) -> str:
    """`text`, which is visible already, as a link (OSC 8); what is no plain character of a URL is escaped in it."""
    return f"\x1b]8;;{_escaped(url, _UNSAFE_IN_URL)}\x1b\\{text}\x1b]8;;\x1b\\"


def file_url(path: str) -> str:
    """The `file:` URL of a path, with the machine's name: over ssh a terminal then knows that it is not its own."""
    return f"file://{os.uname().nodename if hasattr(os, 'uname') else ''}{_escaped(path, _UNSAFE_IN_PATH)}"


def _escaped(text: str, unsafe: re.Pattern[bytes]) -> str:
    return unsafe.sub(lambda found: b"%%%02X" % found[0][0], os.fsencode(text)).decode("ascii")


def bold(text: str) -> str:
    """Stronger."""
    return f"\x1b[1m{text}\x1b[22m"


def reverse(text: str) -> str:
    """Ink and paper exchanged."""
    return f"\x1b[7m{text}\x1b[27m"


def dim(text: str) -> str:
    """Weaker."""
    return f"\x1b[2m{text}\x1b[22m"


def width(text: str) -> int:
    """Columns that `text` takes on a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or letter in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def shortened(text: str, columns: int) -> str:
    """`text` in at most so many columns: what is too long loses its middle, as both ends of a path tell most."""
    if width(text) <= columns:
        return text
    room = max(columns, 3) - 1
    head = _fitting(text, room // 3)
    return f"{head}…{_fitting(text[::-1], room - width(head))[::-1]}"


def _fitting(text: str, columns: int) -> str:
    """The longest beginning of `text` that fits."""
    for place, letter in enumerate(text):
        columns -= _columns(letter)
        if columns < 0:
            return text[:place]
    return text


def wrapped(text: str, columns: int) -> list[str]:
    """`text` in lines that end between words; what stands between backticks is a command, and stays in one line."""
    if width(text) <= columns:
        return [text]
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", "\x00"), text)
    indent = " " * min(len(text) - len(text.lstrip()), columns // 2)
    lines = textwrap.wrap(
        kept.lstrip(),
        max(columns, NARROWEST),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\x00", " ") for line in lines]
