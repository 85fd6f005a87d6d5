"""All commands of `vasari` with their options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from api.cli import (
    benching,
    contents,
    demo,
    evaluating,
    exchange,
    indexing,
    models,
    output,
    scenes,
    searching,
    serving,
    spaces,
    training,
    understanding,
    upkeep,
    usage,
    watching,
)

NARROW = 52  # columns; Click's help takes 50 and a margin at least

app = typer.Typer(
    name="vasari",
    help="Find pictures by words, and words by pictures.",
    epilog="Begin with: vasari index ~/Pictures && vasari search 'a red boat at sunset'",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts in half the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for family in (
    demo,
    indexing,
    contents,
    watching,
    searching,
    upkeep,
    spaces,
    models,
    evaluating,
    scenes,
    training,
    serving,
    understanding,
    exchange,
    benching,
):
    family.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from retrieval.version import __version__

        output.line(f"vasari {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Find pictures by words, and words by pictures."""


def _narrow() -> dict[str, int]:
    """How wide help is on a terminal so narrow that Click would not fit it."""
    return {"terminal_width": output.columns() - 1} if output.columns() < NARROW else {}


def run(words: Sequence[str]) -> int:
    """Run the command that `words` name, and tell its exit code; UsageError for what it does not understand."""
    if "_VASARI_COMPLETE" in os.environ:  # the shell asks what could come next
        app(args=list(words), prog_name="vasari")
    command: Any = typer.main.get_command(app)
    if words[:1] == ["search"]:
        usage.refuse_minus_terms(words[1:], command.commands["search"])
    try:
        with command.make_context("vasari", list(words), **_narrow()) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return int(ended.exit_code)
    except usage.ClickException as problem:
        if type(problem).__name__ == "NoArgsIsHelpError":
            for line in str(problem).splitlines():
                output.note(line)
            return 2
        raise usage.explained(problem, words) from None
    return 0
