"""Options that several commands share, written once."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.errors import UsageError

if TYPE_CHECKING:
    from retrieval.settings import Settings

LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library", "-L", help="The library's directory. [env: VASARI_LIBRARY]", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
JsonLinesOption = Annotated[bool, typer.Option("--jsonl", help="Print one JSON document a line.")]
SpaceOption = Annotated[
    str | None, typer.Option("--space", help="Embedding space to search in (default: the library's).")
]
ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Ask a running `vasari serve`, such as http://127.0.0.1:7600, instead of opening a library.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="VASARI_KEY",
        show_envvar=False,
        help="The key that the server asks for. [env: VASARI_KEY]",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps. [env: VASARI_DEVICE]")
]
PrecisionOption = Annotated[
    str | None,
    typer.Option("--precision", help="auto, float32, bfloat16 or float16. [env: VASARI_PRECISION]"),
]


def amount(value: float | None) -> float | None:
    """Refuse what is no amount of time or anything else: less than nothing, infinite, or no number (NaN)."""
    if value is not None and not 0 <= value < math.inf:
        raise typer.BadParameter("should be a number, neither negative nor endless")
    return value


def given(**options: Any) -> dict[str, Any]:
    """The options that were given, as arguments of settings."""
    return {name: value for name, value in options.items() if value is not None}


def open_settings(**options: object) -> Settings:
    """The environment's settings, with the options that were given on top."""
    from retrieval.settings import Settings

    return Settings(**given(**options))


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def duration(given: str) -> timedelta:
    """A length of time as people write it, such as 90m, 12h, 30d or 8w; raises UsageError for anything else."""
    number, unit = given[:-1], given[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdecimal()) or len(number) > 4:
        raise UsageError(f"{given!r} is no length of time: write 90m, 12h, 30d or 8w")
    return timedelta(seconds=int(number) * _UNITS[unit])
