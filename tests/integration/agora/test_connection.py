"""A connection on the real wrapper: what the room does, and what becomes of it at the port."""

import asyncio
import logging
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import structlog.testing

from adapters.agora.connection import AgoraConnections
from adapters.agora.settings import AgoraSettings
from adapters.agora.tokens import Privilege, mint
from bot.domain.errors import RoomError
from bot.media.keyframes import BEHIND_S
from bot.ports.room import (
    AudioFrame,
    Codec,
    ConnectionLost,
    LinkDown,
    LinkUp,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    TokenExpiring,
    VideoFrame,
)
from bot.redaction import Redactor
from tests.integration.agora.hub import Hub, HubConnection
from tests.integration.agora.sitter import APP_ID, credentials, sit


async def test_avatar_and_bot_talk(connections: AgoraConnections, hub: Hub) -> None:
    avatar = hub.join("room", "1001")
    bot = await sit(connections, credentials())

    assert await bot.next() == PeerJoined("1001")
    question = "Grüße an 👩‍🚀!".encode()  # as `str`, the wrapper would cut its tail off
    await bot.connection.send(question)
    assert await avatar.received.get() == ("1002", question)
    avatar.send(b"x" * 1024)
    assert await bot.next() == Packet("1001", b"x" * 1024)
    avatar.leave()
    assert await bot.next() == PeerLeft("1001")
    await bot.connection.leave()
    await hub.until(lambda: hub.members("room") == set())


async def test_packets_keep_their_order(connections: AgoraConnections, hub: Hub) -> None:
    avatar = hub.join("room", "1001")
    bot = await sit(connections, credentials())

    said = [str(number).encode() for number in range(200)]
    await asyncio.gather(*(bot.connection.send(packet) for packet in said))

    assert [await avatar.received.get() for _ in said] == [("1002", packet) for packet in said]


async def test_what_the_wrapper_would_garble_is_dropped(connections: AgoraConnections, hub: Hub) -> None:
    avatar = hub.join("room", "1001")
    bot = await sit(connections, credentials())
    await bot.next()

    avatar.send(b"abc\0defgh")
    avatar.send(b"whole")

    assert await bot.next() == Packet("1001", b"whole")


async def test_a_thrown_out_seat_does_not_come_back(connections: AgoraConnections, hub: Hub) -> None:
    bot = await sit(connections, credentials())
    taken = hub.connection("room", "1002")

    taken.throw_out()

    assert await bot.next() == ConnectionLost(LossReason.THROWN_OUT, "the same uid joined from elsewhere (reason 19)")
    with pytest.raises(StopAsyncIteration):
        await bot.next()
    with pytest.raises(RoomError):
        await bot.connection.send(b"still here?")
    await hub.until(lambda: taken.released)
    assert hub.joins == 1


async def test_the_token_runs_out(connections: AgoraConnections, hub: Hub) -> None:
    bot = await sit(connections, credentials())

    hub.connection("room", "1002").warn_of_expiry()
    assert await bot.next() == TokenExpiring()
    hub.connection("room", "1002").expire()
    assert await bot.next() == ConnectionLost(LossReason.EXPIRED, "the token expired")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda connection: connection.throw_out(9), LossReason.EXPIRED),
        (lambda connection: connection.fail(9), LossReason.EXPIRED),
        (lambda connection: connection.fail(19), LossReason.THROWN_OUT),
        (lambda connection: connection.throw_out(3), LossReason.ERROR),
        (lambda connection: connection.fail(14), LossReason.LOST),
        (lambda connection: connection.fail(4711), LossReason.ERROR),
        (lambda connection: connection.lose(), LossReason.LOST),
        (lambda connection: connection.err(109), LossReason.EXPIRED),
        (lambda connection: connection.err(123), LossReason.ERROR),
    ],
)
async def test_how_a_seat_is_lost(
    connections: AgoraConnections, hub: Hub, fault: Callable[[HubConnection], None], reason: LossReason
) -> None:
    bot = await sit(connections, credentials())

    fault(hub.connection("room", "1002"))

    event = await bot.next()
    assert isinstance(event, ConnectionLost)
    assert event.reason is reason
    with pytest.raises(StopAsyncIteration):
        await bot.next()


