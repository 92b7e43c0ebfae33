"""`avatarbot tokens create`: what was typed becomes a token, or a sentence that says what is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.app.api_tokens import TokenRequest, create, listing, read, revoke
from bot.domain.conversations import ConversationRef
from bot.domain.errors import AvatarbotError
from bot.storage.memory import MemoryStorage
from bot.testing.virtual_time import ManualClock

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
PLATFORMS = ("slack", "discord")


def typed(
    name: str = "release-bot", places: str = "slack/T1/C1", commands: str = "say", expires: str = "90d"
) -> TokenRequest:
    return TokenRequest(name, [places], [commands], 30, expires)


def test_places_and_commands_are_lists_by_commas_or_blanks() -> None:
    token = read(typed(places="slack/T1/C1, slack/T1/C1,discord/1/*", commands="say,start"), PLATFORMS, NOON)
    assert token.places == (ConversationRef("slack", "T1", "C1"), ConversationRef("discord", "1", "*"))
    assert (token.commands, token.minutes_per_day) == (("say", "start"), 30)


@pytest.mark.parametrize(
    ("expires", "at"),
    [("90d", NOON + timedelta(days=90)), ("2026-11-28", NOON + timedelta(hours=12)), ("never", None)],
)
def test_an_expiry_is_a_day_a_time_or_never(expires: str, at: datetime | None) -> None:
    assert read(typed(expires=expires), PLATFORMS, NOON).expires_at == at


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (typed(name="Release Bot"), "small letters"),
        (typed(places="slack"), "is no place"),
        (typed(places="slack/T1/*/17"), "is no place"),
        (typed(places="slak/T1/C1"), "slack"),
        (typed(places=","), "1 to 50 places"),
        (typed(commands="sing"), "not for “sing”"),
        (typed(commands=" "), "--verbs"),
        *(
            (typed(expires=text), "--expires")
            for text in ("0d", "soon", "xd", "2020-01-01", "9999999999d", "9999-12-31")
        ),
    ],
)
def test_what_makes_no_sense_is_said(request_: TokenRequest, says: str) -> None:
    with pytest.raises(AvatarbotError, match=says):
        read(request_, PLATFORMS, NOON)


async def test_a_token_is_made_listed_and_revoked() -> None:
    storage = MemoryStorage(ManualClock(NOON))
    secret = await create(storage, typed(), PLATFORMS)
    with pytest.raises(AvatarbotError, match="already"):
        await create(storage, typed(), PLATFORMS)
    table = await listing(storage)
    assert "release-bot" in table
    assert secret not in table
    assert "revoked" in await revoke(storage, "release-bot")
    with pytest.raises(AvatarbotError, match="tokens list"):
        await revoke(storage, "release-bot")
    assert await listing(storage) == "There are no tokens, so the HTTP API is off."
