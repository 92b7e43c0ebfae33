"""Money, limits and ends of sessions, over HTTP."""

import asyncio

import pytest

from adapters.simulator import Options
from bot.domain.errors import RoomError
from bot.ports.room import ConnectionLost, PeerJoined
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import ALMA, SESSION, customer, until


async def passed(seconds: float) -> None:
    """In virtual time."""
    await asyncio.sleep(seconds)


@virtual
async def test_a_session_is_queued_then_live_then_over() -> None:
    async with customer(Options(join_delay=1)) as akool:
        session = await akool.create()
        states = [session["status"]]
        for seconds in (1.1, 600):
            await passed(seconds)
            detail = await akool.ask("GET", f"{SESSION}/detail", params={"id": session["_id"]})
            states.append(detail["data"]["status"])
    assert states == [1, 2, 3]


@virtual
async def test_closing_refunds_the_unused_prepayment() -> None:
    async with customer() as akool:
        session = await akool.create(duration=600)
        assert await akool.credit() == 6000 - 60
        await passed(150)
        assert (await akool.close(session["_id"]))["code"] == 1000
        assert await akool.credit() == 6000 - 15


@virtual
async def test_a_session_that_ran_out_refunds_nothing() -> None:
    async with customer() as akool:
        session = await akool.create(duration=60)
        connection = akool.connection(session)
        await connection.join()
        await until(connection.events(), ConnectionLost)
        assert await akool.credit() == 6000 - 6
        assert (await akool.close(session["_id"]))["code"] == 1219


@virtual
async def test_create_is_not_idempotent() -> None:
    async with customer() as akool:
        first, second = await akool.create(), await akool.create()
        assert first["_id"] != second["_id"]
        assert await akool.credit() == 6000 - 120


@virtual
async def test_the_sixth_session_waits_for_a_close() -> None:
    async with customer() as akool:
        sessions = [await akool.create() for _ in range(5)]
        wanted = {"avatar_id": ALMA, "duration": 60}
        assert (await akool.ask("POST", f"{SESSION}/create", json=wanted))["code"] == 1215
        await akool.close(sessions[0]["_id"])
        await akool.create()


@virtual
async def test_without_credit_there_is_no_session() -> None:
    async with customer(Options(credit=5)) as akool:
        wanted = {"avatar_id": ALMA, "duration": 60}
        assert (await akool.ask("POST", f"{SESSION}/create", json=wanted))["code"] == 1104
        assert await akool.credit() == 5


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, 1003),
        ({"avatar_id": "nobody"}, 1014),
        ({"avatar_id": ALMA, "duration": 3601}, 1003),
        ({"avatar_id": ALMA, "duration": 0}, 1003),
        ({"avatar_id": ALMA, "mode_type": 3}, 1003),
        ({"avatar_id": ALMA, "knowledge_id": "nothing"}, 1232),
        ({"avatar_id": ALMA, "voice_id": "VxNora2theatre7Velvet"}, 1003),
        ({"avatar_id": ALMA, "voice_params": {"speed": 3}}, 1003),
        ({"avatar_id": ALMA, "stream_type": "trtc"}, 1003),
        ({"avatar_id": ALMA, "credentials": {"agora_uid": 7, "agora_channel": "c"}}, 1003),
    ],
)
@virtual
async def test_what_cannot_be_is_refused_and_costs_nothing(wanted: dict[str, object], code: int) -> None:
    async with customer() as akool:
        assert (await akool.ask("POST", f"{SESSION}/create", json=wanted))["code"] == code
        assert await akool.credit() == 6000


@virtual
async def test_a_body_that_is_no_json_is_a_parameter_error() -> None:
    async with customer() as akool:
        for content in (b"{", b"\xff", b"[]"):
            assert (await akool.ask("POST", f"{SESSION}/create", content=content))["code"] == 1003


@virtual
async def test_either_id_closes_a_session_once() -> None:
    async with customer() as akool:
        for key in ("id", "session_id"):
            wanted = {key: (await akool.create())["_id"]}
            assert (await akool.ask("POST", f"{SESSION}/close", json=wanted))["data"]["status"] == "closed"
            assert (await akool.ask("POST", f"{SESSION}/close", json=wanted))["code"] == 1219
        assert (await akool.close("unknown"))["code"] == 1216
        assert (await akool.ask("POST", f"{SESSION}/close", json={}))["code"] == 1003


@virtual
async def test_the_token_appears_only_in_creates_answer() -> None:
    async with customer() as akool:
        session = await akool.create()
        detail = (await akool.ask("GET", f"{SESSION}/detail", params={"id": session["_id"]}))["data"]
        listed = (await akool.ask("GET", f"{SESSION}/list"))["data"]["result"]
        assert session["credentials"]["agora_token"]
        assert listed == [detail]
        assert "agora_token" not in detail["credentials"]


@virtual
async def test_the_list_is_newest_first_in_pages_and_by_status() -> None:
    async with customer() as akool:
        ids = [(await akool.create())["_id"] for _ in range(3)]
        await akool.close(ids[1])
        over = await akool.ask("GET", f"{SESSION}/list", params={"status": 3})
        page = await akool.ask("GET", f"{SESSION}/list", params={"page": 2, "size": 2})
        assert [row["_id"] for row in over["data"]["result"]] == [ids[1]]
        assert page["data"]["count"] == 3
        assert [row["_id"] for row in page["data"]["result"]] == [ids[0]]
        assert (await akool.ask("GET", f"{SESSION}/list", params={"status": 9}))["code"] == 1003


@virtual
async def test_a_token_admits_for_five_minutes_only() -> None:
    async with customer() as akool:
        session = await akool.create(duration=600)
        early = akool.connection(session)
        await early.join()
        await passed(301)
        with pytest.raises(RoomError):
            await akool.connection(session).join()
        await early.send(b"still here")


@virtual
async def test_an_avatar_that_never_comes_costs_all_the_same() -> None:
    async with customer() as akool:
        akool.simulator.sessions.join_delay = None
        session = await akool.create(duration=60)
        connection = akool.connection(session)
        await connection.join()
        with pytest.raises(AssertionError, match="connection was lost before PeerJoined"):
            await until(connection.events(), PeerJoined)
        assert await akool.credit() == 6000 - 6
