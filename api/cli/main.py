"""The command `vasari`: runs a command, and turns every error into words and an exit code in one place.

Exit codes: 0 done, 1 it failed, 2 wrong usage, 130 interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import gc
import os
import sys

try:
    import signal
    from collections.abc import Sequence

    import click

    from vasari.api.cli import commands, logs, output, terminal
    from vasari.retrieval.errors import QueryError, UsageError, VasariError
except KeyboardInterrupt:  # stopped before anything began
    sys.exit(130)

LONGEST = 1000  # columns of a complaint


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if "--" in words else len(words)  # of options: what comes after is no option
    debug = "--debug" in words[:end]  # works before and after the command's name
    words[:end] = [word for word in words[:end] if word != "--debug"]
    _open_standard_streams()
    if (
        arguments is None
    ):  # the process is this command's: no garbage collection until all is imported saves a tenth
        gc.disable()
    try:
        logs.show(debug=debug)
        sys.exit(commands.run(words))
    except VasariError as error:
        if debug:
            raise
        _fail(error)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the next one ends what still waits for its threads
        _complain("stopped")
        sys.exit(130)
    except BrokenPipeError:  # `vasari search cat | head`: the reader has left, which is no error
        _discard_stdout()
        sys.exit(0)
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        _complain(f"{where}{error.strerror or error}")
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        _complain(f"unexpected {type(error).__name__}: {error} (--debug shows where)")
        sys.exit(1)


def _fail(error: VasariError) -> None:
    """Say what is wrong, and exit: 2 for a wrong request, 1 for what failed."""
    if isinstance(error, output.OutputError):
        _discard_stdout()
    _complain(str(error))
    if isinstance(error, QueryError) and error.column is not None:
        output.caret(error.text, error.column)
    sys.exit(2 if isinstance(error, UsageError) else 1)


def _complain(line: str) -> None:
    """Say it in a line; a hundred kilobytes that were given are not given back."""
    output.note(f"vasari: {terminal.shortened(line, LONGEST)}")


def _open_standard_streams() -> None:
    """Let descriptors 0 to 2 be taken: a catalog opened as 1 would get what a library prints there."""
    opened = os.open(os.devnull, os.O_RDWR)
    while opened < 2:
        opened = os.dup(opened)
    if opened > 2:
        os.close(opened)


def _discard_stdout() -> None:
    """Throw away what stdout has not taken, or the interpreter would try it again at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
