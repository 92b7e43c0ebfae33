"""Room hosts: what happens to the connections in them when they crash, stop or hang, and to everybody else: nothing."""

import asyncio
import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.agora.connection import AgoraConnections
from adapters.agora.process_pool import as_user
from bot.domain.errors import RoomError
from bot.ports.room import ConnectionLost, LinkDown, LinkUp, LossReason, Packet, PeerJoined, PeerLeft, VideoFrame
from tests.integration.agora.conftest import SETTINGS
from tests.integration.agora.hub import Hub, HubConnection, Process
from tests.integration.agora.sitter import APP_ID, Sitter, credentials, sit
from tests.integration.agora.vendor import start_python
from tests.patience import HANG_S

OTHER_APP_ID = "ffffffffffffffffffffffffffffffff"


async def test_a_host_takes_its_seats_and_one_app_id(connections: AgoraConnections, hub: Hub) -> None:
    rooms = [f"room-{number}" for number in range(SETTINGS.seats_per_host + 1)]
    await asyncio.gather(*(sit(connections, credentials(channel=room)) for room in rooms))
    await sit(connections, credentials(channel="elsewhere", app_id=OTHER_APP_ID))

    per_process = [sum(hub.connection(room, "1002").pid == pid for room in rooms) for pid in hub.processes]
    assert sorted(per_process) == [0, 1, SETTINGS.seats_per_host]
    assert sorted(process.app_id for process in hub.alive) == [APP_ID, APP_ID, OTHER_APP_ID]


async def test_a_seat_given_up_is_free_again(connections: AgoraConnections, hub: Hub) -> None:
    for number in range(SETTINGS.seats_per_host + 1):
        bot = await sit(connections, credentials(channel=f"room-{number}"))
        await bot.connection.leave()

    assert len(hub.processes) == 1


async def back_in_the_room(bot: Sitter) -> None:
    async with asyncio.timeout(HANG_S):
        assert [await bot.next() for _ in range(4)] == [LinkDown(), PeerLeft("1001"), LinkUp(), PeerJoined("1001")]


