"""What is kept is said, and whoever asks has their own words taken out of it."""

import asyncio
from datetime import timedelta

from bot.commands.buttons import button_of
from bot.domain.conversations import Membership, Person
from bot.domain.sessions import SessionStatus
from bot.runtime.services import SessionTimeouts
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import Stack, on_stack

BEN = Person("ben", "Ben", Membership.MEMBER, human=True)
GUEST = Person("guest", "Guest", Membership.OUTSIDER, human=True)
MINE, THEIRS, WAITS = "Repeat after me: the secret is blue.", "What did she say?", "And my name is Ann Lee."


async def talked(stack: Stack) -> str:
    """Ann, who started it, and Ben have talked; the session's id."""
    await stack.room.command("start")
    await stack.live()
    for person, words in ((ANN, MINE), (BEN, THEIRS)):
        said = len(stack.room.finals)
        await stack.room.say(words, stack.room.thread, person)
        await stack.until(lambda said=said: len(stack.room.finals) > said)  # type: ignore[misc]
    return stack.room.card.session_id


async def stopped(stack: Stack) -> None:
    await stack.room.command("stop")
    await stack.ended()


async def exported(stack: Stack) -> str:
    reply = await ask(stack, "transcript", format="md")
    return reply.file.content.decode() if reply.file else reply.text


# ------------------------------------------------ what is said of it


@on_stack()
async def test_every_card_says_what_is_kept_and_for_how_long(stack: Stack) -> None:
    async with stack.serving(timeouts=SessionTimeouts(retention=timedelta(days=9))):
        await talked(stack)
        await stopped(stack)
    assert {card.status for card in stack.room.card_history} >= {SessionStatus.STARTING, SessionStatus.LIVE}
    for card in stack.room.card_history:
        assert "written down and kept for 9 days" in card.kept
        assert "/avatar forget me" in card.kept


# ------------------------------------------------ one person's words


@on_stack()
async def test_forget_me_asks_and_then_deletes_ones_words(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        asked = await ask(stack, "forget me")
        assert MINE in await exported(stack), "nothing is done before it was asked"
        (button,) = [button_of(item) for item in asked.items]
        assert button is not None
        done = await ask(stack, button.command.verb, confirm=button.command.options["confirm"])
        left = await exported(stack)
        again = await ask(stack, "forget me", confirm="yes")
    assert "your 1 message" in asked.text
    assert "What avatars answered stays" in asked.text
    assert done.text.startswith("Forgotten: 1 message of yours.")
    assert MINE not in left
    assert THEIRS in left
    assert "the secret is blue" in left, "the avatar's answer stays, as it was said"
    assert again.text.startswith("Forgotten: 0 messages")


async def tables(stack: Stack) -> str:
    """Everything that the database holds of messages."""
    names = ("inbox", "turns", "utterances", "posts")
    found = await stack.stores[-1].read(
        lambda c: [tuple(row) for name in names for row in c.exec_driver_sql(f"SELECT * FROM {name}")]
    )
    return str(found)


@on_stack()
async def test_what_waits_is_forgotten_and_not_spoken(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        await stack.room.say("Tell me a long story. " * 20, stack.room.thread, BEN)
        await asyncio.sleep(0.05)
        await stack.room.say(WAITS, stack.room.thread)
        asked = await ask(stack, "forget me")
        await ask(stack, "forget me", confirm="yes")
        assert "Ann Lee" not in await tables(stack), "nothing waits for its turn to be forgotten"
        await asyncio.sleep(60)
        left = await exported(stack)
    assert "your 2 messages" in asked.text
    assert not [given for given in stack.spoken if "Ann Lee" in given]
    assert "Ann Lee" not in left


@on_stack()
async def test_of_whom_nothing_is_kept_is_told_so(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        for person in (ROOT, GUEST):
            reply = await ask(stack, "forget me", person=person)
            assert reply.text.startswith("Nothing that you wrote to an avatar is kept here.")
            assert not reply.items


# ------------------------------------------------ a session


@on_stack()
async def test_who_started_a_session_has_it_forgotten(stack: Stack) -> None:
    async with stack.serving() as service:
        session = await talked(stack)
        early = await ask(stack, "forget session", confirm="yes")
        await stopped(stack)
        asked = await ask(stack, "forget session")
        assert MINE in await exported(stack)
        (button,) = [button_of(item) for item in asked.items]
        assert button is not None
        done = await ask(stack, "forget session", confirm=button.command.options["confirm"])
        assert await service.core.kept([session]) == frozenset()
        after = await exported(stack)
    assert "stop it first" in early.text
    assert asked.text.startswith("Forget the session with Alma of ")
    assert done.text.startswith("Forgotten: the session with Alma of ")
    assert "No avatar has talked here yet" in after


@on_stack()
async def test_only_admins_may_forget_a_session(stack: Stack) -> None:
    async with stack.serving() as service:
        session = await talked(stack)
        await stopped(stack)
        for person in (BEN, GUEST):
            refused = await ask(stack, "forget session", person=person, confirm="yes")
            named = await ask(stack, "forget session", person=person, session=session, confirm="yes")
            assert not {"Forgotten"} & {refused.text[:9], named.text[:9]}
        assert await service.core.kept([session])
        elsewhere = CHANNEL.in_thread("another")
        done = await ask(stack, "forget session", elsewhere, ROOT, session=session, confirm="yes")
        assert not await service.core.kept([session])
    assert done.text.startswith("Forgotten")
