"""Who people are and what channels are called."""

import asyncio
from collections.abc import Iterable
from itertools import islice

from adapters.slack.calls import WorkspaceCalls
from adapters.slack.client import Answer
from adapters.slack.errors import SlackRefused
from adapters.slack.inbound import InboundContext
from adapters.slack.lookups import CachedLookups, LookupKey
from adapters.slack.plain_text import SOMEONE, Mentions, SlackNames
from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef
from bot.domain.people import Membership, Person
from bot.ports.clock import Clock

PATIENCE_S = 0.7
"""How long a delivery may wait for all look-ups: Slack wants its answer within 3 s, and the commit may take 2."""

NAMES_LIMIT = 20
"""How many of a message's people, and of its channels, are looked up; the others are "someone" and "a channel"."""

GROUPS = "groups "
"""Beginning of the thing under which the user groups of one team are kept."""

NOBODY = Mentions()

_STRANGER = frozenset({"user_not_found", "user_not_visible", "users_not_found"})


class Directory:
    """People, channels and user groups by workspace. Answers within `PATIENCE_S`, if need be without a name."""

    def __init__(self, calls: WorkspaceCalls, clock: Clock) -> None:
        self._call = calls
        self._lookups = CachedLookups(clock, _refused)

    async def look_up(
        self, setting: InboundContext, user_id: str, mentioned: Mentions = NOBODY
    ) -> tuple[Person, SlackNames]:
        """Somebody as they are in a workspace, and the names that their message needs.

        The person is looked up first and alone, so that nothing in a message keeps us from knowing who wrote it. Whom Slack has not
        told us about in time is of unknown standing, which is no more than an outsider's.
        """
        until = asyncio.get_running_loop().time() + PATIENCE_S
        user, groups = (
            LookupKey(setting.workspace_id, user_id),
            LookupKey(setting.workspace_id, GROUPS + setting.team_id),
        )
        await self._lookups.learn({user: self._ask_user}, until)
        names = await self._names(setting, mentioned, groups, until)
        return self._person(user, groups), names

    async def person(self, setting: InboundContext, user_id: str) -> Person:
        person, _ = await self.look_up(setting, user_id)
        return person

    async def names(self, setting: InboundContext, mentioned: Mentions) -> SlackNames:
        """The names that a message needs."""
        until = asyncio.get_running_loop().time() + PATIENCE_S
        return await self._names(setting, mentioned, LookupKey(setting.workspace_id, GROUPS + setting.team_id), until)

    async def channel(self, workspace_id: str, channel_id: str) -> Channel:
        """By its id where Slack does not tell, as of a private channel that the bot is not in any more."""
        if channel_id.startswith("D"):  # Slack has no name for it, and would want `im:read` to say so
            return A_DIRECT_MESSAGE
        key = LookupKey(workspace_id, channel_id)
        await self._lookups.learn({key: self._ask_channel}, asyncio.get_running_loop().time() + PATIENCE_S)
        known = self._lookups.known(key)
        name = _name(known)
        return Channel(f"#{name}" if name else channel_id, private=bool(known.get("is_private", not name)))

    async def is_member(self, workspace_id: str, user_id: str) -> bool:
        """Whether somebody is in a workspace and not deactivated, as Slack says now. Raises `PlatformError`."""
        try:
            user = await self._ask_user(workspace_id, user_id)
        except SlackRefused as refused:
            if refused.code in _STRANGER:
                return False
            raise
        return not user.get("deleted")

    async def aclose(self) -> None:
        await self._lookups.aclose()

    async def _names(self, setting: InboundContext, mentioned: Mentions, groups: LookupKey, until: float) -> SlackNames:
        people = _some(mentioned.people - {setting.own_id}, setting)
        channels = _some(mentioned.channels, setting)
        wanted = {groups: self._ask_groups} | dict.fromkeys(people, self._ask_user)
        await self._lookups.learn(wanted | dict.fromkeys(channels, self._ask_channel), until)
        return SlackNames(
            setting.own_id,
            {key.thing: _name(self._lookups.known(key)) for key in people},
            {key.thing: _name(self._lookups.known(key)) for key in channels},
            {each: str(group["name"]) for each, group in self._lookups.known(groups).items()},
        )

    def _person(self, key: LookupKey, groups: LookupKey) -> Person:
        user = self._lookups.known(key)
        belongs = (each for each, group in self._lookups.known(groups).items() if key.thing in group["users"])
        human = bool(user) and not user.get("is_bot")
        return Person(key.thing, _name(user) or SOMEONE, _standing(user, key.workspace_id), frozenset(belongs), human)

    # ------------------------------------------------ what is asked

    async def _ask_user(self, workspace_id: str, user_id: str) -> Answer:
        return dict((await self._call(_in(workspace_id), "users.info", user=user_id))["user"])

    async def _ask_channel(self, workspace_id: str, channel_id: str) -> Answer:
        return dict((await self._call(_in(workspace_id), "conversations.info", channel=channel_id))["channel"])

    async def _ask_groups(self, workspace_id: str, thing: str) -> Answer:
        """User groups by id, with who is in them. Refused where the scope was not granted.

        An organisation's token must say of which team; a workspace's has its own only.
        """
        team_id = thing.removeprefix(GROUPS) or None
        answer = await self._call(_in(workspace_id), "usergroups.list", include_users=True, team_id=team_id)
        return {
            group["id"]: {"name": group.get("handle", ""), "users": frozenset(group.get("users", ()))}
            for group in answer["usergroups"]
        }


def _in(workspace_id: str) -> ConversationRef:
    return ConversationRef("slack", workspace_id, "")


def _some(ids: Iterable[str], setting: InboundContext) -> list[LookupKey]:
    return [LookupKey(setting.workspace_id, each) for each in islice(sorted(ids), NAMES_LIMIT)]


def _refused(refused: SlackRefused) -> Answer:
    """A stranger is known to be one; anything else that Slack will not tell stays unknown."""
    return {"is_stranger": True} if refused.code in _STRANGER else {}


def _name(user: Answer) -> str:
    """A person's name, or a channel's."""
    profile = user.get("profile") or {}
    return str(profile.get("display_name") or profile.get("real_name") or user.get("name") or "")


def _standing(user: Answer, workspace_id: str) -> Membership:
    """In a grid `team_id` may name another of the workspaces that somebody belongs to: `enterprise_user.teams` has them all."""
    if not user:
        return Membership.UNKNOWN
    if any(user.get(flag) for flag in ("is_stranger", "is_restricted", "is_ultra_restricted", "deleted")):
        return Membership.OUTSIDER
    in_grid = user.get("enterprise_user") or {}
    if workspace_id not in {user.get("team_id"), in_grid.get("enterprise_id"), *(in_grid.get("teams") or ())}:
        return Membership.OUTSIDER
    return Membership.ADMIN if user.get("is_admin") or user.get("is_owner") else Membership.MEMBER
