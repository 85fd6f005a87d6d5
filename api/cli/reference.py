"""docs/cli.md and help.json, made from the commands' own help: `python -m api.cli.reference` writes them.

help.json is what `--help` prints, kept so that printing it need not import Typer and all commands. `--check` compares
both with the commands; `make check` runs it, so that neither can ever differ from what the commands say.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from api.cli.kept_help import KEPT, WIDTH

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

_HEAD = """# The command line

Made from `--help` by `python -m api.cli.reference`; do not edit.
"""


def helps() -> dict[str, str]:
    """What `--help` says of each command, by the command's words."""
    os.environ |= {
        "COLUMNS": str(WIDTH),
        "NO_COLOR": "1",
        "TERM": "dumb",
    }  # the width decides where lines break
    from api.cli.commands import app

    return dict(_helps(typer.main.get_command(app), "vasari", None))


def _helps(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    """A command and all below it, in the order of their help."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    yield context.command_path, command.get_help(context).rstrip()
    for below in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _helps(command.get_command(context, below), below, context)


def page(texts: dict[str, str]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(f"## {name}\n\n```\n{text}\n```\n" for name, text in texts.items())])


def main() -> None:
    """Write both files, or with --check tell whether they are up to date."""
    texts = helps()
    kept = json.dumps(texts, ensure_ascii=False, indent=1) + "\n"
    for file, made in ((PAGE, page(texts)), (KEPT, kept)):
        if "--check" not in sys.argv:
            file.write_text(made, "utf-8")
        elif not file.is_file() or file.read_text("utf-8") != made:
            sys.exit(f"{file.name} differs from the commands' help: run `python -m api.cli.reference`")


if __name__ == "__main__":
    main()
