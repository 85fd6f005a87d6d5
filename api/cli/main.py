"""The command `vasari`: runs a command, and turns every error into words and an exit code in one place.

Exit codes: 0 done, 1 it failed, 2 wrong usage, 130 interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from retrieval.errors import QueryError, UsageError, VasariError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]  # works before and after the command's name
    try:
        _run(words)
    except VasariError as error:
        if debug:
            raise
        line = error.with_caret() if isinstance(error, QueryError) else str(error)
        _complain(line)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        _complain("stopped")
        sys.exit(130)
    except BrokenPipeError:  # `vasari search cat | head`: the reader has left, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        _complain(f"unexpected {type(error).__name__}: {error} (--debug shows where)")
        sys.exit(1)


def _run(words: Sequence[str]) -> None:
    """Run the command that `words` name; what is typed most never imports Typer."""
    from api.cli import kept_help

    if (text := kept_help.read(words)) is not None:
        from api.cli import output

        output.line(text)
        sys.exit(0)
    if words[:1] == ["search"]:
        from api.cli import plain_search

        if (options := plain_search.read(words[1:])) is not None:
            plain_search.run(options)
            sys.exit(0)
    from api.cli.commands import app

    app(args=list(words), prog_name="vasari", standalone_mode=True)


def _complain(line: str) -> None:
    from api.cli import output

    output.note(f"vasari: {line}")
