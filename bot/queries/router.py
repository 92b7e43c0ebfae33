"""Which function answers which command."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.queries import (
    account,
    blocked_words,
    channel_settings,
    forgetting,
    knowledge,
    offers,
    sessions,
    uploads,
    usage,
)
from bot.queries.context import Answer

ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "help": sessions.show_help,
        "status": sessions.status,
        "watch": sessions.watch,
        "sessions": sessions.list_sessions,
        "transcript": sessions.transcript,
        "forget me": forgetting.person,
        "forget session": forgetting.session,
        "avatars": offers.avatars,
        "voices": offers.voices,
        "languages": offers.languages,
        "knowledge list": knowledge.list_knowledge,
        "knowledge show": knowledge.show,
        "knowledge create": knowledge.create,
        "knowledge update": knowledge.update,
        "knowledge delete": knowledge.delete,
        "knowledge use": knowledge.use,
        "upload": uploads.upload,
        "defaults show": channel_settings.show,
        "defaults set": channel_settings.change,
        "defaults voice": channel_settings.change,
        "defaults elevenlabs": channel_settings.change,
        "defaults access": channel_settings.access,
        "defaults words": blocked_words.change,
        "defaults reset": channel_settings.reset,
        "usage": usage.show,
        "account show": account.show,
        "account key": account.key,
        "account remove": account.remove,
    }
)
