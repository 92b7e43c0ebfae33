"""A workspace that brings a key of its own: from then on everything it does is on its account, and nobody else's is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import msgspec

from bot.app.service import Parts, Service
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import ConversationRef, Membership, Person
from bot.domain.sessions import SessionStatus
from bot.jobs.reaper import Reaper
from bot.ports.storage.repositories import OWN_ACCOUNT
from bot.redaction import HIDDEN, REDACTOR
from bot.runtime.accounts import RETIRED, OwnAccount, accounts_of
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.chat import ANN, CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import AVATARS, FakeAvatarProvider
from bot.testing.virtual_time import LoopClock, virtual

KEY, OTHER = "their-own-key-4711", "another-key-of-theirs-0815"
ROOT = Person("root", "Root", Membership.ADMIN)
THERE = ConversationRef("fake", "W9", "C9")
"""In a workspace that nobody pays for."""


@dataclass
class World:
    chat: FakeChat
    operator: FakeAvatarProvider
    theirs: FakeAvatarProvider
    storage: MemoryStorage
    service: Service

    async def asks(self, verb: str, person: Person = ROOT, place: ConversationRef = THERE, **options: str) -> str:
        await self.chat.command(verb, place, person, **options)
        return self.chat.answers(person)[-1]

    async def starts(self, person: Person = ANN, place: ConversationRef = THERE) -> None:
        await self.chat.command("start", place, person)
        await self.until(SessionStatus.LIVE)

    async def until(self, status: SessionStatus) -> None:
        async with asyncio.timeout(120):
            while not (self.chat.cards and self.chat.card.status is status):
                await asyncio.sleep(0.1)

    def kept(self, key: str, place: ConversationRef = THERE) -> bytes | None:
        return self.storage.data.vault.get((place.platform, place.workspace_id, key))


@contextlib.asynccontextmanager
async def world(policy: Policy = Policy()) -> AsyncIterator[World]:  # noqa: B008 - frozen
    clock = LoopClock()
    operator, theirs, third = (FakeAvatarProvider(clock) for _ in range(3))
    operator.accounts = {KEY: theirs, OTHER: third}
    storage, chat = MemoryStorage(clock), FakeChat(clock=clock)
    async with contextlib.aclosing(operator), contextlib.aclosing(theirs), contextlib.aclosing(third):
        service = Service(Parts(storage, operator, clock, policy, new_metrics()), "http://avatarbot.test")
        service.add(FakeChatPlatform(chat, service.core))
        async with service.running():
            yield World(chat, operator, theirs, storage, service)


@virtual
async def test_a_key_funds_its_workspace_and_pays_there() -> None:
    async with world() as here:
        assert "not allowed in this workspace yet" in await here.asks("avatars", ANN)
        told = await here.asks("account key", account_key=KEY)
        assert "Kept, encrypted" in told
        assert "…4711" in told
        await here.starts()
        assert (len(here.theirs.hosted), len(here.operator.hosted)) == (1, 0)
        assert "4711" in await here.asks("account show")
        assert KEY not in str(here.chat.answered)


@virtual
async def test_other_workspaces_never_touch_it() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        await here.starts(place=CHANNEL)
        assert (len(here.theirs.hosted), len(here.operator.hosted)) == (0, 1)
        assert "the account of whoever runs Avatarbot" in await here.asks("account show", place=CHANNEL)


@virtual
async def test_lists_and_knowledge_are_those_of_its_account() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        await here.asks("knowledge create", name="FAQ", prompt="You know all.")
        assert [base.name for base in here.theirs.bases.values()] == ["FAQ"]
        assert not here.operator.bases
        here.theirs.left = 1234.0
        assert "1,234" in await here.asks("usage")
        here.theirs.catalog["dora"] = replace(AVATARS[0], id="dora", name="Theodora")
        await here.asks("avatars")
        assert "Theodora" in [row.title for row in here.chat.rows]
        await here.asks("avatars", place=CHANNEL)
        assert [row.title for row in here.chat.rows].count("Theodora") == 1


@virtual
async def test_limits_of_people_stay() -> None:
    async with world(Policy(Limits(person_minutes=0))) as here:
        await here.asks("account key", account_key=KEY)
        assert "You have used your 0 minutes" in await here.asks("start", ANN)


@virtual
async def test_a_key_that_is_refused_is_not_kept() -> None:
    async with world() as here:
        assert await here.asks("account key", account_key="no-such-key-1") == (
            "FakeAvatars does not accept this key, so it is not kept. Copy it again from your account there."
        )
        assert here.kept(OWN_ACCOUNT) is None
        assert REDACTOR.text("no-such-key-1") == HIDDEN


@virtual
async def test_a_key_kept_by_an_earlier_process_is_never_shown() -> None:
    async with world() as here:
        here.operator.accounts["kept-since-yesterday-99"] = here.theirs
        kept = msgspec.json.encode(OwnAccount("a1", "kept-since-yesterday-99"))
        await here.storage.vault.put(THERE.platform, THERE.workspace_id, OWN_ACCOUNT, kept)
        await here.asks("avatars", ANN)
        assert REDACTOR.text("with kept-since-yesterday-99 in it") == f"with {HIDDEN} in it"


@virtual
async def test_only_an_admin_may_give_a_key() -> None:
    async with world() as here:
        assert "admin" in await here.asks("account key", ANN, account_key=KEY)
        assert here.kept(OWN_ACCOUNT) is None


@virtual
async def test_a_session_is_closed_with_its_creating_key() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        await here.starts()
        await here.asks("account key", account_key=OTHER)
        assert KEY.encode() in (here.kept(RETIRED) or b"")
        await here.chat.command("stop", here.chat.thread, ANN)
        await here.until(SessionStatus.ENDED)
        assert [hosted.open for hosted in here.theirs.hosted] == [False]
        assert here.kept(RETIRED) is None


@virtual
async def test_a_session_is_queried_with_its_creating_key() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        await here.starts()
        await here.asks("account key", account_key=OTHER)
        await here.asks("sessions", ANN)
        (row,) = here.chat.rows
        assert "over" not in row.detail, row.detail
        assert "says that it is live" in await here.asks("status", ANN, here.chat.thread)


@virtual
async def test_a_key_stays_while_something_is_being_made_with_it() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        asked, answers = asyncio.Event(), asyncio.Event()

        async def slow(*_: object) -> None:
            asked.set()
            await answers.wait()

        here.theirs.before["create"] = slow
        await here.chat.command("start", THERE, ANN)
        await asked.wait()
        await here.asks("account key", account_key=OTHER)
        answers.set()
        await here.until(SessionStatus.LIVE)
        await here.chat.command("stop", here.chat.thread, ANN)
        await here.until(SessionStatus.ENDED)
        assert [hosted.open for hosted in here.theirs.hosted] == [False]
        assert here.kept(RETIRED) is None


@virtual
async def test_an_ended_sessions_leftover_is_reaped_with_its_key() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        await here.starts()
        here.service.worker.stop(hand_over=True)
        while here.service.worker.hosted:
            await asyncio.sleep(0.1)
        left = next(session for session in here.storage.data.sessions if session.place == THERE)
        here.storage.data.sessions.put(left.id, replace(left, status=SessionStatus.ENDED))
        await here.asks("account key", account_key=OTHER)
        accounts = accounts_of(here.operator, here.storage, here.service.services.funding)
        await Reaper(here.storage, accounts, here.chat.clock, account_is_ours=False).sweep()
        assert [hosted.open for hosted in here.theirs.hosted] == [False]
        assert here.kept(RETIRED) is None


@virtual
async def test_a_revoked_key_is_told_with_what_to_do() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        here.theirs.revoked = True
        expected = "FakeAvatars refuses this workspace's own key. An admin can give another one: /avatar account key."
        assert await here.asks("avatars", ANN) == expected
        assert (await here.asks("account show")).endswith(expected)
        await here.chat.command("start", THERE, ANN)
        await asyncio.sleep(5)
        assert expected in here.chat.answers(ANN)


@virtual
async def test_whoever_gave_a_key_hears_once_that_it_is_refused() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        here.theirs.revoked = True
        await here.asks("avatars", ANN)
        await here.asks("voices", ANN)
        assert [text for text in here.chat.answers(ROOT) if "refuses this workspace's own key" in text] == [
            "FakeAvatars refuses this workspace's own key. An admin can give another one: /avatar account key."
        ]


@virtual
async def test_a_removed_key_is_gone_and_so_is_its_leave() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        asked = await here.asks("account remove")
        assert asked == "Delete the key …4711? Avatars here then need the leave of whoever runs Avatarbot."
        assert "is deleted" in await here.asks("account remove", confirm="yes")
        assert "not allowed in this workspace yet" in await here.asks("avatars", ANN)
        assert (here.kept(OWN_ACCOUNT), here.kept(RETIRED)) == (None, None)


@virtual
async def test_it_goes_with_its_workspace() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        await here.service.core.channel_removed(THERE, whole_workspace=True)
        assert (here.kept(OWN_ACCOUNT), here.kept(RETIRED)) == (None, None)


@virtual
async def test_no_log_ever_shows_it() -> None:
    async with world() as here:
        await here.asks("account key", account_key=KEY)
        assert REDACTOR.text(f"with {KEY} in it") == "with *** in it"
        own = await here.service.services.accounts.own(THERE)
        assert KEY not in repr(own)
