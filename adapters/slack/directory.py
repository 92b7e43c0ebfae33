"""Who people are and what channels are called: asked of Slack once for each, and kept."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

import structlog

from adapters.slack.client import Answer, SlackRefused, WorkspaceCalls
from adapters.slack.payloads import InboundContext
from adapters.slack.text import SOMEONE, Mentions, SlackNames
from bot.clock import Clock
from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef, Membership, Person
from bot.domain.errors import PlatformError

KNOWN_FOR = timedelta(hours=1)
UNKNOWN_FOR = timedelta(minutes=5)

STALE_FOR = timedelta(days=1)
"""How long an answer still counts that could not be had anew."""

CAPACITY = 10_000

AT_ONCE = 40
"""Questions of one workspace under way at most; what is asked beyond that stays unknown for now."""

NOTHING: Answer = {}

log = structlog.get_logger(__name__)

Ask = Callable[[str, str], Awaitable[Answer]]
"""Asks Slack about a thing of a workspace."""

PATIENCE_S = 0.7
"""How long a delivery may wait for all look-ups: Slack wants its answer within 3 s, and the commit may take 2."""

NAMES_LIMIT = 20
"""How many of a message's people, and of its channels, are looked up; the others are "someone" and "a channel"."""

GROUPS = "groups "
"""Beginning of the thing under which the user groups of one team are kept."""

NOBODY = Mentions()

_STRANGER = frozenset({"user_not_found", "user_not_visible", "users_not_found"})


class LookupKey(NamedTuple):
    workspace_id: str
    thing: str


class _Kept(NamedTuple):
    answer: Answer
    fresh_until: datetime


class CachedLookups:
    """Answers by workspace and thing: one question at a time for each, its answer kept whenever it comes.

    `refused` makes an answer of Slack's refusal to tell about a thing.
    """

    def __init__(self, clock: Clock, refused: Callable[[SlackRefused], Answer]) -> None:
        self._clock = clock
        self._refused = refused
        self._kept: dict[LookupKey, _Kept] = {}
        self._asking: dict[LookupKey, asyncio.Task[None]] = {}
        self._busy = Counter[str]()

    def known(self, key: LookupKey) -> Answer:
        """The newest answer, if need be a day old; empty where there is none."""
        kept = self._kept.get(key)
        return kept.answer if kept and self._clock.now() < kept.fresh_until + STALE_FOR else NOTHING

    async def learn(self, wanted: Mapping[LookupKey, Ask], until: float) -> None:
        """Ask for what is not known or not fresh, and wait for it until then by the running loop's clock.

        What comes later is kept all the same, for whoever asks next.
        """
        due = [task for key, ask in wanted.items() if (task := self._question(key, ask))]
        patience = until - asyncio.get_running_loop().time()
        if due and patience > 0:
            await asyncio.wait(due, timeout=patience)

    async def aclose(self) -> None:
        """End the questions that are under way."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        if asking:
            await asyncio.wait(asking)

    def _question(self, key: LookupKey, ask: Ask) -> asyncio.Task[None] | None:
        """The question about a thing that is under way, or a new one; None where none is needed or one too many would be."""
        kept = self._kept.get(key)
        if kept and self._clock.now() < kept.fresh_until:
            return None
        if key not in self._asking and self._busy[key.workspace_id] < AT_ONCE:
            self._busy[key.workspace_id] += 1
            task = asyncio.create_task(self._ask(key, ask), name="slack-lookup")
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asked(key))
        return self._asking.get(key)

    def _asked(self, key: LookupKey) -> None:
        del self._asking[key]
        self._busy[key.workspace_id] -= 1
        if not self._busy[key.workspace_id]:
            del self._busy[key.workspace_id]

    async def _ask(self, key: LookupKey, ask: Ask) -> None:
        try:
            self._keep(key, await ask(*key), KNOWN_FOR)
        except SlackRefused as refused:
            self._keep(key, self._refused(refused), UNKNOWN_FOR)
        except PlatformError as error:
            log.info("Slack did not tell a name", detail=error.detail)
        except Exception:
            log.exception("a look-up broke")

    def _keep(self, key: LookupKey, answer: Answer, lasting: timedelta) -> None:
        self._kept.pop(key, None)
        self._kept[key] = _Kept(answer, self._clock.now() + lasting)
        if len(self._kept) > CAPACITY:
            del self._kept[next(iter(self._kept))]


# ---------------------------------------------------------------- people and channels


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
