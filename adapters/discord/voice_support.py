"""Whether the avatar can be heard in Discord's voice channels, and what is missing: discord.py is imported only to look."""

import importlib.util
from functools import cache

from bot.domain.conversations import PlatformFeature

NOT_INSTALLED = "the extra “voice” of this package is not installed"
NO_LIBOPUS = "libopus is not on this system (on Debian and Ubuntu: apt install libopus0)"


@cache
def missing() -> str:
    """What is not there, as a part of a sentence; `''` where nothing is. Looks once."""
    if not all(map(importlib.util.find_spec, ("nacl", "davey"))):
        return NOT_INSTALLED
    from discord import opus  # noqa: PLC0415

    try:
        opus.Encoder.get_opus_version()
    except opus.OpusNotLoaded:
        return NO_LIBOPUS
    return ""


def features() -> frozenset[PlatformFeature]:
    """Those of Discord that commands depend on."""
    return frozenset() if missing() else frozenset({PlatformFeature.VOICE_CHANNELS})
