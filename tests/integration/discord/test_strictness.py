"""What the fake refuses as Discord does, also where Discord's own file is not there."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from bot.tasks import cancel_and_wait
from bot.testing.virtual_time import run_virtual
from tests.cluster.discord import ShardedDiscord
from tests.integration.discord.fake import FakeDiscord, open_fake
from tests.integration.discord.fake.limits import Limits, Stalls
from tests.integration.discord.fake.payloads import BOT, CHANNEL, TOKEN
from tests.integration.discord.fake.rest import Answer, Call, FakeRest
from tests.integration.discord.openapi import limits

POST = f"/channels/{CHANNEL}/messages"
NOBODY: dict[str, Any] = {"allowed_mentions": {"parse": []}}


def faults(**message: Any) -> list[str]:
    return list(limits(POST, {"content": "Hello", **NOBODY, **message}))


def row(*custom_ids: str, label: str = "Go") -> dict[str, Any]:
    return {"type": 1, "components": [{"type": 2, "label": label, "custom_id": each} for each in custom_ids]}


def modal(**changes: Any) -> list[str]:
    whole = {"custom_id": "form", "title": "Say", "components": [field("text")]}
    return list(limits("/interactions/1/t/callback", {"type": 9, "data": {**whole, **changes}}))


def field(custom_id: str, **changes: Any) -> dict[str, Any]:
    return {"type": 18, "label": "Text", "component": {"type": 4, "custom_id": custom_id, **changes}}


def test_what_fits_is_taken() -> None:
    assert faults(components=[row(*"abcde")]) == []
    assert faults(components=[row("x" * 100, label="y" * 80)]) == []
    assert modal(title="T" * 45, components=[field(each, max_length=4_000) for each in "abcde"]) == []


@pytest.mark.parametrize(
    "components",
    [
        [row("x" * 101)],
        [row("")],
        [row("a", "a")],
        [row(*"abcdef")],
        [row()],
        [row(each) for each in "abcdef"],
        [row("a", label="y" * 81)],
    ],
)
def test_too_much_of_a_button_is_refused(components: list[dict[str, Any]]) -> None:
    assert faults(components=components)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "T" * 46},
        {"title": ""},
        {"custom_id": "x" * 101},
        {"components": []},
        {"components": [field(each) for each in "abcdef"]},
        {"components": [field("a"), field("a")]},
        {"components": [field("a", value="x" * 4_001)]},
        {"components": [field("a", max_length=4_001)]},
        {"components": [field("a", options=[{}] * 26)]},
        {"components": [field("a") | {"label": "L" * 46}]},
    ],
)
def test_too_much_of_a_modal_is_refused(changes: dict[str, Any]) -> None:
    assert modal(**changes)


def told(rest: FakeRest, method: str, path: str, **body: Any) -> Answer:
    return rest.answer(Call(method, path, {**NOBODY, **body}, token=f"Bot {TOKEN}"))


def reference(message_id: str, **more: bool) -> dict[str, Any]:
    return {"message_reference": {"message_id": message_id, **more}}


async def test_a_reply_to_a_deleted_message_needs_permission() -> None:
    rest = FakeRest()
    there = rest.message("Hello")["id"]
    assert told(rest, "POST", POST, content="Hi", **reference(there)).status == 200
    assert told(rest, "POST", POST, content="Hi", **reference("17")).status == 400
    assert told(rest, "POST", POST, content="Hi", **reference("17", fail_if_not_exists=False)).status == 200


async def test_only_ones_own_message_is_edited_and_not_to_nothing() -> None:
    rest = FakeRest()
    theirs, ours = rest.message("Hello")["id"], told(rest, "POST", POST, content="Hi").body["id"]
    assert told(rest, "PATCH", f"{POST}/{theirs}", content="Mine now").body["code"] == 50005
    assert told(rest, "PATCH", f"{POST}/{ours}", content="").body["code"] == 50006
    assert rest.messages[theirs]["content"] == "Hello"


def answered(rest: FakeRest, path: str, **body: Any) -> int:
    return rest.answer(Call("POST", path, {**NOBODY, **body})).status


async def test_an_interaction_is_over_after_its_time() -> None:
    rest, now = FakeRest(judged=False, acknowledged_within_s=3.0), asyncio.get_running_loop().time()
    rest.asked = {"late": now - 3.1, "old": now - 901, "new": now}
    rest.acknowledged.add("old")

    assert answered(rest, "/interactions/1/late/callback", type=5) == 404
    assert answered(rest, f"/webhooks/{BOT}/late", content="Hi") == 404
    assert answered(rest, f"/webhooks/{BOT}/old", content="Hi") == 401
    assert answered(rest, "/interactions/1/new/callback", type=5) == 204
    assert answered(rest, f"/webhooks/{BOT}/new", content="Hi") == 200


def test_sessions_of_a_day_are_used_up_and_count_anew() -> None:
    async def story() -> None:
        rest = FakeRest(sessions_left=2, sessions_reset_ms=60_000)
        assert [rest.take_session() for _ in range(3)] == [True, True, False]

        await asyncio.sleep(59)
        assert not rest.take_session()

        await asyncio.sleep(1.1)
        assert rest.take_session()

    run_virtual(story())


def taken(limits: Limits) -> int:
    """How many calls at one moment."""
    return next(number for number in range(200) if limits.judge(f"GET /guilds/{number}").refused)


async def test_fifty_calls_a_second_and_what_came_in_a_stall() -> None:
    assert taken(Limits()) == 50

    stood_still = Limits()
    stood_still.stalls.seen.append((asyncio.get_running_loop().time(), 0.5))
    assert taken(stood_still) == 75

    long_ago = Limits()
    long_ago.stalls.seen.append((asyncio.get_running_loop().time() - 1.01, 0.5))
    assert taken(long_ago) == 50


async def test_a_stand_in_that_stands_still_knows() -> None:
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0.05)

    time.sleep(0.3)
    await asyncio.sleep(0.05)

    await cancel_and_wait(watching)
    assert stalls.within(1.0) > 0.2


@pytest.mark.parametrize("town", [FakeDiscord, ShardedDiscord])
async def test_who_identifies_too_soon_or_too_often_is_refused(town: type[FakeDiscord]) -> None:
    asked = {"op": 2, "d": {"token": TOKEN, "shard": [0, 1]}}
    async with open_fake(town()) as fake, aiohttp.ClientSession(connector=fake.connector()) as client:

        async def identified() -> Any:
            async with client.ws_connect("wss://gateway.discord.gg/") as socket:
                await socket.receive_json()  # hello
                await socket.send_json(asked)
                return (await socket.receive()).data

        assert "READY" in await identified()
        assert json.loads(await identified()) == {"op": 9, "d": False}
        fake.sessions_left = 0
        assert await identified() == 4004
        assert [complaint.split()[-1] for complaint in fake.complaints] == ["soon", "begun"]
        fake.complaints.clear()
