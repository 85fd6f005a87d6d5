"""Lazy loading of commands: a group knows its commands by a table, and imports the one that is run."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.options import Command


class LazyCommand(click.Command):
    """A command before it is imported: its name, its `module:attribute` in this package, and its line of help.

    `waiting` is said on a terminal before the import, by commands that are silent for seconds at first.
    """

    def __init__(self, name: str, place: str, line: str, waiting: str = "") -> None:
        super().__init__(name, short_help=line)
        self.place = place
        self.waiting = waiting

    def load(self) -> click.Command:
        """The command itself."""
        module, _, attribute = self.place.partition(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), attribute)
        return command


class LazyGroup(Command, click.Group):
    """Commands and groups in the order given; help and completion of their names import none of them."""

    def __init__(self, name: str, commands: Iterable[LazyCommand | LazyGroup], **settings: Any) -> None:
        super().__init__(name, list(commands), **settings)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as Click calls it
        """As given, not by the alphabet."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, LazyCommand):
            if command.waiting and not ctx.resilient_parsing and not {*ctx.help_option_names} & {*rest}:
                output.waiting(command.waiting)
            command = command.load()
        if not gc.isenabled():  # see `main`: what was imported stays until the end, and need not be looked at
            gc.freeze()
            gc.enable()
        return name, command, rest
