"""Agora's rooms, as a plugin."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from adapters.agora.settings import AgoraSettings
from bot.ports.plugin import Finding, RoomsPlugin
from bot.ports.room import Rooms
from bot.redaction import SecretShapes

SECRETS = SecretShapes(keys=(r"\b00[67][0-9A-Za-z+/]{32,}={0,2}",))
"""Access tokens, versions 006 and 007."""


@contextlib.asynccontextmanager
async def _open(settings: AgoraSettings) -> AsyncIterator[Rooms]:
    from adapters.agora.connection import AgoraConnections  # noqa: PLC0415

    async with AgoraConnections(settings) as connections:
        yield Rooms(connections, settings.own_room, connections.check)


async def _check(settings: AgoraSettings) -> Sequence[Finding]:
    from adapters.agora.checks import check  # noqa: PLC0415

    return await check(settings)


PLUGIN = RoomsPlugin(
    name="agora",
    title="Agora",
    settings=AgoraSettings,
    configured=lambda _settings: True,
    setup="AGORA_APP_ID and AGORA_APP_CERTIFICATE",
    open=_open,
    check=_check,
    secrets=SECRETS,
)
