"""docs/cli.md, made from the commands' own help: `python -m api.cli.reference` writes it, `--check` compares.

`make check` runs the comparison, so that the page can never differ from what the commands say.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

_HEAD = """# The command line

Made from `--help` by `python -m api.cli.reference`; do not edit.
"""


def page() -> str:
    """The whole page."""
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}  # the width decides where lines break
    from api.cli.commands import app

    root: Any = typer.main.get_command(app)
    parts = [_HEAD]
    for name, command, context in _commands(root, typer.Context(root, info_name="vasari")):
        parts.append(f"## {name}\n\n```\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def _commands(command: Any, context: Any) -> Iterator[tuple[str, Any, Any]]:
    """A command and all below it, in the order of their help."""
    yield context.command_path, command, context
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        child = command.get_command(context, name)
        yield from _commands(child, typer.Context(child, info_name=name, parent=context))


def main() -> None:
    """Write the page, or with --check tell whether it is up to date."""
    made = page()
    if "--check" not in sys.argv:
        PAGE.write_text(made, "utf-8")
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != made:
        sys.exit("docs/cli.md differs from the commands' help: run `python -m api.cli.reference`")


if __name__ == "__main__":
    main()
