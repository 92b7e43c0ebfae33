"""Rooms of a team's own Agora project: tokens minted by our own code, read by the simulator's."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from adapters.agora.rooms import OwnRooms
from bot.domain.errors import RoomError
from bot.ports.room import PeerJoined, RoomCredentials
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import SESSION, Customer, customer

APP_ID, CERTIFICATE = "a" * 32, "c" * 32


def own_room(akool: Customer) -> tuple[RoomCredentials, RoomCredentials]:
    """The avatar's connection and ours."""
    return OwnRooms(APP_ID, CERTIFICATE, akool.simulator.clock.now).credentials("our-room")


def given(connection: RoomCredentials) -> dict[str, Any]:
    return {
        "agora_app_id": connection.app_id,
        "agora_channel": connection.channel,
        "agora_uid": int(connection.uid),
        "agora_token": connection.token,
    }


@virtual
async def test_the_avatar_comes_into_it_and_it_outlives_the_session() -> None:
    async with customer() as akool:
        avatars, ours = own_room(akool)
        connection = akool.simulator.connect(ours)
        await connection.join()
        session = await akool.create(credentials=given(avatars), duration=60)
        assert await anext(connection.events()) == PeerJoined(avatars.uid)
        assert "agora_token" not in session["credentials"]
        await akool.close(session["_id"])
        await connection.send(b"anybody here?")
        assert akool.simulator.rooms.occupancy() == {"our-room": [ours.uid]}


@virtual
async def test_the_app_id_may_be_left_out_for_the_avatar() -> None:
    async with customer() as akool:
        avatars, _ = own_room(akool)
        await akool.create(
            credentials={name: value for name, value in given(avatars).items() if name != "agora_app_id"}
        )
        await asyncio.sleep(1)
        assert akool.simulator.rooms.occupancy() == {"our-room": [avatars.uid]}


@pytest.mark.parametrize(
    "change", [{"token": "007"}, {"token": "007!"}, {"token": "sim"}, {"uid": "3"}, {"channel": "x"}, {"app_id": "b"}]
)
@virtual
async def test_a_token_is_for_one_seat(change: dict[str, str]) -> None:
    async with customer() as akool:
        _, ours = own_room(akool)
        with pytest.raises(RoomError):
            await akool.simulator.connect(replace(ours, **change)).join()


@virtual
async def test_a_token_ends() -> None:
    async with customer() as akool:
        _, ours = own_room(akool)
        await asyncio.sleep(2 * 60 * 60)
        with pytest.raises(RoomError, match="expired"):
            await akool.simulator.connect(ours).join()


@virtual
async def test_a_session_refused_its_room_fails_free_of_charge() -> None:
    async with customer() as akool:
        avatars, ours = own_room(akool)
        session = await akool.create(credentials=given(replace(avatars, token=ours.token)))
        await asyncio.sleep(1)
        detail = await akool.ask("GET", f"{SESSION}/detail", params={"id": session["_id"]})
        assert detail["data"]["status"] == 4
        assert await akool.credit() == pytest.approx(6000, abs=0.1)
