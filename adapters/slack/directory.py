"""Who people are and what channels are called, asked once in a while."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog

from adapters.slack.installations import Installations
from adapters.slack.refusals import SlackRefused
from adapters.slack.translation import Setting
from adapters.slack.web_api import Answer, WebApi
from adapters.slack.words import SOMEONE, Mentions, Names
from bot.errors import PlatformError
from bot.model import A_DIRECT_MESSAGE, Channel, Person, Standing
from bot.ports.clock import Clock

KNOWN_FOR = timedelta(hours=1)
UNKNOWN_FOR = timedelta(minutes=5)

PATIENCE_S = 0.7
"""How long a delivery may wait for names: Slack wants its answer within 3 s, and the commit may take 2."""

CAPACITY = 10_000

GROUPS = "groups "
"""Beginning of the key under which the user groups of one team are kept."""

NOBODY = Mentions()

_STRANGER = frozenset({"user_not_found", "user_not_visible", "users_not_found"})

log = structlog.get_logger(__name__)

Ask = Callable[[str, str], Awaitable[Answer]]

Kept = tuple[datetime, Answer]
"""Until when an answer is good, and the answer."""

UNASKED: Kept = (datetime.min.replace(tzinfo=UTC), {})


class Directory:
    """People, channels and user groups by workspace. Answers within `PATIENCE_S`, if need be without a name."""

    def __init__(self, web: WebApi, installations: Installations, clock: Clock) -> None:
        self._web = web
        self._installations = installations
        self._clock = clock
        self._kept: dict[tuple[str, str], Kept] = {}

    async def look_up(
        self, setting: Setting, user_id: str, mentioned: Mentions = NOBODY, *, foreign: bool = False
    ) -> tuple[Person, Names]:
        """Somebody as they are in a workspace, and the names that their message needs.

        Whom Slack does not tell us about is a member, or, if `foreign`, an outsider.
        """
        workspace_id, groups_key = setting.workspace_id, GROUPS + setting.team_id
        others = mentioned.people - {setting.own_id}
        wanted: dict[str, Ask] = {user_id: self._ask_user, groups_key: self._ask_groups}
        wanted |= dict.fromkeys(others, self._ask_user) | dict.fromkeys(mentioned.channels, self._ask_channel)
        await self._learn(workspace_id, wanted)
        groups = self._known(workspace_id, groups_key)
        return self._person(workspace_id, user_id, groups, foreign=foreign), Names(
            setting.own_id,
            {each: _name(self._known(workspace_id, each)) for each in others},
            {each: _name(self._known(workspace_id, each)) for each in mentioned.channels},
            {each: str(group["name"]) for each, group in groups.items()},
        )

    async def person(self, setting: Setting, user_id: str) -> Person:
        person, _ = await self.look_up(setting, user_id)
        return person

    async def channel(self, workspace_id: str, channel_id: str) -> Channel:
        """By its id where Slack does not tell, as of a private channel that the bot is not in any more."""
        if channel_id.startswith("D"):  # Slack has no name for it, and would want `im:read` to say so
            return A_DIRECT_MESSAGE
        await self._learn(workspace_id, {channel_id: self._ask_channel})
        known = self._known(workspace_id, channel_id)
        name = _name(known)
        return Channel(f"#{name}" if name else channel_id, private=bool(known.get("is_private")))

    def _person(self, workspace_id: str, user_id: str, groups: Answer, *, foreign: bool) -> Person:
        user = self._known(workspace_id, user_id)
        unknown = Standing.OUTSIDER if foreign or user.get("is_stranger") else Standing.MEMBER
        standing = _standing(user, workspace_id) if user.get("id") else unknown
        belongs = frozenset(group_id for group_id, group in groups.items() if user_id in group["users"])
        return Person(user_id, _name(user) or SOMEONE, standing, belongs)

    # ------------------------------------------------ what is known

    def _known(self, workspace_id: str, key: str) -> Answer:
        return self._kept.get((workspace_id, key), UNASKED)[1]

    def _keep(self, workspace_id: str, key: str, answer: Answer, lasting: timedelta) -> None:
        self._kept.pop((workspace_id, key), None)
        self._kept[workspace_id, key] = (self._clock.now() + lasting, answer)
        if len(self._kept) > CAPACITY:
            del self._kept[next(iter(self._kept))]

    async def _learn(self, workspace_id: str, wanted: Mapping[str, Ask]) -> None:
        """Ask for what is not known any more, all at once; what does not come in time stays as it was."""
        now = self._clock.now()
        missing = {key: ask for key, ask in wanted.items() if self._kept.get((workspace_id, key), UNASKED)[0] <= now}
        if not missing:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(self._learn_one(workspace_id, key, ask) for key, ask in missing.items()))
        except TimeoutError:
            log.info("Slack did not tell a name in time")

    async def _learn_one(self, workspace_id: str, key: str, ask: Ask) -> None:
        try:
            token = (await self._installations.find(workspace_id)).token
            self._keep(workspace_id, key, await ask(token, key), KNOWN_FOR)
        except SlackRefused as refused:
            nothing = {} if key.startswith(GROUPS) else {"is_stranger": refused.code in _STRANGER}
            self._keep(workspace_id, key, nothing, UNKNOWN_FOR)
        except PlatformError as error:
            log.info("Slack did not tell a name", detail=error.detail)

    async def _ask_user(self, token: str, user_id: str) -> Answer:
        return dict((await self._web.call(token, "users.info", user=user_id))["user"])

    async def _ask_channel(self, token: str, channel_id: str) -> Answer:
        return dict((await self._web.call(token, "conversations.info", channel=channel_id))["channel"])

    async def _ask_groups(self, token: str, key: str) -> Answer:
        """User groups by id, with who is in them. Refused where the scope was not granted.

        An organisation's token must say of which team; a workspace's has its own only.
        """
        team_id = key.removeprefix(GROUPS) or None
        answer = await self._web.call(token, "usergroups.list", include_users=True, team_id=team_id)
        return {
            group["id"]: {"name": group.get("handle", ""), "users": frozenset(group.get("users", ()))}
            for group in answer["usergroups"]
        }


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
