"""What a channel has set for its avatars."""

from dataclasses import dataclass, field

from bot.commands.policy import AllowList
from bot.domain.sessions import Mode, VoiceParams


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Empty text and None mean "as usual". `listening` is `thread`, `channel` or `mention`; `allow` says who may start; `words` are
    those that avatars here neither say nor are asked.
    """

    avatar: str = ""
    voice: str = ""
    voice_url: str = ""
    language: str = ""
    mode: Mode | None = None
    knowledge: str = ""
    background: str = ""
    minutes: int | None = None
    listening: str = "thread"
    names: bool = True
    prompt: str = ""
    greeting: str = ""
    voice_params: VoiceParams = field(default_factory=VoiceParams)
    allow: AllowList = field(default_factory=AllowList)
    words: tuple[str, ...] = ()
