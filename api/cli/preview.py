"""Pictures in the terminal, in a grid: by kitty's or iTerm2's protocol or sixel where the terminal speaks one, else
half blocks.

Terminals name themselves in the environment; sixel is asked for by the terminal's own answer (primary device
attributes, where 4 stands for sixel).
"""

from __future__ import annotations

import base64
import os
import select
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vasari.api.cli import output, terminal, terminal_graphics
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.decode import Picture, decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.reader import open_original

COLUMNS = 24  # cells of a tile: three stand side by side on the usual 80
ROWS = 10
GAP = 2
CELL = 10  # pixels across a cell, where the terminal does not tell


class Protocol(StrEnum):
    """How a picture reaches the screen."""

    KITTY = "kitty"
    ITERM = "iterm"
    SIXEL = "sixel"
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a grid: its uri, or its bytes where they are here already, and what stands under it."""

    uri: str
    name: str
    link: str | None = None
    data: bytes | None = None


def grid(tiles: Sequence[Tile]) -> None:
    """Print the pictures side by side, as many as the terminal is wide for."""
    protocol = detect(os.environ)
    across = max(1, (output.columns() + GAP) // (COLUMNS + GAP))
    for start in range(0, len(tiles), across):
        row = tiles[start : start + across]
        output.verbatim(draw([_picture(tile) for tile in row], protocol))
        output.verbatim((" " * GAP).join(map(_label, row)).rstrip())


def _picture(tile: Tile) -> Picture | None:
    """The picture; None for one that cannot be read, of which a note says why."""
    limits = ImageLimits()
    try:
        data = open_original(tile.uri, limits) if tile.data is None else tile.data
        return decode(data, limits, target=COLUMNS * CELL).picture
    except ImageError as error:
        output.note(f"{tile.uri}: {error}")
        return None


def _label(tile: Tile) -> str:
    """The name in as many cells as the tile has, linked where the terminal takes links."""
    name = terminal.shortened(terminal.visible(tile.name), COLUMNS)
    return output.linked(name, tile.link) + " " * (COLUMNS - terminal.width(name))


def detect(environment: Mapping[str, str]) -> Protocol:
    """What the terminal understands."""
    if environment.get("KITTY_WINDOW_ID") or environment.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return Protocol.KITTY
    if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        return Protocol.ITERM
    return Protocol.SIXEL if _answers_sixel() else Protocol.BLOCKS


def draw(pictures: Sequence[Picture | None], protocol: Protocol) -> str:
    """The characters that draw a row of tiles."""
    if protocol is Protocol.BLOCKS:
        tiles = [[] if each is None else _block_lines(each) for each in pictures]
        height = max(map(len, tiles))
        return "\n".join((" " * GAP).join(_line(tile, number) for tile in tiles) for number in range(height))
    # The other protocols scale to cells themselves.
    cell = _cell_width() if protocol is Protocol.SIXEL else CELL
    strip = terminal_graphics.strip(pictures, COLUMNS * cell, 2 * ROWS * cell, GAP * cell)
    if protocol is Protocol.SIXEL:
        return terminal_graphics.sixel(strip)
    columns = len(pictures) * (COLUMNS + GAP) - GAP
    data = base64.standard_b64encode(terminal_graphics.png(strip)).decode()
    if protocol is Protocol.ITERM:
        return f"\x1b]1337;File=inline=1;width={columns};preserveAspectRatio=1:{data}\a"
    parts = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    first = f"a=T,f=100,c={columns},"
    return "".join(
        f"\x1b_G{first if number == 0 else ''}m={int(number < len(parts) - 1)};{part}\x1b\\"
        for number, part in enumerate(parts)
    )


def _block_lines(picture: Picture) -> list[str]:
    """A picture that fits a tile, each line as wide as the tile."""
    width, height = terminal_graphics.fitted(picture, COLUMNS, 2 * ROWS)
    left = (COLUMNS - width) // 2
    before, after = " " * left, " " * (COLUMNS - width - left)
    lines = half_blocks(terminal_graphics.scaled_pixels(picture, width, height)).split("\n")
    return [f"{before}{line}{after}" for line in lines]


def _line(tile: Sequence[str], number: int) -> str:
    return tile[number] if number < len(tile) else " " * COLUMNS


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


def _cell_width() -> int:
    """Pixels across a cell of the terminal (ioctl TIOCGWINSZ)."""
    if sys.stdout is None or not sys.stdout.isatty():
        return CELL
    import fcntl  # not on Windows
    import termios

    try:
        size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return CELL
    _, columns, pixels, _ = struct.unpack("4H", size)
    return pixels // columns or CELL if columns else CELL


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
