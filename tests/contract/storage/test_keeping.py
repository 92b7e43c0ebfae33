"""What is counted, what is forgotten, and what another process finds after a crash."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.commands.options import ChannelSettings
from bot.commands.policy import AllowList
from bot.domain.conversations import Consent, ConversationRef, MessageRef, ReplyTo
from bot.domain.posts import Opened as CardOpened
from bot.domain.posts import Speaker
from bot.domain.provider import Use
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.grants import Scope
from bot.ports.provider import Upload, UploadState
from bot.ports.storage import Storage
from bot.ports.storage.records import (
    InboxOutcome,
    Lease,
    OwnedKind,
    PostRecord,
    ProcessProfile,
    ProviderSessionStatus,
    VoicePlace,
)
from bot.ports.storage.repositories import OWN_ACCOUNT
from bot.ports.storage.transactions import FencedWrites, Standing
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import NOON, Opened
from tests.contract.storage.seeds import (
    ANN,
    BEN,
    CREDENTIALS,
    accept,
    claim_turn,
    hosted,
    said,
    session,
    start,
    utterance,
    waiting,
)

HERE = ConversationRef("room", "W1", "s")
MINUTE = timedelta(minutes=1)
AGREED = Consent("ann", "Ann", NOON)


async def intend(storage: Storage, lease: Lease, row_id: str = "p", minutes: int = 10) -> None:
    async with storage.fenced(lease) as run:
        run.intend(row_id, lambda _: minutes)


# ---------------------------------------------------------------- budgets


async def test_a_reservation_passes_to_the_provider_session(storage: Storage) -> None:
    lease, standings = await hosted(storage), []

    def minutes(standing: Standing) -> int:
        standings.append(standing)
        return 10

    assert await storage.usage.of_person(HERE, "ann") == Use(held=600)
    async with storage.fenced(lease) as run:
        run.intend("p", minutes)
    async with storage.fenced(lease) as run:
        run.abandon("p")
        run.intend("p2", minutes)
    assert await storage.usage.of_person(HERE, "ann") == Use(held=600)
    assert standings == [Standing(600, Use(held=600), None), Standing(0, Use(), None)]


async def test_what_was_opened_counts_until_it_is_closed(storage: Storage, clock: ManualClock) -> None:
    await intend(storage, await hosted(storage))
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    clock.advance(60)
    assert await storage.usage.of_session("s") == Use(used=60, held=540)
    await storage.unfenced.closed("p")
    clock.advance(60)
    assert await storage.usage.of_person(HERE, "ann") == Use(used=60)
    (minutes,) = await storage.usage.minutes("room", "W1", NOON)
    assert (minutes.minutes, minutes.avatar_name, minutes.channel_id) == (1.0, "Alma", "s")


async def test_what_nobody_knows_counts_whole(storage: Storage) -> None:
    lease = await hosted(storage)
    await intend(storage, lease)
    async with storage.fenced(lease) as run:
        run.lost("p")
    assert await storage.usage.of_session("s") == Use(used=600)


async def test_the_payer_counts_and_the_day_and_the_workspace(storage: Storage, clock: ManualClock) -> None:
    lease = await hosted(storage)
    await intend(storage, lease)
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    async with storage.fenced(lease) as run:
        run.charge("ben")
        run.intend("p2", lambda _: 5)
    assert await storage.usage.of_person(HERE, "ben") == Use(held=300)
    assert await storage.usage.of_person(ConversationRef("room", "W2", "s"), "ann") == Use()
    clock.advance(24 * 3_600)
    assert await storage.usage.of_person(HERE, "ann") == Use()


async def test_an_intent_that_is_refused_leaves_no_row(storage: Storage) -> None:
    def refuses(_: Standing) -> int:
        raise ValueError("spent")

    lease = await hosted(storage)
    with pytest.raises(ValueError, match="spent"):
        async with storage.fenced(lease) as run:
            run.intend("p", refuses)
    assert await storage.provider_sessions.unclosed("s") == []


async def test_the_operators_funding_is_read_where_money_is_spent(storage: Storage) -> None:
    lease, told = await hosted(storage), []

    def minutes(standing: Standing) -> int:
        told.append(standing.allowed)
        return 1

    for yes in (True, False):
        await storage.channels.allow("room", "W1", yes=yes)
        async with storage.fenced(lease) as run:
            run.intend(f"p{yes}", minutes)
    assert told == [True, False]


# ---------------------------------------------------------------- what is left at the provider


async def test_what_an_ended_session_left_is_found(storage: Storage, clock: ManualClock) -> None:
    lease = await hosted(storage)
    await intend(storage, lease)
    await intend(storage, lease, "late")
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    assert await storage.provider_sessions.running(MINUTE) == (frozenset({"akool-1"}), 1)
    assert await storage.provider_sessions.leftovers(MINUTE, MINUTE) == []
    async with storage.fenced(lease) as run:
        run.end(EndReason.STOPPED)
    assert [row.id for row in await storage.provider_sessions.leftovers(MINUTE, MINUTE)] == ["p"]
    clock.advance(61)
    assert {row.id for row in await storage.provider_sessions.leftovers(MINUTE, MINUTE)} == {"p", "late"}
    assert await storage.provider_sessions.running(MINUTE) == (frozenset({"akool-1"}), 0)
    await storage.unfenced.closed("p")
    await storage.unfenced.given_up("late")
    assert await storage.provider_sessions.leftovers(MINUTE, MINUTE) == []
    assert await storage.provider_sessions.running(MINUTE) == (frozenset(), 0)


# ---------------------------------------------------------------- resting and ending


async def test_it_rests_unless_something_waits(storage: Storage, clock: ManualClock) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1))
    async with storage.fenced(lease) as run:
        goes_on = run.rest()
    assert goes_on.value is SessionStatus.STARTING
    async with storage.fenced(lease) as run:
        run.finish("row1", InboxOutcome.SPOKEN)
        rests = run.rest()
    found = await session(storage)
    assert (rests.value, found.status, found.slept_at, found.reserved_s) == (
        SessionStatus.SLEEPING,
        SessionStatus.SLEEPING,
        NOON,
        0,
    )
    clock.advance(61)
    assert list(await storage.sessions.asleep_for(MINUTE)) == ["s"]
    assert await storage.sessions.put_to_rest("s", EndReason.IDLE)
    assert not await storage.sessions.put_to_rest("s", EndReason.IDLE)


async def test_who_sleeps_ends_and_who_runs_is_asked(storage: Storage) -> None:
    lease = await hosted(storage)
    async with storage.fenced(lease) as run:
        run.rest()
    await start(storage, "t")
    asked = await storage.sessions.ask_to_end(
        ["s", "t", "17"], EndReason.PLACE_GONE, lambda found: said(7, session_id=found.id, verb="leave")
    )
    assert {each.id for each in asked} == {"s", "t"}
    assert (await session(storage)).status is SessionStatus.ENDED
    assert [row.verb for row in await storage.inbox.waiting_controls("t")] == ["leave"]
    assert await storage.inbox.waiting_controls("s") == []
    again = await storage.sessions.ask_to_end(["s"], EndReason.STOPPED, lambda _: said(8))
    assert again == []


# ---------------------------------------------------------------- forgetting


async def test_only_ended_sessions_are_deleted_with_their_words(storage: Storage, clock: ManualClock) -> None:
    lease = await hosted(storage)
    await start(storage, "t")
    await accept(storage, said(1))
    async with storage.fenced(lease) as run:
        run.save(utterance())
        run.intend_post(PostRecord("u", 0, "key", "", NOON))
        run.end(EndReason.STOPPED)
    clock.advance(61)
    assert await storage.sessions.forget_older(2 * MINUTE) == 0
    assert await storage.sessions.kept(["s", "t", "17"]) == {"s", "t"}
    assert await storage.sessions.forget_older(MINUTE) == 1
    assert await storage.sessions.forget(["s", "t"]) == 0
    assert await storage.sessions.kept(["s", "t"]) == {"t"}
    assert await storage.transcripts.of_session("s") == []
    assert await storage.transcripts.posts_of("u") == []
    assert await waiting(storage) == []


async def test_links_are_revoked_forgotten_and_known_by_their_hash(storage: Storage, clock: ManualClock) -> None:
    lease = await hosted(storage)
    for digest, person in (("a", ANN), ("b", ANN), ("c", None)):
        await storage.grants.add(digest, "s", Scope.SPEAK if person else Scope.WATCH, person, NOON + 2 * MINUTE)
    assert await storage.grants.find("a") is None, "a person has one link to a session"
    found = await storage.grants.find("b")
    assert found is not None
    assert (found.session_id, found.scope, found.person, found.starter_id) == ("s", Scope.SPEAK, ANN, "ann")
    assert list(await storage.grants.owners()) == [(ConversationRef("room", "W1", ""), "ann")]
    await storage.grants.revoke_of_person(ConversationRef("room", "W1", "elsewhere"), "ann")
    assert await storage.grants.find("b")
    await storage.grants.revoke_of_person(ConversationRef("room", "W1", ""), "ann")
    assert await storage.grants.find("b") is None
    async with storage.fenced(lease) as run:
        run.end(EndReason.STOPPED)
    clock.advance(61)
    await storage.grants.forget(ended_for=2 * MINUTE)
    assert await storage.grants.revoke_all() == 1
    assert await storage.grants.revoke_all() == 0


async def test_an_upload_is_followed_until_somebody_was_told(storage: Storage, clock: ManualClock) -> None:
    upload = Upload("mine", "", "Iris", UploadState.QUEUEING)
    await storage.uploads.add(upload, HERE, ReplyTo(HERE, ANN, "handle"), AGREED)
    assert await storage.ownership.owners(OwnedKind.AVATAR) == {"mine": ("room", "W1")}
    await storage.uploads.posted("mine", "m1")
    await storage.uploads.follow("mine", Upload("mine", "r1", "Iris", UploadState.READY))
    (record,) = await storage.uploads.unfinished()
    assert (record.upload.state, record.upload.record_id) == (UploadState.READY, "r1")
    assert record.message == MessageRef(HERE, "m1")
    assert record.reply_to == ReplyTo(HERE, ANN, "handle")
    clock.advance(61)
    assert await storage.uploads.forget_older(MINUTE) == 0
    await storage.uploads.told("mine")
    assert await storage.uploads.unfinished() == []
    assert await storage.uploads.forget_older(MINUTE) == 1
    assert await storage.ownership.consents(HERE) == {"mine": AGREED}, "as long as the avatar is theirs"
    assert await storage.ownership.consents(ConversationRef("room", "W2", "s")) == {}
    await storage.uploads.add(upload, HERE, None, AGREED)
    await storage.uploads.take_back("mine")
    assert await storage.ownership.owners(OwnedKind.AVATAR) == {}
    assert await storage.ownership.consents(HERE) == {}


async def test_one_person_is_forgotten_and_nobody_else(storage: Storage) -> None:
    lease = await hosted(storage)
    await start(storage, "elsewhere", ConversationRef("room", "W2", "elsewhere"))
    await accept(storage, said(1, "of Ann"), said(2, "of Ben", person=BEN), said(3, "waits"))
    for row in (await waiting(storage))[:2]:
        async with storage.fenced(lease) as run:
            claim_turn(run, row, row.text)
            run.save(replace(utterance(row.id), speaker=Speaker.USER))
            run.save(utterance(f"answer {row.id}"))

    assert await storage.transcripts.count_of_person(HERE, "ann") == 2
    assert await storage.transcripts.count_of_person(ConversationRef("room", "W2", ""), "ann") == 0
    assert await storage.transcripts.forget_person(HERE, "ann") == 2

    assert [(given.name, given.text) for given in await storage.transcripts.given("s")] == [("Ben", "of Ben")]
    heard = {(each.speaker, each.mid) for each in await storage.transcripts.of_session("s")}
    assert heard == {(Speaker.USER, "row2"), (Speaker.BOT, "answer row1"), (Speaker.BOT, "answer row2")}
    assert await waiting(storage) == []
    assert await storage.transcripts.count_of_person(HERE, "ann") == 0
    assert await storage.transcripts.forget_person(HERE, "ann") == 0
    async with storage.fenced(lease) as run:  # the turn that was under way ends as ever
        run.finish("row1", InboxOutcome.SPOKEN)


# ---------------------------------------------------------------- after a crash


async def test_another_process_finds_what_was_written(opened: Opened) -> None:
    storage = opened.storage
    lease = await hosted(storage)
    settings = ChannelSettings(prompt="Be brief.", allow=AllowList(people=frozenset({"ann"})))
    await storage.channels.save_settings(HERE, settings)
    await storage.vault.put("slack", "T1", "tokens", b"secret")
    await accept(storage, said(1), said(2))
    (row, _) = await waiting(storage)
    async with storage.fenced(lease) as run:
        run.open_thread(CardOpened(MessageRef(HERE, "card"), HERE.in_thread("t")))
        claim_turn(run, row, "Hello")
        run.intend("p", lambda _: 10)
        run.save(utterance("u", "Good mor", final=False))
        run.intend_post(PostRecord("u", 0, "key", "", NOON))
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    async with opened.open(opened.clock) as after:
        found = await session(after)
        assert (found.talk, found.card) == (HERE.in_thread("t"), MessageRef(HERE, "card"))
        assert await after.channels.settings(HERE.in_thread("t")) == settings
        assert await after.vault.get("slack", "T1", "tokens") == b"secret"
        assert [each.id for each in await waiting(after)] == ["row2"]
        (open_there,) = await after.provider_sessions.unclosed("s")
        assert (open_there.status, open_there.credentials) == (ProviderSessionStatus.OPEN, CREDENTIALS)
        assert open_there.expires_at == NOON + 10 * MINUTE
        assert [each.text for each in await after.transcripts.recent("s", 50)] == ["Good mor"]
        assert [post.message_id for post in await after.transcripts.posts_of("u")] == [""]
        await after.workers.enlist("w2", ProcessProfile(), lasts=None)
        assert await after.workers.claim("w2", room=1) == [Lease("s", "w2", 2)]


async def test_an_account_of_its_own_needs_nobodys_leave(storage: Storage) -> None:
    await storage.channels.allow("slack", "T1", yes=False)
    await storage.vault.put("slack", "T1", OWN_ACCOUNT, b"key")
    assert await storage.channels.allowed("slack", "T1") is True
    assert await storage.channels.allowed("slack", "T2") is None
    await storage.vault.delete("slack", "T1", OWN_ACCOUNT)
    assert await storage.channels.allowed("slack", "T1") is False


@pytest.mark.parametrize("leaves", [lambda run: run.rest(), lambda run: run.end(EndReason.STOPPED)])
async def test_what_rests_is_heard_in_no_voice_channel(
    storage: Storage, leaves: Callable[[FencedWrites], object]
) -> None:
    lease = await hosted(storage)
    for voice in (VoicePlace("lounge", "ben"), VoicePlace("hall", "ben")):
        async with storage.fenced(lease) as run:
            run.be_heard(voice)
        assert (await session(storage)).voice == voice
    async with storage.fenced(lease) as run:
        leaves(run)
    assert (await session(storage)).voice is None


async def test_an_upload_nobody_heard_the_end_of_is_forgotten(storage: Storage, clock: ManualClock) -> None:
    await storage.uploads.add(Upload("mine", "", "Iris", UploadState.QUEUEING), HERE, None, AGREED)
    clock.advance(timedelta(days=6).total_seconds())
    assert await storage.uploads.forget_older(MINUTE) == 0
    clock.advance(timedelta(days=2).total_seconds())
    assert await storage.uploads.forget_older(MINUTE) == 1


async def test_a_forgotten_consent_leaves_the_avatar_whose_it_is(storage: Storage, clock: ManualClock) -> None:
    await storage.uploads.add(Upload("mine", "", "Iris", UploadState.QUEUEING), HERE, None, AGREED)
    clock.advance(61)
    assert await storage.ownership.forget_consents(2 * MINUTE) == 0
    assert await storage.ownership.forget_consents(MINUTE) == 1
    assert await storage.ownership.consents(HERE) == {}
    assert await storage.ownership.owners(OwnedKind.AVATAR) == {"mine": ("room", "W1")}


async def test_what_a_living_session_did_not_close_is_found(storage: Storage, clock: ManualClock) -> None:
    lease = await hosted(storage)
    await intend(storage, lease)
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    async with storage.fenced(lease) as run:
        run.closing("p")
    clock.advance(59)
    assert await storage.provider_sessions.leftovers(MINUTE, MINUTE) == []
    clock.advance(1)
    assert [row.id for row in await storage.provider_sessions.leftovers(MINUTE, MINUTE)] == ["p"]
