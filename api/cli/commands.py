"""All commands of `vasari` with their options."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import (
    benching,
    contents,
    demo,
    evaluating,
    exchange,
    indexing,
    models,
    scenes,
    searching,
    serving,
    training,
    understanding,
    upkeep,
    watching,
)

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