async def test_a_broken_link_is_restored_by_itself(connections: AgoraConnections, hub: Hub) -> None:
    bot = await sit(connections, credentials())

    hub.connection("room", "1002").break_off()
    assert await bot.next() == LinkDown()
    hub.connection("room", "1002").restore()
    assert await bot.next() == LinkUp()


async def test_what_means_nothing_is_survived(connections: AgoraConnections, hub: Hub) -> None:
    bot = await sit(connections, credentials())

    hub.connection("room", "1002").err(1, "a warning")
    hub.connection("room", "1002").undelivered()
    hub.join("room", "1001")

    assert await bot.next() == PeerJoined("1001")


@pytest.mark.parametrize("reason", [8, 9, 6, 10])
async def test_a_refused_join_says_so_and_leaves_nothing(connections: AgoraConnections, hub: Hub, reason: int) -> None:
    refused: list[HubConnection] = []

    def admission(connection: HubConnection) -> int:
        refused.append(connection)
        return reason

    hub.admission = admission
    with pytest.raises(RoomError) as error:
        await connections(credentials()).join()

    assert f"reason {reason}" in error.value.detail
    assert "a token" not in error.value.sentence + error.value.detail
    await hub.until(lambda: refused[0].released)


async def test_pictures_and_sound_of_who_is_watched(
    connections: AgoraConnections, hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    avatar, other = hub.join("room", "1001"), hub.join("room", "1003")
    bot = await sit(connections, credentials())
    assert {await bot.next(), await bot.next()} == {PeerJoined("1001"), PeerJoined("1003")}

    await bot.connection.watch("1001")
    await hub.until(lambda: hub.connection("room", "1002").listening == {"1001"})
    other.show(b"not asked for", key=True)
    avatar.show(b"\0\0\0\1g", codec=2, key=True, size=(1280, 720), at=40)
    avatar.show(b"delta", codec=2, size=(1280, 720), at=80)
    avatar.play(bytes(range(256)) + bytes(64), rate=16_000, at=90)
    avatar.play(bytes(320), rate=16_000, at=100)

    assert await bot.next() == VideoFrame("1001", Codec.H264, True, 1280, 720, 40_000, b"\0\0\0\1g")
    assert await bot.next() == VideoFrame("1001", Codec.H264, False, 1280, 720, 80_000, b"delta")
    assert await bot.next() == AudioFrame("1001", 16_000, 1, 90_000, bytes(range(256)) + bytes(384))
    assert "LocalUser" not in capfd.readouterr().out  # the wrapper prints at every subscription


@pytest.mark.parametrize(("number", "codec"), [(1, Codec.VP8), (2, Codec.H264), (5, Codec.VP9), (12, Codec.AV1)])
async def test_the_codec_is_the_avatars_choice(
    connections: AgoraConnections, hub: Hub, number: int, codec: Codec
) -> None:
    avatar = hub.join("room", "1001")
    bot = await sit(connections, credentials())
    await bot.next()
    await bot.connection.watch("1001")
    await hub.until(lambda: hub.connection("room", "1002").watching == {"1001"})

    avatar.show(b"in a codec that no browser plays", codec=3, key=True)
    avatar.show(b"picture", codec=number, key=True)

    event = await bot.next()
    assert isinstance(event, VideoFrame)
    assert (event.codec, event.data) == (codec, b"picture")


async def test_nothing_is_subscribed_while_nobody_watches(connections: AgoraConnections, hub: Hub) -> None:
    avatar = hub.join("room", "1001")
    bot = await sit(connections, credentials())
    await bot.next()
    us = hub.connection("room", "1002")
    assert us.watching == us.listening == set()

    for _ in range(2):  # the wrapper breaks when its observers are registered a second time
        await bot.connection.watch("1001")
        await hub.until(lambda: us.watching == us.listening == {"1001"})
        await bot.connection.watch(None)
        await hub.until(lambda: us.watching == us.listening == set())
    avatar.send(b"only words now")
    assert await bot.next() == Packet("1001", b"only words now")


async def test_a_key_frame_is_asked_of_the_avatar(connections: AgoraConnections, hub: Hub) -> None:
    avatar = hub.join("room", "1001")
    bot = await sit(connections, credentials())
    await bot.connection.watch("1001")

    await bot.connection.request_key_frame("1001")

    await hub.until(lambda: avatar.key_frames_wanted == 1)


@pytest.mark.parametrize(("name", "number"), [("communication", 0), ("live", 1)])
async def test_the_channel_profile_is_the_operators_choice(wrapper: Path, hub: Hub, name: str, number: int) -> None:
    settings = AgoraSettings.model_validate({"profile": name})
    async with AgoraConnections(settings, {"AGORA_STUB_SOCKET": str(hub.path)}) as connections:
        await sit(connections, credentials())
        assert hub.connection("room", "1002").profile == number


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """What goes to the log."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with structlog.testing.capture_logs() as lines:
        yield lines
    structlog.configure(**before)


async def test_what_means_nothing_is_in_the_log_once(
    lines: list[MutableMapping[str, Any]], connections: AgoraConnections, hub: Hub
) -> None:
    bot = await sit(connections, credentials())
    avatar = hub.join("room", "1001")

    for _ in range(3):
        hub.connection("room", "1002").err(1, "a warning")
        avatar.send(b"abc\0defgh")
    avatar.send(b"the end")

    assert [await bot.next() for _ in range(2)] == [PeerJoined("1001"), Packet("1001", b"the end")]
    notes = [line["text"] for line in lines if line["event"] == "agora.worker"]
    assert notes == ["error 1 of Agora's SDK: a warning", "a packet with a NUL was dropped"]
    assert "a token" not in str(lines)


async def test_the_log_names_the_token_version_not_the_token(
    lines: list[MutableMapping[str, Any]], connections: AgoraConnections
) -> None:
    token = mint(
        app_id=APP_ID,
        certificate=APP_ID,
        channel="ours",
        uid="1002",
        privileges=frozenset({Privilege.JOIN}),
        issued_at=datetime.now(UTC),
        lifetime=timedelta(hours=1),
        salt=1,
    )
    await sit(connections, credentials())
    await sit(connections, replace(credentials(channel="ours"), token=token))
    joins = [Redactor().value(dict(line)) for line in lines if line["event"] == "agora.join"]
    assert joins[0]["unreadable"]
    assert joins[1]["version"] == 7
    assert token not in str(lines)


async def test_a_slow_reader_misses_pictures_and_no_words(connections: AgoraConnections, hub: Hub) -> None:
    avatar = hub.join("room", "1001")
    bot = await sit(connections, credentials())
    await bot.connection.watch("1001")
    assert bot.connection._worker
    socket = bot.connection._worker._line._transport
    assert socket
    socket.pause_reading()
    for number in range(2 * round(BEHIND_S / 0.05)):
        avatar.show(bytes(100_000), key=number == 0)
        await asyncio.sleep(0.05)
    avatar.send(b"words")
    socket.resume_reading()

    pictures = 0
    while (event := await bot.next()) != Packet("1001", b"words"):
        pictures += isinstance(event, VideoFrame)
    assert 1 < pictures < number
    while not avatar.key_frames_wanted:
        avatar.show(b"delta")
        await asyncio.sleep(0.05)
    avatar.show(b"key", key=True)
    picture = await bot.next()
    assert isinstance(picture, VideoFrame)
    assert (picture.key, picture.data) == (True, b"key")
