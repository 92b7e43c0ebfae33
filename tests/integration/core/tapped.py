"""A connection to a room whose calls a test may see or change."""

from typing import Any

from bot.ports.room import RoomConnection


class Tapped:
    """A connection of the simulator's, but for what a test does to it."""

    def __init__(self, connection: RoomConnection) -> None:
        self.connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)
