"""Which function answers which verb."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.answers import about_channel, about_knowledge, about_offers, about_sessions, about_uploads, about_usage
from bot.answers.request import Answer

ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "help": about_sessions.show_help,
        "status": about_sessions.status,
        "watch": about_sessions.watch,
        "sessions": about_sessions.list_sessions,
        "transcript": about_sessions.transcript,
        "avatars": about_offers.avatars,
        "voices": about_offers.voices,
        "languages": about_offers.languages,
        "knowledge list": about_knowledge.list_knowledge,
        "knowledge show": about_knowledge.show,
        "knowledge create": about_knowledge.create,
        "knowledge update": about_knowledge.update,
        "knowledge delete": about_knowledge.delete,
        "knowledge use": about_knowledge.use,
        "upload": about_uploads.upload,
        "defaults show": about_channel.show,
        "defaults set": about_channel.change,
        "defaults voice": about_channel.change,
        "defaults elevenlabs": about_channel.change,
        "defaults access": about_channel.access,
        "defaults reset": about_channel.reset,
        "usage": about_usage.show,
    }
)