FAULTS: dict[str, Callable[[Process], None]] = {
    "killed": lambda process: os.kill(process.pid, signal.SIGKILL),
    "crashed in native code": Process.crash,
    "stopped": Process.stop,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_seats_of_a_lost_host_are_taken_again(connections: AgoraConnections, hub: Hub, fault: str) -> None:
    avatar, other_avatar = hub.join("room", "1001"), hub.join("elsewhere", "1001")
    bot = await sit(connections, credentials())
    other = await sit(connections, credentials(channel="elsewhere", app_id=OTHER_APP_ID))
    assert [await bot.next(), await other.next()] == [PeerJoined("1001")] * 2
    await bot.connection.watch("1001")
    before = hub.connection("room", "1002")

    FAULTS[fault](hub.processes[before.pid])
    await back_in_the_room(bot)

    await hub.until(lambda: hub.connection("room", "1002").watching == {"1001"})
    avatar.show(b"picture", key=True)
    assert isinstance(await bot.next(), VideoFrame)
    await bot.connection.send(b"hello again")
    assert await avatar.received.get() == ("1002", b"hello again")
    other_avatar.send(b"business as usual")
    assert await other.next() == Packet("1001", b"business as usual")
    with pytest.raises(ProcessLookupError):
        os.kill(before.pid, 0)


async def test_a_call_that_hangs_costs_the_host_not_the_seats(connections: AgoraConnections, hub: Hub) -> None:
    hub.join("room", "1001")
    bot, neighbour = await sit(connections, credentials()), await sit(connections, credentials(channel="next-door"))
    await bot.next()
    await hub.connection("room", "1002").hang()

    async with asyncio.timeout(HANG_S):
        with pytest.raises(RoomError):
            await bot.connection.send(b"into the void")
        await back_in_the_room(bot)
        assert [await neighbour.next() for _ in range(2)] == [LinkDown(), LinkUp()]


async def test_a_join_survives_the_host_that_hangs_in_it(connections: AgoraConnections, hub: Hub) -> None:
    first = await sit(connections, credentials(channel="first"))
    await hub.alive[0].hang()

    async with asyncio.timeout(HANG_S):
        await sit(connections, credentials())
        assert [await first.next() for _ in range(2)] == [LinkDown(), LinkUp()]


async def test_a_seat_that_cannot_be_taken_again_is_lost(connections: AgoraConnections, hub: Hub) -> None:
    bot = await sit(connections, credentials())

    hub.admission = lambda _: 9  # the token expired meanwhile
    hub.alive[0].crash()

    assert await bot.next() == LinkDown()
    with pytest.raises(RoomError):
        await bot.connection.send(b"anybody?")
    lost = await bot.next()
    assert isinstance(lost, ConnectionLost)
    assert lost.reason is LossReason.LOST
    with pytest.raises(StopAsyncIteration):
        await bot.next()


async def test_a_seat_that_breaks_every_host_breaks_few(connections: AgoraConnections, hub: Hub) -> None:
    bot = await sit(connections, credentials())

    def poison(connection: HubConnection) -> None:
        hub.processes[connection.pid].crash()

    hub.admission = poison
    hub.alive[0].crash()

    assert await bot.next() == LinkDown()
    assert isinstance(await bot.next(), ConnectionLost)
    assert len(hub.processes) == 3


async def test_a_cancelled_join_leaves_no_ghost(connections: AgoraConnections, hub: Hub) -> None:
    knocking: list[HubConnection] = []
    hub.admission = knocking.append
    joining = asyncio.create_task(connections(credentials()).join())
    await hub.until(lambda: bool(knocking))

    joining.cancel()

    await hub.until(lambda: knocking[0].released)


async def test_a_room_that_never_answers_is_given_up_in_time(connections: AgoraConnections, hub: Hub) -> None:
    hub.admission = lambda _: None
    async with asyncio.timeout(HANG_S):
        with pytest.raises(RoomError, match="does not answer"):
            await connections(credentials()).join()
    assert len(hub.alive) == 1


async def test_a_host_without_seats_ends(wrapper: Path, hub: Hub) -> None:
    async with AgoraConnections(SETTINGS, {"AGORA_STUB_SOCKET": str(hub.path)}, idle=0.1) as connections:
        bot = await sit(connections, credentials())
        await bot.connection.leave()
        await hub.until(lambda: not hub.alive)


async def test_the_end_of_the_service_ends_connections_and_workers(wrapper: Path, hub: Hub) -> None:
    async with AgoraConnections(SETTINGS, {"AGORA_STUB_SOCKET": str(hub.path)}) as connections:
        bot = await sit(connections, credentials())
        taken = hub.connection("room", "1002")

    assert await bot.next() == LinkDown()
    assert isinstance(await bot.next(), ConnectionLost)
    await hub.until(lambda: taken.released and not hub.alive)
    with pytest.raises(RoomError):
        await connections(credentials()).join()


SERVICE = """
import asyncio, os
from adapters.agora.process_pool import as_user
from adapters.agora.connection import AgoraConnections
from adapters.agora.settings import AgoraSettings
from bot.ports.room import RoomCredentials

async def main():
    async with AgoraConnections(AgoraSettings(), {"AGORA_STUB_SOCKET": os.environ["AGORA_STUB_SOCKET"]}) as connections:
        await connections(RoomCredentials("app", "room", "1002", "token")).join()
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_host_does_not_outlive_the_service(wrapper: Path, hub: Hub, tmp_path: Path) -> None:
    service = start_python(wrapper, SERVICE, AGORA_STUB_SOCKET=str(hub.path), TMPDIR=str(tmp_path))
    await hub.until(lambda: hub.members("room") == {"1002"})

    service.kill()
    service.communicate()

    await hub.until(lambda: not hub.alive and hub.members("room") == set())
    assert list(tmp_path.iterdir()) == []


async def test_a_host_sees_none_of_our_secrets(
    connections: AgoraConnections, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKOOL_API_KEY", "secret-of-the-service")
    await sit(connections, credentials())

    environment = Path(f"/proc/{hub.alive[0].pid}/environ").read_bytes()
    command = Path(f"/proc/{hub.alive[0].pid}/cmdline").read_bytes()
    assert b"LD_LIBRARY_PATH" in environment
    assert b"secret-of-the-service" not in environment
    assert b"a token" not in environment + command


async def test_a_seat_given_up_while_it_joins_is_not_taken(connections: AgoraConnections, hub: Hub) -> None:
    knocking: list[HubConnection] = []
    hub.admission = knocking.append
    connection = connections(credentials())
    joining = asyncio.create_task(connection.join())
    await hub.until(lambda: bool(knocking))

    await connection.leave()
    hub.let_in(knocking[0])

    with pytest.raises(RoomError):
        await joining
    await hub.until(lambda: knocking[0].released)


async def test_an_unknown_user_for_room_hosts_is_one_clear_failure() -> None:
    settings = SETTINGS.model_copy(update={"host_user": "no-such-user"})
    async with AgoraConnections(settings) as connections:
        with pytest.raises(RoomError) as failed:
            await connections(credentials()).join()
    assert "no user no-such-user" in failed.value.detail


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs processes as somebody else")
async def test_what_a_process_of_another_user_is_started_with() -> None:
    process = await asyncio.create_subprocess_exec("/bin/sleep", "60", **as_user("nobody"))
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.kill()
        await process.wait()
    ids = {
        line.split(":")[0]: line.split()[1:]
        for line in status.splitlines()
        if line.startswith(("Uid", "Gid", "Groups"))
    }
    assert (set(ids["Uid"]), ids["Groups"]) == ({str(pwd.getpwnam("nobody").pw_uid)}, [])
    assert set(ids["Gid"]) == {str(pwd.getpwnam("nobody").pw_gid)}
