"""Whose room it is and who may join it: which uids a token lets in, and rooms of the team's own Agora project."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from adapters.agora.tokens import Privilege, TokenGrant, mint
from bot.ports.room import RoomCredentials

LIFETIME: Final = timedelta(hours=1)
AVATAR_UID: Final = "1001"  # AKOOL wants a number
BOT_UID: Final = "1002"
VIEWER_UIDS: Final = range(100_000, 2**31)

AVATAR_RIGHTS: Final = frozenset(Privilege)
BOT_RIGHTS: Final = frozenset({Privilege.JOIN, Privilege.PUBLISH_AUDIO, Privilege.PUBLISH_DATA})
VIEWER_RIGHTS: Final = frozenset({Privilege.JOIN})

CHANNEL: Final = re.compile(r"[A-Za-z0-9 !#$%&()+\-:;<=.>?@\[\]^_{|}~,]{1,64}", re.ASCII)
"""What Agora takes as a channel's name."""


class UidPolicy(StrEnum):
    """Who besides the bot can sit in a room."""

    OWN_PROJECT = "own project"  # as many as we mint tokens for
    ANY_UID = "any uid"  # whoever has the token, each under a uid of their own
    SINGLE = "single connection"  # the bot alone: a second join under its uid throws the first out


def uid_policy(grant: TokenGrant, own_app_id: str) -> UidPolicy:
    """How the room of a bot's token can be seated. `own_app_id` is empty where the team has no project."""
    if own_app_id and grant.app_id == own_app_id:
        return UidPolicy.OWN_PROJECT
    return UidPolicy.ANY_UID if grant.any_uid else UidPolicy.SINGLE


class OwnRooms:
    """The provider's `OwnRoom`: opens rooms in the team's own Agora project; a channel exists as soon as somebody joins it.

    Every token lasts an hour and allows only what its holder does. Publishing rights hold only while *co-host
    authentication* is switched on for the project; otherwise Agora lets a viewer's token publish too.
    """

    def __init__(self, app_id: str, certificate: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._app_id = app_id
        self._certificate = certificate
        self._now = now

    def credentials(self, tag: str) -> tuple[RoomCredentials, RoomCredentials]:
        """The credentials of avatar and bot, in this order, in the room named `tag`. Raises `ValueError` when Agora would not take the name."""
        return self._credentials(tag, AVATAR_UID, AVATAR_RIGHTS), self._credentials(tag, BOT_UID, BOT_RIGHTS)

    def viewer(self, tag: str) -> RoomCredentials:
        """Credentials for one more viewer, who may look and listen."""
        return self._credentials(tag, str(secrets.choice(VIEWER_UIDS)), VIEWER_RIGHTS)

    def _credentials(self, channel: str, uid: str, rights: frozenset[Privilege]) -> RoomCredentials:
        if not CHANNEL.fullmatch(channel):
            raise ValueError(f"not a channel name for Agora: {channel!r}")
        token = mint(
            app_id=self._app_id,
            certificate=self._certificate,
            channel=channel,
            uid=uid,
            privileges=rights,
            issued_at=self._now(),
            lifetime=LIFETIME,
            salt=1 + secrets.randbelow(99_999_999),
        )
        return RoomCredentials(self._app_id, channel, uid, token)
