"""Decoders of what columns hold, made when modules load: works run in threads, and there it is too late to make one.

msgspec notes what it learns of a type before it has learned all of it. Two threads that decode the first values of one type together
end the process with a segmentation fault (msgspec 0.22).
"""

from msgspec.json import Decoder

from bot.commands.options import ChannelSettings
from bot.domain.conversations import ReplyTo, Suggestion
from bot.domain.sessions import SessionSpec, Shown
from bot.ports.room import RoomCredentials

BODY = Decoder(dict[str, str])
CHANNEL_SETTINGS = Decoder(ChannelSettings)
CREDENTIALS = Decoder(RoomCredentials)
REPLY_TO = Decoder(ReplyTo)
SHOWN = Decoder(Shown)
SPEC = Decoder(SessionSpec)
SUGGESTIONS = Decoder(tuple[Suggestion, ...])
TEXT = Decoder(str)
