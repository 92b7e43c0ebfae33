"""Fakes of the ports, for whoever tests a bot or writes an adapter. Nothing else of the package imports them.

Each is as strict as what it stands for and passes the same suite of `tests/contract`: `FakeChat` with its `FakeChatPlatform`,
`FakeAvatarProvider`, `FakeAvatar`, `FakeLanguageModel`, `FakeRooms`, `FakeSecretVault`, `FakeVoiceChannels`.
`bot.testing.virtual_time` lets a minute of talk take a millisecond.
"""

from bot.testing.avatar import AvatarBehavior, FakeAvatar
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.llm import FakeLanguageModel
from bot.testing.provider import FakeAvatarProvider
from bot.testing.room import FakeRooms
from bot.testing.vault import FakeSecretVault
from bot.testing.virtual_time import ManualClock
from bot.testing.voice import FakeVoiceChannels

__all__ = [
    "AvatarBehavior",
    "FakeAvatar",
    "FakeAvatarProvider",
    "FakeChat",
    "FakeChatPlatform",
    "FakeLanguageModel",
    "FakeRooms",
    "FakeSecretVault",
    "FakeVoiceChannels",
    "ManualClock",
]
