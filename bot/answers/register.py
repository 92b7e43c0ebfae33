"""Which function answers which verb."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.answers import about_offers, about_sessions
from bot.answers.request import Answer

ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "help": about_sessions.show_help,
        "status": about_sessions.status,
        "watch": about_sessions.watch,
        "avatars": about_offers.avatars,
    }
)
