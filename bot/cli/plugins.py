"""What plugins add to the command line: commands of their own, and the names of platforms."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click


class PluginCommand(click.Command):
    """An adapter's own commands: imported when they are used, or described."""

    def __init__(self, point: EntryPoint) -> None:
        super().__init__(point.name)
        self._point = point

    def get_short_help_str(self, limit: int = 45) -> str:
        try:
            return self._commands().get_short_help_str(limit)
        except click.ClickException as error:
            return error.message

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return self._commands().make_context(info_name, args, parent, **extra)

    def _commands(self) -> click.Command:
        """Raises `click.ClickException` for what cannot be used."""
        brings = self._point.dist.name if self._point.dist else "an unknown distribution"
        try:
            commands = self._point.load()
        except Exception as error:  # a stranger's module may raise anything
            raise click.ClickException(f"{brings} cannot be loaded: {error}") from error
        if not isinstance(commands, click.Command):
            raise click.ClickException(f"{brings} brings no command: {self._point.value}")
        return commands


class Root(click.Group):
    """Our commands in the order in which people need them, then the adapters'."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*self.commands, *sorted(_plugins().keys() - self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        point = None if command else _plugins().get(cmd_name)
        return PluginCommand(point) if point else command


def _plugins() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="avatarbot.commands")}


class PlatformName(click.ParamType[str]):
    """One of the chat platforms that are installed."""

    name = "platform"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        names = sorted(entry_points(group="avatarbot.platforms").names)
        if value not in names:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, names))}.", param, ctx)
        return value
