"""Commands that are imported when they are called: a client of one service loads neither databases nor file formats.

The help and the completion of the root need names and summaries only, which are told here again; a test compares them
with what the commands themselves say.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


class Named(NamedTuple):
    """A command by the place it is written at, `package.module:attribute`: a function, or a `typer.Typer` group."""

    name: str
    panel: str
    place: str
    summary: str

    def load(self) -> Any:
        """Import the command."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=self.name)
        else:
            app.command(self.name)(found)
            app.callback()(lambda: None)
        return get_group(app).commands[self.name]


def group_of(commands: Iterable[Named]) -> type[TyperGroup]:
    """The class of a group with these commands, in this order."""
    known = {one.name: one for one in commands}

    class Lazy(TyperGroup):
        """Lists summaries, and imports the one command that is called."""

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            for one in known.values():
                self.add_command(TyperCommand(one.name, help=one.summary, rich_help_panel=one.panel))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, command, rest = super().resolve_command(ctx, args)
            return (name, known[name].load(), rest) if name in known else (name, command, rest)

    return Lazy
