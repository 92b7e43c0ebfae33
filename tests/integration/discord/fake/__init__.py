"""Discord's gateway and REST on this machine, over TLS and under Discord's own names: production code is unchanged."""

from tests.integration.discord.fake.limits import Limits
from tests.integration.discord.fake.payloads import (
    ANN,
    BEN,
    BOT,
    CHANNEL,
    GUILD,
    TOKEN,
    USER,
    application,
    command,
    guild,
    kept_commands,
    member,
    press,
)
from tests.integration.discord.fake.rest import Answer, Call, FakeRest, direct_with
from tests.integration.discord.fake.server import FakeDiscord, open_fake

__all__ = [
    "ANN",
    "BEN",
    "BOT",
    "CHANNEL",
    "GUILD",
    "TOKEN",
    "USER",
    "Answer",
    "Call",
    "FakeDiscord",
    "FakeRest",
    "Limits",
    "application",
    "command",
    "direct_with",
    "guild",
    "kept_commands",
    "member",
    "open_fake",
    "press",
]
