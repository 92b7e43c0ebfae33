"""Who is in a server: Discord tells of nobody's leaving, so it is asked."""

import pytest

from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from tests.integration.discord.fake import ANN, BEN, GUILD, Answer
from tests.integration.discord.wire import PLACE, Wire


async def test_who_left_a_server_is_known_when_it_is_asked(wire: Wire) -> None:
    wire.discord.left = {BEN}
    assert await wire.platform.is_member(PLACE, ANN)
    assert not await wire.platform.is_member(PLACE, BEN)
    assert await wire.platform.is_member(ConversationRef("discord", "dm-5", "5"), BEN)
    wire.discord.next_answers(f"GET /guilds/{GUILD}/members/{ANN}", Answer(403, {"code": 50001, "message": "no"}))
    with pytest.raises(PlatformError):
        await wire.platform.is_member(PLACE, ANN)
