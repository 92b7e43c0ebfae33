"""Who people are and what channels are called, asked once in a while."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from adapters.slack.installations import Installations
from adapters.slack.refusals import SlackRefused
from adapters.slack.web_api import Answer, WebApi
from adapters.slack.words import SOMEONE, Mentions, Names
from bot.errors import PlatformError
from bot.model import Person, Standing
from bot.ports.clock import Clock

KNOWN_FOR = timedelta(hours=1)
UNKNOWN_FOR = timedelta(minutes=5)

PATIENCE_S = 0.7
"""How long a delivery may wait for names: Slack wants its answer within 3 s, and the commit may take 2."""

CAPACITY = 10_000

_STRANGER = frozenset({"user_not_found", "user_not_visible", "users_not_found"})

log = structlog.get_logger(__name__)

Key = tuple[str, str]
Asking = Callable[[str, str], Awaitable[Answer]]


class Directory:
    """People and channels by workspace. Answers within `PATIENCE_S`, if need be without a name."""

    def __init__(self, web: WebApi, installations: Installations, clock: Clock) -> None:
        self._web = web
        self._installations = installations
        self._clock = clock
        self._kept: dict[Key, tuple[datetime, Answer]] = {}

    async def person(self, workspace_id: str, user_id: str, *, foreign: bool = False) -> Person:
        """Somebody as they are in this workspace. Whom Slack does not tell us about is a member, or, if `foreign`, an outsider."""
        user, groups = await asyncio.gather(
            self._in_time(self._user(workspace_id, user_id)), self._in_time(self._groups(workspace_id))
        )
        unknown = Standing.OUTSIDER if foreign or user.get("is_stranger") else Standing.MEMBER
        standing = _standing(user, workspace_id) if user.get("id") else unknown
        belongs = frozenset(group_id for group_id, group in groups.items() if user_id in group["users"])
        return Person(user_id, _name(user) or SOMEONE, standing, belongs)

    async def names(self, workspace_id: str, mentioned: Mentions, own_id: str) -> Names:
        """The names that a message needs."""
        groups = await self._in_time(self._groups(workspace_id)) if mentioned.groups else {}
        return Names(
            own_id,
            await self._named(workspace_id, self._user, mentioned.people - {own_id}),
            await self._named(workspace_id, self._channel, mentioned.channels),
            {group_id: str(group["name"]) for group_id, group in groups.items()},
        )

    async def _named(self, workspace_id: str, ask: Asking, ids: frozenset[str]) -> dict[str, str]:
        found = await asyncio.gather(*(self._in_time(ask(workspace_id, each)) for each in ids))
        return {each: _name(answer) for each, answer in zip(ids, found, strict=True)}

    async def _in_time(self, asking: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asking
        except (TimeoutError, PlatformError) as error:
            log.info("Slack did not tell a name in time", detail=getattr(error, "detail", "too slow"))
            return {}

    async def _user(self, workspace_id: str, user_id: str) -> Answer:
        async def ask(token: str) -> Answer:
            answer = await self._web.call(token, "users.info", user=user_id)
            return dict(answer["user"])

        return await self._remembered(workspace_id, user_id, ask)

    async def _channel(self, workspace_id: str, channel_id: str) -> Answer:
        async def ask(token: str) -> Answer:
            answer = await self._web.call(token, "conversations.info", channel=channel_id)
            return dict(answer["channel"])

        return await self._remembered(workspace_id, channel_id, ask)

    async def _groups(self, workspace_id: str) -> Answer:
        """User groups by id, with the ids of who is in them. None where the scope was not granted."""

        async def ask(token: str) -> Answer:
            answer = await self._web.call(token, "usergroups.list", include_users=True)
            return {
                group["id"]: {"name": group.get("handle", ""), "users": frozenset(group.get("users", ()))}
                for group in answer["usergroups"]
            }

        groups = await self._remembered(workspace_id, "groups", ask)
        return {} if "is_stranger" in groups else groups

    async def _remembered(self, workspace_id: str, key: str, ask: Callable[[str], Awaitable[Answer]]) -> Answer:
        kept = self._kept.get((workspace_id, key))
        if kept and self._clock.now() < kept[0]:
            return kept[1]
        token = (await self._installations.find(workspace_id)).token
        try:
            answer, lasting = await ask(token), KNOWN_FOR
        except SlackRefused as refused:
            answer, lasting = {"is_stranger": refused.code in _STRANGER}, UNKNOWN_FOR
        self._keep((workspace_id, key), answer, self._clock.now() + lasting)
        return answer

    def _keep(self, key: Key, answer: Answer, until: datetime) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (until, answer)
        if len(self._kept) > CAPACITY:
            del self._kept[next(iter(self._kept))]


def _name(user: Answer) -> str:
    """A person's name, or a channel's."""
    profile = user.get("profile") or {}
    return str(profile.get("display_name") or profile.get("real_name") or user.get("name") or "")


def _standing(user: Answer, workspace_id: str) -> Standing:
    if user.get("is_stranger") or user.get("is_restricted") or user.get("is_ultra_restricted"):
        return Standing.OUTSIDER
    homes = {user.get("team_id"), (user.get("enterprise_user") or {}).get("enterprise_id")}
    if workspace_id not in homes:
        return Standing.OUTSIDER
    return Standing.ADMIN if user.get("is_admin") or user.get("is_owner") else Standing.MEMBER
