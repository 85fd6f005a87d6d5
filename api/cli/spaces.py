"""`vasari spaces list|use|drop`: the embedding spaces of a library, one for each model it was indexed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output, render
from api.cli.options import JsonOption, LibraryOption
from api.cli.sizes import readable

if TYPE_CHECKING:
    from retrieval.spaces import SpaceState

group = typer.Typer(
    help="The spaces, one for each model: list them, switch searches to one, drop one.",
    epilog="Example: vasari spaces list",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(metavar="SPACE", help="A space's name, or its model's.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(group, name="spaces")


@group.command("list", epilog="Example: vasari spaces list --json")
def list_spaces(json: JsonOption = False, library: LibraryOption = None) -> None:
    """List the spaces: how many items have a vector in each, and how many have none."""
    from api import contract
    from retrieval.library import Library

    with Library.open(library) as opened:
        states = opened.spaces()
    if json:
        output.print_json([contract.space_fields(state) for state in states])
        return
    for state in states:
        _show(state)
    if not states:
        output.note("no spaces: this library is empty")


@group.command("use", epilog="Example: vasari spaces use fast")
def use(space: NameArgument, json: JsonOption = False, library: LibraryOption = None) -> None:
    """Have searches and jobs use a space, complete or not."""
    from api import contract
    from retrieval.library import Library

    with Library.open(library) as opened:
        chosen = opened.use_space(space)
        state = next(state for state in opened.spaces() if state.space == chosen)
    if json:
        output.print_json(contract.space_fields(state))
    else:
        output.line(f"searches now use {chosen.name}")
    if not state.complete:
        output.note(f"{render.absent_words(state)} and are not found: {render.remedy(state)}")


@group.command("drop", epilog="Example: vasari spaces drop scenes --yes")
def drop(
    space: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also the one that searches use.")] = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Delete a space's vectors and indexes.

    Pictures stay, and so does what is said of them; to search by that model again means to embed them again.
    """
    from api import contract
    from retrieval import spaces
    from retrieval.library import Library

    with Library.open(library) as opened:
        found = spaces.find(opened, space)
        state = next(state for state in opened.spaces() if state.space == found)
        if not yes:
            _confirm(state)
        opened.drop_space(found.name, force=force)
        default = opened.catalog.default_space()
    if json:
        dropped = contract.space_fields(state)
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
    from retrieval.errors import UsageError

    what = f"{state.space.name} with the vectors of {sum(state.vectors.values()):,} items, {readable(state.bytes)}"
    if not output.can_ask():
        raise UsageError(f"this deletes {what}: say --yes")
    if not typer.confirm(f"Delete {what}?", err=True):
        raise typer.Exit(1)


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
