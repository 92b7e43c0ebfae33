"""The link with which somebody adds the bot to their server."""

import base64
from urllib.parse import urlencode

from bot.domain.errors import SettingsError

# https://docs.discord.com/developers/topics/permissions
PERMISSIONS = {
    "Add Reactions": 1 << 6,
    "View Channel": 1 << 10,
    "Send Messages": 1 << 11,
    "Embed Links": 1 << 14,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Create Public Threads": 1 << 35,
    "Send Messages in Threads": 1 << 38,
}
"""What the bot uses, under the names that Discord shows to people; and nothing else."""

VOICE_PERMISSIONS = {
    "Connect": 1 << 20,
    "Speak": 1 << 21,
    "Request to Speak": 1 << 32,
}
"""What it uses besides to be heard in voice and stage channels."""


def permissions(*, voice: bool) -> dict[str, int]:
    return PERMISSIONS | VOICE_PERMISSIONS if voice else PERMISSIONS


def application_id(token: str) -> str:
    """The application's id, which a bot token begins with. Raises `SettingsError` for what is no bot token."""
    head = token.strip().removeprefix("Bot ").split(".")[0]
    try:
        number = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode("ascii")
    except ValueError:
        number = ""
    if not number.isdecimal():
        raise SettingsError(
            "DISCORD_TOKEN is no bot token. Copy it from discord.com/developers/applications: your application, Bot, Reset Token."
        )
    return number


def invite_url(application: str, *, voice: bool = False) -> str:
    """Adds the bot and its commands to a server, with the permissions it uses and no others."""
    wanted = {
        "client_id": application,
        "scope": "bot applications.commands",
        "permissions": sum(permissions(voice=voice).values()),
        "integration_type": 0,
    }
    return f"https://discord.com/oauth2/authorize?{urlencode(wanted)}"
