"""What the fakes refuse and befall on request, beyond what their contracts ask of everybody."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.conversations import ConversationRef, Reply, ReplyTo
from bot.domain.errors import PlaceGone, PlatformError, RoomError, Throttled
from bot.domain.posts import TranscriptLine
from bot.domain.sessions import SessionSpec
from bot.ports.chat import RateLimits
from bot.ports.room import Packet, PeerJoined
from bot.ports.words import Exchange
from bot.testing import (
    FakeAvatar,
    FakeAvatarProvider,
    FakeChat,
    FakeChatPlatform,
    FakeLanguageModel,
    FakeRooms,
    ManualClock,
)
from bot.testing.chat import ANN, CHANNEL, HANDLE_USES
from bot.testing.provider import AVATARS, TOKEN_LIFE
from bot.testing.virtual_time import LoopClock, virtual

LINE = TranscriptLine("Alma", "Hello.")


def a_chat(pace: float = 20.0) -> tuple[FakeChat, FakeChatPlatform]:
    chat = FakeChat(pace=RateLimits(calls_per_second=pace), text_limit=60, clock=ManualClock())
    return chat, FakeChatPlatform(chat)


@virtual
async def test_who_writes_too_fast_is_throttled_and_nothing_is_posted() -> None:
    chat, platform = a_chat(pace=4.0)
    for number in range(5):
        await platform.post(CHANNEL, LINE, f"k{number}")
    with pytest.raises(Throttled) as throttled:
        await platform.post(CHANNEL, LINE, "k5")
    assert len(chat.lines) == 5
    await asyncio.sleep(throttled.value.retry_after)
    await platform.post(CHANNEL, LINE, "k5")


@virtual
async def test_each_workspace_has_a_budget_of_its_own() -> None:
    _, platform = a_chat(pace=1.0)
    elsewhere = ConversationRef(CHANNEL.platform, "W2", "C1")
    for place in (CHANNEL, elsewhere):
        for number in range(2):
            await platform.post(place, LINE, f"{place.workspace_id}-{number}")


async def test_a_text_over_the_limit_is_refused() -> None:
    chat, platform = a_chat()
    with pytest.raises(PlatformError, match="too long"):
        await platform.post(CHANNEL, TranscriptLine("Alma", "x" * 61), "k1")
    with pytest.raises(PlatformError, match="too long"):
        await platform.notify(CHANNEL, "x" * 61)
    assert chat.messages == {}


@pytest.mark.parametrize("key", ["", "x" * 26])
async def test_a_key_is_short_and_there(key: str) -> None:
    _, platform = a_chat()
    with pytest.raises(ValueError, match="key"):
        await platform.post(CHANNEL, LINE, key)


async def test_a_thread_that_never_was_is_gone() -> None:
    _, platform = a_chat()
    with pytest.raises(PlaceGone):
        await platform.post(CHANNEL.in_thread("t9"), LINE, "k1")


async def test_what_somebody_wrote_is_not_the_bots_to_edit() -> None:
    chat, platform = a_chat()
    message = chat.write("Hello", CHANNEL)
    with pytest.raises(PlatformError, match="not the bot's"):
        await platform.edit(message.ref, LINE)
    assert message.text == "Hello"


async def test_without_a_private_way_only_that_is_public() -> None:
    chat, platform = a_chat()
    chat.unreachable.add(ANN.id)
    await platform.reply(ReplyTo(CHANNEL, ANN), Reply("a secret"))
    assert chat.answers() == []
    assert [message.text for message in chat.at(CHANNEL)] == ["Ann, an answer for you could not be delivered."]


async def test_a_handle_is_used_up() -> None:
    chat, platform = a_chat()
    reply_to = ReplyTo(CHANNEL, ANN, "h1", None, HANDLE_USES)
    chat.handles["h1"] = HANDLE_USES
    for _ in range(HANDLE_USES + 1):
        await platform.reply(reply_to, Reply("Told."))
    assert [answered.by_handle for answered in chat.answered] == [True] * HANDLE_USES + [False]


async def test_calls_go_wrong_as_a_test_says() -> None:
    chat, platform = a_chat()
    chat.faults["post"], chat.late_faults["post"] = [Throttled(3)], [PlatformError("The connection broke.")]
    with pytest.raises(Throttled):
        await platform.post(CHANNEL, LINE, "k1")
    assert chat.lines == []
    with pytest.raises(PlatformError, match="broke"):
        await platform.post(CHANNEL, LINE, "k1")
    assert chat.lines == [LINE]
    assert chat.calls["post"] == 2


async def test_who_cannot_reach_the_chat_changes_nothing() -> None:
    chat = FakeChat()
    platform = FakeChatPlatform(chat, reachable=lambda: False)
    with pytest.raises(PlatformError):
        await platform.post(CHANNEL, LINE, "k1")
    assert (chat.messages, chat.calls["post"]) == ({}, 0)


@virtual
async def test_a_token_lets_nobody_in_after_five_minutes() -> None:
    async with asyncio.timeout(1_000):
        provider = FakeAvatarProvider(LoopClock())
        session = await provider.create(SessionSpec(AVATARS[0].id), 600, "tag")
        inside = provider.avatar(session)
        await inside.join()
        await asyncio.sleep((TOKEN_LIFE + timedelta(seconds=1)).total_seconds())
        with pytest.raises(RoomError):
            await provider.avatar(session).join()
        assert inside.joined
        await inside.leave()
        await provider.aclose()


@virtual
async def test_the_events_of_an_avatar_are_iterated_once() -> None:
    avatar = FakeAvatar()
    await avatar.leave()
    assert [event async for event in avatar.events()] == []
    with pytest.raises(RuntimeError):
        await anext(avatar.events())


@pytest.mark.parametrize("history", [[], [Exchange("Ann", "Hello"), Exchange(None, "Hi.")]])
async def test_a_model_is_asked_something(history: list[Exchange]) -> None:
    with pytest.raises(ValueError, match="nobody's question"):
        await anext(FakeLanguageModel().answer("", history))


async def test_a_room_refuses_the_call_that_is_to_fail() -> None:
    rooms = FakeRooms()
    ours, peer = (rooms.connect(rooms.issue("here", uid)) for uid in ("1", "2"))
    await ours.join()
    await peer.join()
    rooms.faults["send"] = [RoomError("The room is full of noise.")]
    with pytest.raises(RoomError, match="noise"):
        await ours.send(b"lost")
    await ours.send(b"heard")
    await peer.leave()
    assert [event async for event in peer.events()] == [PeerJoined("1"), Packet("1", b"heard")]
    with pytest.raises(RuntimeError, match="once"):
        await anext(peer.events())
