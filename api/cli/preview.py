"""A picture in the terminal: by kitty's or iTerm2's protocol or sixel where the terminal speaks one, else half blocks.

Terminals name themselves in the environment; sixel is asked for by the terminal's own answer (primary device
attributes, where 4 stands for sixel).
"""

from __future__ import annotations

import base64
import os
import select
import shutil
import sys
from collections.abc import Mapping
from enum import StrEnum

from vasari.api.cli import output, terminal_graphics
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.decode import Picture, decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.reader import open_original

COLUMNS = 48  # cells; a preview is a glance
PIXELS = 360


class Protocol(StrEnum):
    """How a picture reaches the screen."""

    KITTY = "kitty"
    ITERM = "iterm"
    SIXEL = "sixel"
    BLOCKS = "blocks"


def show(uri: str, data: bytes | None = None) -> None:
    """Print a picture, from `data` or its file; one that cannot be read gets one line instead."""
    limits = ImageLimits()
    try:
        data = open_original(uri, limits) if data is None else data
        picture = decode(data, limits, target=PIXELS).picture
    except ImageError as error:
        output.note(f"{uri}: {error}")
        return
    output.verbatim(encode(picture, detect(os.environ)))


def detect(environment: Mapping[str, str]) -> Protocol:
    """What the terminal understands."""
    if environment.get("KITTY_WINDOW_ID") or environment.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return Protocol.KITTY
    if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        return Protocol.ITERM
    return Protocol.SIXEL if _answers_sixel() else Protocol.BLOCKS


def encode(picture: Picture, protocol: Protocol) -> str:
    """The characters that draw a picture."""
    if protocol is Protocol.BLOCKS:
        width = min(COLUMNS, shutil.get_terminal_size().columns)
        return half_blocks(terminal_graphics.scaled_pixels(picture, width))
    if protocol is Protocol.SIXEL:
        return terminal_graphics.sixel(picture, PIXELS)
    data = base64.standard_b64encode(terminal_graphics.png(picture, PIXELS)).decode()
    if protocol is Protocol.ITERM:
        return f"\x1b]1337;File=inline=1;width={COLUMNS};preserveAspectRatio=1:{data}\a"
    parts = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    first = f"a=T,f=100,c={COLUMNS},"
    return "".join(
        f"\x1b_G{first if number == 0 else ''}m={int(number < len(parts) - 1)};{part}\x1b\\"
        for number, part in enumerate(parts)
    )


def half_blocks(rows: list[list[tuple[int, int, int]]]) -> str:
    """Two rows of pixels to a line of cells: the upper one is the ink of ▀, the lower one its paper."""
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        cells = (
            f"\x1b[38;2;{ink[0]};{ink[1]};{ink[2]};48;2;{paper[0]};{paper[1]};{paper[2]}m▀"
            for ink, paper in zip(upper, lower, strict=True)
        )
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)


def _answers_sixel() -> bool:
    """Ask the terminal for its attributes, and wait a tenth of a second for the answer."""
    if sys.stdin is None or sys.stdout is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    import termios  # not on Windows
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        sys.stdout.write("\x1b[c")
        sys.stdout.flush()
        answer = b""
        while select.select([number], [], [], 0.1)[0] and not answer.endswith(b"c"):
            answer += os.read(number, 64)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
    return "4" in answer.decode("ascii", "ignore").removesuffix("c").lstrip("\x1b[?").split(";")
