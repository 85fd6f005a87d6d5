"""docs/cli.md, made from the commands' own help: `python -m vasari.api.cli.reference` writes it.

`--check` compares it with the commands; `make check` runs it, so that it can never differ from what they say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from vasari.api.cli.lazy import LazyCommand
from vasari.api.cli.main import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
WIDTH = 80  # columns; the width decides where lines break

_HEAD = """# The command line

Made from `--help` by `python -m vasari.api.cli.reference`; do not edit.

Commands, options and paths are completed by bash (4.4 and newer), zsh and fish after `vasari --install-completion`,
which writes a script and has the shell read it; `vasari --show-completion` prints that script, also for PowerShell.
"""


def commands(
    command: click.Command = app, name: str = "vasari", parent: click.Context | None = None
) -> Iterator[click.Context]:
    """A command, imported, and all below it, in the order of their help: each in its context."""
    command = command.load() if isinstance(command, LazyCommand) else command
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, terminal_width=WIDTH - 2)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from commands(command.commands[below], below, context)


def helps() -> dict[str, str]:
    """What `--help` says of each command, by the command's words."""
    return {context.command_path: context.get_help() for context in commands()}


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(f"## {name}\n\n```\n{text}\n```\n" for name, text in helps().items())])


def main() -> None:
    """Write the page, or with --check tell whether it is up to date."""
    made = page()
    if "--check" not in sys.argv:
        PAGE.write_text(made, "utf-8")
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != made:
        sys.exit(f"{PAGE.name} differs from the commands' help: run `python -m vasari.api.cli.reference`")


if __name__ == "__main__":
    main()
