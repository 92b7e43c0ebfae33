"""One request makes an avatar speak, as a program of its own, and tells what became of it."""

import asyncio
from collections import Counter

from bot.commands.policy import Limits, Policy
from tests.memory_fixture import MemoryWorld, in_memory
from tests.program_fixture import PLACE, program


@in_memory()
async def test_a_request_is_spoken_and_told_as_spoken(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        response = await api.say("Version 2 is out.")
        assert response.status_code == 202
        waiting = response.json()
        assert (waiting["status"], waiting["command"], waiting["place"]) == ("waiting", "say", PLACE)
        await world.until(lambda: bool(world.room.finals))
        spoken = await api.http.get(response.headers["location"], headers={"Prefer": "wait=30"})
        assert spoken.status_code == 200
        assert spoken.json()["status"] == "spoken"
        assert spoken.json()["answer"] == world.room.finals[-1]
    assert world.provider.hosted[-1].given == ["release-bot, by API: Version 2 is out."]


@in_memory()
async def test_a_request_waits_for_its_end(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        response = await api.say("Version 2 is out.", prefer="respond-async, wait=30")
        assert response.status_code == 200
        assert response.headers["preference-applied"] == "wait=30"
        assert response.json()["status"] == "spoken"
        assert response.json()["answer"]


@in_memory()
async def test_nobody_waits_for_a_service_that_stops(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    async with program(world.service) as api:
        waiting = asyncio.create_task(api.say("Version 2 is out. " * 30, prefer="wait=60"))
        await world.until(lambda: world.service.services.written.waits)
        world.service._operations.close()
        response = await waiting
    assert (response.status_code, response.json()["status"]) == (202, "waiting")


@in_memory()
async def test_the_channel_reads_who_had_it_said(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        await api.say("Version 2 is out.", prefer="wait=30")
    assert "release-bot, by API" in [line.speaker for line in world.room.lines]
    assert not [answered for answered in world.room.answered if answered.person.id.startswith("api:")]


@in_memory()
async def test_a_token_for_start_brings_an_avatar_first(world: MemoryWorld) -> None:
    async with program(world.service, ("say", "start")) as api:
        response = await api.say("Version 2 is out.", prefer="wait=60")
        assert response.json()["status"] == "spoken", response.json()
    assert len(world.hosted) == 1
    assert world.room.card.starter_name == "release-bot, by API"
    assert not [answered for answered in world.room.answered if answered.person.id.startswith("api:")]


@in_memory()
async def test_an_announcement_is_said_as_it_is_written(world: MemoryWorld) -> None:
    async with program(world.service, ("say", "start")) as api:
        asked = {"place": PLACE, "text": "Version 2 is out.", "start": {"mode": "retelling", "minutes": 3}}
        response = await api.post("/say", asked, prefer="wait=60")
        assert response.json()["status"] == "spoken", response.json()
        strange = await api.post("/say", {"place": f"{PLACE}/t9", "text": "Hello", "start": {"colour": "red"}})
        assert strange.status_code == 422, strange.json()
    assert world.provider.hosted[-1].given == ["Version 2 is out."]
    assert world.provider.hosted[-1].duration_s == 180


@in_memory()
async def test_a_token_without_start_is_told_that_nobody_is_there(world: MemoryWorld) -> None:
    async with program(world.service, ("say",)) as api:
        response = await api.say("Version 2 is out.")
        assert response.status_code == 409
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"] == "No avatar is live here. Start one with /avatar start."
    assert not world.provider.hosted


@in_memory()
async def test_the_same_key_a_hundred_times_is_one_utterance(world: MemoryWorld) -> None:
    async with program(world.service, ("say", "start")) as api:
        said = (api.say("Version 2 is out.", key="release-2") for _ in range(100))
        responses = await asyncio.gather(*said)
        assert {response.status_code for response in responses} == {202}
        assert len({response.json()["id"] for response in responses}) == 1
        again = await api.say("Version 2 is out.", key="release-2", prefer="wait=60")
        assert again.json()["status"] == "spoken"
        assert again.headers["idempotency-key"] == "release-2"
    assert len(world.provider.hosted) == 1
    assert world.provider.hosted[-1].given == ["release-bot, by API: Version 2 is out."]


@in_memory()
async def test_a_key_that_was_used_for_other_words_is_refused(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        await api.say("Version 2 is out.", key="release-2")
        other = await api.say("Version 3 is out.", key="release-2")
        assert other.status_code == 422
        assert other.json()["type"] == "urn:avatarbot:problem:key-reused"


@in_memory(Policy(Limits(characters=20)))
async def test_what_is_refused_is_said_in_the_persons_sentence(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        too_long = await api.say("Version 2 is out, and with it a lot of news.")
        assert too_long.status_code == 422
        assert too_long.json()["detail"].startswith("That is too long for the avatar")
    assert world.provider.hosted[-1].given == []


@in_memory()
async def test_a_zero_byte_is_left_out(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        said = await api.say("Version\0 2 is out.", key="k", prefer="wait=30")
        assert said.json()["status"] == "spoken"
        assert (await api.say("Version\0 2 is out.", key="k")).json()["id"] == said.json()["id"]
    assert world.provider.hosted[-1].given == ["release-bot, by API: Version 2 is out."]


@in_memory()
async def test_a_thousand_at_once_are_answered_within_its_limits(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        responses = await asyncio.gather(*(api.say(f"Number {number}.") for number in range(1_000)))
        statuses = Counter(response.status_code for response in responses)
        assert set(statuses) == {202, 422, 429}
        assert statuses[202] <= 4  # three wait, and one may be spoken by then
        assert statuses[202] + statuses[422] == 120
        assert all(response.headers["retry-after"] for response in responses if response.status_code == 429)


@in_memory()
async def test_a_start_that_fails_is_told_with_its_reason(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        started = await api.post("/sessions", {"place": PLACE, "avatar": "Nobody"}, prefer="wait=30")
        assert started.status_code == 200
        assert started.json()["status"] == "refused"
        assert "Nobody" in started.json()["sentence"]
