"""Direct messages: their channel with each person is opened once and then known, and no faster than Discord lets a bot open them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from discord.http import Route

from adapters.discord.client import CLOSED_TO_US, UNKNOWN_CHANNEL, WRITES_TO_TOO_MANY, BucketEmpty, Rest, code_of
from adapters.discord.conversations import PLATFORM
from bot.domain.errors import PlaceGone, PlatformError, StoreUnavailable
from bot.ports.processes import Budgets, CallRate
from bot.ports.storage.repositories import SecretVault

log = structlog.get_logger(__name__)

T = TypeVar("T")

OPENINGS = CallRate(interval=300.0, burst=8)
"""Channels opened by all of a bot: ten in any ten minutes, which is what has been seen to be allowed. Discord does not publish it, and
quarantines a bot that opens many.
"""

OPENED_WITHIN_S = 5.0
"""Seconds that an answer waits for its turn to open one; it has another way."""

REFUSED_FOR_S = 600.0
"""Seconds for which none is opened where Discord refuses without saying for how long."""

NOT_DELIVERED = (
    "I have an answer for you alone, and Discord does not let me write to you. Allow direct messages from this server, "
    "or use the command with a slash."
)
NOT_NOW = (
    "I have an answer for you alone, and Discord lets me write directly to only a few people in ten minutes. Use the command "
    "with a slash: then you see the answer here."
)


class TooManyOpened(PlatformError):
    """Discord lets no more channels be opened just now."""

    def __init__(self) -> None:
        super().__init__(NOT_NOW, "no direct message can be opened just now")


class DirectMessages:
    """Of one bot, whose id `own_id` tells: its channels are no other bot's. What is not known is opened again, and is the same."""

    def __init__(self, rest: Rest, vault: SecretVault, budgets: Budgets, own_id: Callable[[], int]) -> None:
        self._rest = rest
        self._vault = vault
        self._openings = budgets.of("discord:direct", OPENINGS)
        self._own_id = own_id

    async def channel_with(self, person_id: str) -> str:
        """The id of their channel with us. Raises `TooManyOpened`, having called nothing, and `PlatformError`."""
        return await self._known(person_id) or await self._open(person_id)

    async def explain(self, person_id: str, error: PlatformError) -> str:
        """What a person is told elsewhere about a message to them that was refused with this; `''` where it may arrive yet."""
        code = code_of(error)
        if code == UNKNOWN_CHANNEL:
            await self._forget(person_id)
        if code in WRITES_TO_TOO_MANY:
            await self._openings.pause(REFUSED_FOR_S)
        if code in WRITES_TO_TOO_MANY or isinstance(error, TooManyOpened):
            return NOT_NOW
        return NOT_DELIVERED if code in CLOSED_TO_US or isinstance(error, PlaceGone) else ""

    # ------------------------------------------------------------ opening

    async def _open(self, person_id: str) -> str:
        await self._turn()
        try:
            opened = await self._rest.call(Route("POST", "/users/@me/channels"), {"recipient_id": person_id})
        except BucketEmpty as error:
            await self._openings.pause(error.retry_after)
            raise TooManyOpened from error
        channel_id = str(opened["id"])
        await self._remember(person_id, channel_id)
        return channel_id

    async def _turn(self) -> None:
        """A turn is asked for only where it may come in time: one that nobody takes is lost to all."""
        if await self._openings.paused() > OPENED_WITHIN_S:
            raise TooManyOpened
        try:
            async with asyncio.timeout(OPENED_WITHIN_S):
                await self._openings.turn()
        except TimeoutError as error:
            raise TooManyOpened from error

    # ------------------------------------------------------------ what is known

    def _key(self, person_id: str) -> tuple[str, str, str]:
        return PLATFORM, str(self._own_id()), f"direct:{person_id}"

    async def _known(self, person_id: str) -> str:
        known = await self._kept(self._vault.get(*self._key(person_id)))
        return known.decode() if known else ""

    async def _remember(self, person_id: str, channel_id: str) -> None:
        await self._kept(self._vault.put(*self._key(person_id), channel_id.encode()))

    async def _forget(self, person_id: str) -> None:
        await self._kept(self._vault.delete(*self._key(person_id)))

    @staticmethod
    async def _kept(work: Awaitable[T]) -> T | None:
        """Without the database a channel is opened anew, which brings the same one."""
        try:
            return await work
        except StoreUnavailable as error:
            log.info("channels of direct messages are not known just now", reason=error.detail)
            return None
