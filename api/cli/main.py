"""The command `vasari`: gathers the commands, and turns every error into words and an exit code in one place.

Exit codes: 0 done, 1 it failed, 2 wrong usage, 130 interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from api.cli import demo, evaluating, indexing, models, searching, serving, training, understanding, upkeep
from retrieval.errors import QueryError, UsageError, VasariError

app = typer.Typer(
    name="vasari",
    help="Find pictures by words, and words by pictures.",
    epilog="Begin with: vasari index ~/Pictures && vasari search 'a red boat at sunset'",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts in half the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for family in (demo, indexing, searching, upkeep, models, evaluating, training, serving, understanding):
    family.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from retrieval.version import __version__

        typer.echo(f"vasari {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Find pictures by words, and words by pictures."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]  # works before and after the command's name
    try:
        app(args=words, prog_name="vasari", standalone_mode=True)
    except VasariError as error:
        if debug:
            raise
        line = error.with_caret() if isinstance(error, QueryError) else str(error)
        typer.echo(f"vasari: {line}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        typer.echo("vasari: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # `vasari search cat | head`: the reader has left, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        typer.echo(f"vasari: unexpected {type(error).__name__}: {error} (--debug shows where)", err=True)
        sys.exit(1)
