"""Faults on request, and what the state shows, over HTTP as a test in another process would."""

import asyncio
from typing import Any

import httpx
import pytest

from bot.ports.room import ConnectionLost, LinkDown, LinkUp, LossReason, Packet, PeerJoined, TokenExpiring
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import ALMA, SESSION, Customer, chat, customer, until

WANTED = {"avatar_id": ALMA, "duration": 60}


async def control(akool: Customer, method: str, path: str, **body: Any) -> Any:
    response = await akool.http.request(method, f"/_simulator/{path}", json=body)
    return response.raise_for_status().json()


async def state(akool: Customer) -> Any:
    return await control(akool, "GET", "state")


@virtual
async def test_codes_are_answered_in_turn_and_then_the_truth() -> None:
    async with customer() as akool:
        await control(akool, "POST", "faults", endpoint="session/create", faults=[{"code": 1215}, {"code": 1005}])
        codes = [(await akool.ask("POST", f"{SESSION}/create", json=WANTED))["code"] for _ in range(3)]
        assert codes == [1215, 1005, 1000]
        assert len((await state(akool))["sessions"]) == 1


@virtual
async def test_a_fault_strikes_only_its_endpoint() -> None:
    async with customer() as akool:
        await control(akool, "POST", "faults", endpoint="session/close", faults=[{"code": 2001}])
        await akool.create()


@virtual
async def test_http_errors_and_nonsense() -> None:
    async with customer() as akool:
        await control(akool, "POST", "faults", endpoint="quota/info", faults=[{"status": 503}, {"body": "<oops"}])
        path = "/api/open/v3/faceswap/quota/info"
        assert (await akool.http.get(path)).status_code == 503
        assert (await akool.http.get(path)).text == "<oops"
        assert await akool.credit() == 6000


@pytest.mark.parametrize(("after_effect", "sessions"), [(False, 0), (True, 1)])
@virtual
async def test_a_call_that_hangs_may_have_had_its_effect(after_effect: bool, sessions: int) -> None:
    async with customer() as akool:
        fault = {"hang": 30, "after_effect": after_effect}
        await control(akool, "POST", "faults", endpoint="session/create", faults=[fault])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await akool.http.post(f"{SESSION}/create", json=WANTED)
        assert len((await state(akool))["sessions"]) == sessions


@virtual
async def test_the_state_shows_everything_but_tokens() -> None:
    async with customer() as akool:
        session = await akool.create(mode_type=1, voice_params={"elevenlabs_settings": {"api_key": "sk_secret"}})
        connection = akool.connection(session)
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        await connection.watch("200000")
        await connection.send(chat("m", "hello"))
        await until(events, Packet, event="audio_end")
        report = await state(akool)
        raw = (await akool.http.get("/_simulator/state")).text
    channel = session["credentials"]["agora_channel"]
    assert report["rooms"] == {channel: ["100000", "200000"]}
    assert report["watching"] == {channel: ["200000"]}
    assert report["credit"] == 5940
    assert report["sessions"][0]["spoken"] == [{"mid": "m", "given": "hello", "said": "hello", "finished": True}]
    assert session["credentials"]["agora_token"] not in raw
    assert "sk_secret" not in raw


@virtual
async def test_what_befalls_a_seat() -> None:
    async with customer() as akool:
        connection = akool.connection(await akool.create(mode_type=1))
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        for incident in ("token_expiring", "link_down", "link_up", "token_expired"):
            assert await control(akool, "POST", "incidents", incident=incident) == {"struck": 1}
        assert [event async for event in events] == [
            TokenExpiring(),
            LinkDown(),
            LinkUp(),
            ConnectionLost(LossReason.EXPIRED, "injected"),
        ]


@pytest.mark.parametrize(("incident", "reason"), [("kick", LossReason.THROWN_OUT), ("drop", LossReason.LOST)])
@virtual
async def test_a_seat_is_taken_away(incident: str, reason: LossReason) -> None:
    async with customer() as akool:
        connection = akool.connection(await akool.create())
        await connection.join()
        assert await control(akool, "POST", "incidents", incident=incident) == {"struck": 1}
        assert [event async for event in connection.events()] == [ConnectionLost(reason, "injected")]


@virtual
async def test_a_link_comes_back_by_itself() -> None:
    async with customer() as akool:
        connection = akool.connection(await akool.create())
        await connection.join()
        events = connection.events()
        await control(akool, "POST", "incidents", incident="link_down", seconds=3)
        before = akool.simulator.clock.now()
        await until(events, LinkUp)
        assert (akool.simulator.clock.now() - before).total_seconds() == 3


@virtual
async def test_the_stage_is_set_and_healed() -> None:
    async with customer() as akool:
        await control(
            akool, "PUT", "stage", join_delay=None, concurrency=1, busy=["x"], to_client={"lose": 1.0}, credit=10
        )
        await akool.create(duration=60)
        assert (await akool.ask("POST", f"{SESSION}/create", json=WANTED))["code"] == 1215
        await control(akool, "POST", "faults", endpoint="session/create", faults=[{"code": 1005}])
        await control(akool, "POST", "heal")
        connection = akool.connection(await akool.create(duration=30))
        await connection.join()
        await until(connection.events(), PeerJoined)
        assert await akool.credit() == 10 - 6 - 3


@virtual
async def test_a_slip_of_the_pen_is_told() -> None:
    async with customer() as akool:
        with pytest.raises(httpx.HTTPStatusError, match="422"):
            await control(akool, "PUT", "stage", join_dealy=3)
