"""Click commands: their class, parameter types, and the options that several of them share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from vasari.api.cli import output
from vasari.retrieval.errors import UsageError
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.uris import is_url, uri_of

NARROW = 52  # columns; Click's help takes 50 and a margin at least
_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LONGEST = 18  # digits; a longer number does not fit a database's 64 bits
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class _HelpFormatter(click.HelpFormatter):
    """Help in two columns, of which the first gives way on a narrow terminal: Click's 30 leave the second no room."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, and what they do."""
        super().write_dl(rows, self.width // 3 if self.width < NARROW else col_max, col_spacing)


class _Context(click.Context):
    formatter_class = _HelpFormatter


class Command(click.Command):
    """A command whose help goes through `output`, as all that it says: a full or closed stdout is complained of."""

    context_class = _Context

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Click's own, which would print by itself."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _print_help
        return option


def _print_help(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        for line in context.get_help().splitlines():
            output.line(line)
        context.exit()


def command(
    name: str | None = None, *, example: str, cls: type[Command] = Command
) -> Callable[[Callable[..., None]], Command]:
    """Make a command of a function; it is called like the function unless `name` says otherwise."""
    return click.command(name, cls=cls, epilog=f"Example: {example}")


class Integer(click.IntRange):
    """A whole number in plain digits: `int` would take underscores, spaces and other scripts' digits, too."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; a complaint says what is wanted."""
        if not _WHOLE.fullmatch(str(value)):
            self.fail(f"should be a whole number {_limits(self)}, not {value!r}", param, ctx)
        if len(str(value)) > _LONGEST:
            self.fail(f"should be a whole number of at most {_LONGEST} digits", param, ctx)
        if not _lies_within(self, int(value)):
            self.fail(f"should be a whole number {_limits(self)}, not {value}", param, ctx)
        return int(value)


class Number(click.FloatRange):
    """A finite decimal number in plain digits, such as 0.5 or 1e-5."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; a complaint says what is wanted."""
        found = float(value) if _DECIMAL.fullmatch(str(value)) else math.inf
        if math.isinf(found) or not _lies_within(self, found):
            self.fail(f"should be a number {_limits(self)}, not {value!r}", param, ctx)
        return found


def _lies_within(limits: Integer | Number, value: float) -> bool:
    return (limits.min is None or value >= limits.min) and (limits.max is None or value <= limits.max)


def _limits(limits: Integer | Number) -> str:
    return f"of {limits.min} or more" if limits.max is None else f"from {limits.min} to {limits.max}"


class _File(click.Path):
    """A path on a disk, also as a `file:` URI; not empty, as `Path("")` is the working directory (`-L "$UNSET"`)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; a complaint says that there is none, or that it is a URL."""
        try:
            name = uri_of(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)
        if not name:
            self.fail("should be a path, and is empty", param, ctx)
        if is_url(name):  # a Path of it would be a folder s3: here
            self.fail(f"should be a path on a disk, and {name} is a URL", param, ctx)
        return super().convert(name, param, ctx)


FILE = _File(readable=False, path_type=Path)
PLACE = click.Path(readable=False)  # a path, a URL or anything else; a shell completes it as a path

library_option = click.option(
    "--library", "-L", type=FILE, help="The library's directory. [env: VASARI_LIBRARY]"
)
json_option = click.option("--json", is_flag=True, help="Print one JSON document.")
json_lines_option = click.option("--jsonl", is_flag=True, help="Print one JSON document a line.")
space_option = click.option("--space", help="Embedding space to search in (default: the library's).")
server_option = click.option(
    "--server",
    metavar="URL",
    help="Ask a running `vasari serve`, such as http://127.0.0.1:7600, instead of opening a library.",
)
key_option = click.option(
    "--key", envvar="VASARI_KEY", help="The key that the server asks for. [env: VASARI_KEY]"
)
device_option = click.option(
    "--device",
    help="auto, cpu, mps, cuda or cuda:1; to index also several (cuda:0,cuda:1), or all. [env: VASARI_DEVICE]",
)
precision_option = click.option(
    "--precision",
    help="auto, float32, bfloat16, float16, or int8 (pictures on CPUs). [env: VASARI_PRECISION]",
)
offline_option = click.option(
    "--offline",
    is_flag=True,
    default=None,
    help="Never ask a model hub. [env: VASARI_OFFLINE]",
)
model_option = click.option(
    "--model",
    "-m",
    help="Preset, architecture/tag, hf-hub:…, or a directory. [default: the library's, or fast]",
)
batch_option = click.option(
    "--batch",
    "-b",
    type=Integer(1),
    help="Pictures a batch. [default: 32; on a GPU what is the fastest there]",
)
decode_threads_option = click.option(
    "--decode-threads", type=Integer(1), help="Threads that decode. [default: one a core]"
)
decode_option = click.option(
    "--decode",
    type=click.Choice(["auto", "threads", "processes", "gpu"]),
    default="auto",
    help="Who decodes: threads, processes where a GPU is faster than these can be, or the GPU (JPEGs).",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="Where to run: this machine, or a Ray cluster.",
)
address_option = click.option(
    "--address", help="Ray cluster: auto, or HOST:PORT. [default: one that is started here]"
)
texts_option = click.option(
    "--texts",
    is_flag=True,
    help="PATH holds texts: lines, CSV or JSON lines; `captions:` are the captions of the library's pictures.",
)
hidden_option = click.option("--hidden", is_flag=True, help="Also take hidden files and folders.")
exclude_option = click.option(
    "--exclude",
    "ignored",
    metavar="PATTERN",
    multiple=True,
    help="Leave out files and folders as .gitignore would: '*.png', 'raw/'; also by a file .vasariignore.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def choice(values: Iterable[str]) -> click.Choice[str]:
    """One of `values`, such as the members of a StrEnum."""
    return click.Choice([str(value) for value in values])


def given(**options: Any) -> dict[str, Any]:
    """The options that were given, as arguments of settings."""
    return {name: value for name, value in options.items() if value is not None}


def open_settings(**options: object) -> Settings:
    """The environment's settings, with the options that were given on top."""
    return Settings(**given(**options))


def duration(given: str) -> timedelta:
    """A length of time as people write it, such as 90m, 12h, 30d or 8w; raises UsageError for anything else."""
    number, unit = given[:-1], given[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdecimal()) or len(number) > 4:
        raise UsageError(f"{given!r} is no length of time: write 90m, 12h, 30d or 8w")
    return timedelta(seconds=int(number) * _UNITS[unit])
