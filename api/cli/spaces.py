"""`vasari spaces list|use|drop`: the embedding spaces of a library, one for each model it was indexed with."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output, render
from vasari.api.cli.options import command, json_option, library_option, yes_option
from vasari.api.cli.render import readable
from vasari.api.contract.spaces import space_fields
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library import spaces
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.spaces import SpaceState

_space_argument = click.argument("space", metavar="SPACE", help="A space's name, or its model's.")


@command("list", example="vasari spaces list --json")
@json_option
@library_option
def list_spaces(json: bool, library: Path | None) -> None:
    """List the spaces: how many items have a vector in each, and how many have none."""
    with Library.open(library) as opened:
        states = opened.spaces()
    if json:
        output.print_json([space_fields(state) for state in states])
        return
    for state in states:
        _show(state)
    if not states:
        output.note("no spaces: this library is empty")


@command(example="vasari spaces use fast")
@_space_argument
@json_option
@library_option
def use(space: str, json: bool, library: Path | None) -> None:
    """Have searches and jobs use a space, complete or not."""
    with Library.open(library) as opened:
        chosen = opened.use_space(space)
        state = next(state for state in opened.spaces() if state.space == chosen)
    if json:
        output.print_json(space_fields(state))
    else:
        output.line(f"searches now use {chosen.name}")
    if not state.complete:
        output.note(f"{render.absent_words(state)} and are not found: {render.remedy(state)}")


@command(example="vasari spaces drop scenes --yes")
@_space_argument
@yes_option
@click.option("--force", is_flag=True, help="Also the one that searches use.")
@json_option
@library_option
def drop(space: str, yes: bool, force: bool, json: bool, library: Path | None) -> None:
    """Delete a space's vectors and indexes.

    Pictures stay, and so does what is said of them; to search by that model again means to embed them again.
    """
    with Library.open(library) as opened:
        found = spaces.find(opened, space)
        state = next(state for state in opened.spaces() if state.space == found)
        if not yes:
            _confirm(state)
        opened.drop_space(found.name, force=force)
        default = opened.catalog.spaces.default()
    if json:
        dropped = space_fields(state)
        output.print_json({"dropped": dropped, "default": default.name if default else None})
        return
    output.line(f"{found.name} is dropped, {readable(state.bytes)} are free")
    if state.default:
        output.note(
            f"searches now use {default.name}"
            if default
            else "there is no space left: index with a model again"
        )


def _confirm(state: SpaceState) -> None:
    """Ask on a terminal; elsewhere `--yes` has to be said."""
    what = f"{state.space.name} with the vectors of {sum(state.vectors.values()):,} items, {readable(state.bytes)}"
    if not output.can_ask():
        raise UsageError(f"this deletes {what}: say --yes")
    if not output.confirmed(f"Delete {what}?"):
        raise click.exceptions.Exit(1)


def _show(state: SpaceState) -> None:
    mark = "  (default)" if state.default else ""
    output.line(f"{state.space.name}{mark}")
    output.line(
        f"    model {state.space.model}, {state.space.dim} numbers a vector, {readable(state.bytes)} on disk"
    )
    for modality, there in state.vectors.items():
        things, absent = render.THINGS[modality], state.absent[modality]
        if there or absent or modality == "image":
            lacking = f", {absent:,} without a vector" if absent else ""
            output.line(f"    {there:,} {things}{lacking}")
