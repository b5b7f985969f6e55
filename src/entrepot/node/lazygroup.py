"""A group of commands that are imported only when used.

So that `entrepot law show` does not pay for Polars, nor `--help` for anything.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are modules with a `command` each, and perhaps some of its own."""

    def __init__(
        self, *arguments: Any, modules: Mapping[str, tuple[str, str]], **more: Any
    ) -> None:
        """Hold command → (module, its help in one line); the rest is click's."""
        super().__init__(*arguments, **more)
        self.modules = dict(modules)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return its own commands, then the modules, each in the order in which they were named."""
        return [*self.commands, *self.modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None when there is none of that name."""
        if cmd_name not in self.modules:
            return super().get_command(ctx, cmd_name)
        command: click.Command = importlib.import_module(self.modules[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands with their one-line help without importing any of them."""
        rows = [(name, own.get_short_help_str(80)) for name, own in self.commands.items()]
        rows += [(name, says) for name, (_, says) in self.modules.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
