"""What this process tells the others of itself, from its settings."""

import re
import socket

from bot.ports.storage.records import ProcessProfile
from bot.process_roles import ProcessRole
from bot.settings import Settings
from bot.storage.connections import STANDARD_SIZE, PoolSize
from bot.web.links.wire import VERSION

_ANYWHERE = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - compared with, never listened at
_HAS_PORT = re.compile(r"^[^:]+:\d+$|\]:\d+$")

_BEYOND = ("192.0.2.1", 9)
"""An address on no machine (RFC 5737): nothing is sent there, and the system says which of ours would be used."""


def profile_of(settings: Settings, *, links: bool) -> ProcessProfile:
    """A process without the role of a worker runs no session, and has no rooms that others could reach; nor has one without `links`."""
    if ProcessRole.WORKER not in settings.roles_played:
        return ProcessProfile(settings.roles_played, 0)
    if not links:
        return ProcessProfile(settings.roles_played, settings.rooms)
    return ProcessProfile(settings.roles_played, settings.rooms, _advertised(settings), VERSION)


def size_of(settings: Settings) -> PoolSize:
    """How many connections to a server it holds; a file has its own."""
    if not settings.on_server:
        return STANDARD_SIZE
    from bot.storage.postgresql import pool_size  # noqa: PLC0415 - its driver is an extra

    return pool_size(settings.roles_played)


def _advertised(settings: Settings) -> str:
    host, _, port = settings.internal.rpartition(":")
    given = settings.advertise or (_own_address() if host in _ANYWHERE else host)
    return given if _HAS_PORT.search(given) else f"{given}:{port}"


def _own_address() -> str:
    """Of this machine, as others on its network see it; the loopback's where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_BEYOND)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
