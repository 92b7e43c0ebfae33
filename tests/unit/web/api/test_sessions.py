"""Sessions over HTTP: started, looked at, changed and stopped as people do it, within what a token is for."""

from bot.domain.conversations import Channel, Membership, Person
from bot.testing.chat import ANN, CHANNEL
from tests.memory_fixture import MemoryWorld, in_memory
from tests.program_fixture import PLACE, ApiClient, program


async def started(world: MemoryWorld, api: ApiClient) -> str:
    """A session of the program's own, once it is live."""
    response = await api.post("/sessions", {"place": PLACE, "avatar": "Alma", "minutes": 5}, prefer="wait=60")
    assert response.json()["status"] == "done", response.json()
    await world.live()
    return str(response.json()["session"])


@in_memory()
async def test_a_session_is_started_shown_and_stopped(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        session = await started(world, api)
        assert [each["id"] for each in (await api.get("/sessions")).json()["sessions"]] == [session]
        shown = (await api.get(f"/sessions/{session}")).json()
        assert (shown["status"], shown["avatar"], shown["place"]) == ("live", "Alma", PLACE)
        assert shown["started_by"] == "release-bot, by API"
        stopped = await api.post(f"/sessions/{session}/stop", key="end", prefer="wait=30")
        assert (stopped.json()["status"], stopped.json()["sentence"]) == ("done", "Stopped.")
        assert (await api.get("/sessions")).json() == {"sessions": []}
        again = await api.post(f"/sessions/{session}/stop", key="end")
        assert again.json()["id"] == stopped.json()["id"]
        too_late = await api.post(f"/sessions/{session}/interrupt")
        assert (too_late.status_code, too_late.json()["detail"]) == (409, "Alma's session has ended.")
    assert not world.hosted


@in_memory()
async def test_commands_answer_with_the_sentence_that_people_get(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        session = await started(world, api)
        told = [
            (await api.post(f"/sessions/{session}/{verb}", body, prefer="wait=30")).json()["sentence"]
            for verb, body in (("interrupt", {}), ("set", {"speed": 1.1}), ("act", {"action": "nod"}), ("extend", {}))
        ]
    assert told[0] == "Nothing is being said."
    assert told[1] == "Alma now speaks at speed 1.1."
    assert told[2].startswith("Sent.")
    assert told[3].startswith("Alma stays awake")


@in_memory()
async def test_an_interrupt_ends_what_is_being_spoken(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        session = await started(world, api)
        said = await api.say("Tell us all about version 2. " * 20)
        await world.until(lambda: bool(world.provider.hosted[-1].given) and bool(world.room.lines))
        await api.post(f"/sessions/{session}/interrupt", prefer="wait=30")
        status = await api.http.get(said.headers["location"], headers={"Prefer": "wait=30"})
        assert status.json()["status"] in {"interrupted", "unheard"}


@in_memory()
async def test_a_session_of_somebody_else_is_not_stopped(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        (session,) = (await api.get("/sessions")).json()["sessions"]
        assert session["started_by"] == ANN.name
        refused = await api.post(f"/sessions/{session['id']}/stop")
        assert refused.status_code == 422
        assert refused.json()["detail"] == "Only whoever started the session, or an admin, can use “stop”."
    assert len(world.hosted) == 1


@in_memory()
async def test_transcript_usage_and_avatars_are_told(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        session = await started(world, api)
        await api.say("Version 2 is out.", prefer="wait=60")
        transcript = (await api.get(f"/sessions/{session}/transcript")).json()
        assert "Version 2 is out." in str(transcript)
        as_text = await api.get(f"/sessions/{session}/transcript", format="md")
        assert as_text.headers["content-type"].startswith("text/markdown")
        usage = (await api.get("/usage")).json()
        assert usage["today"][0]["allowed"] == 60
        assert usage["today"][0]["used"] + usage["today"][0]["set_aside"] > 0
        assert [(each["place"], each["avatar"]) for each in usage["used"]] == [(PLACE, "Alma")]
        avatars = (await api.get("/avatars", place=PLACE)).json()["avatars"]
        assert "Alma" in [each["name"] for each in avatars]


@in_memory()
async def test_a_token_sees_its_own_places_only(world: MemoryWorld) -> None:
    elsewhere = CHANNEL.channel.__class__(CHANNEL.platform, CHANNEL.workspace_id, "C2")
    async with program(world.service) as api, program(world.service, places=[str(elsewhere)], name="other") as other:
        session = await started(world, api)
        assert (await other.get("/sessions")).json() == {"sessions": []}
        for path in (f"/sessions/{session}", f"/sessions/{session}/transcript"):
            assert (await other.get(path)).status_code == 404
        assert (await other.post(f"/sessions/{session}/interrupt")).status_code == 404
        assert (await other.say("Hello")).status_code == 404
        assert (await other.get("/usage")).json()["used"] == []
        said = (await api.say("Hello")).json()
        assert (await other.get(f"/requests/{said['id']}")).status_code == 404
        assert (await api.get(f"/requests/{said['id']}")).status_code == 200


@in_memory()
async def test_what_is_private_is_seen_by_whoever_names_it(world: MemoryWorld) -> None:
    world.room.channels[CHANNEL] = Channel("#board", private=True)
    everywhere = f"{CHANNEL.platform}/{CHANNEL.workspace_id}/*"
    async with program(world.service) as named, program(world.service, places=[everywhere], name="wide") as wide:
        session = await started(world, named)
        assert (await wide.get("/sessions")).json() == {"sessions": []}
        assert (await wide.get(f"/sessions/{session}")).status_code == 404
        assert (await wide.say("Hello")).status_code == 404
        assert (await wide.get("/usage")).json()["used"] == []
        world.room.channels[CHANNEL] = Channel("#lobby")
        assert (await wide.get(f"/sessions/{session}")).status_code == 200


@in_memory()
async def test_a_channel_goes_by_its_name_in_the_tokens_reach(world: MemoryWorld) -> None:
    world.room.channels[CHANNEL] = Channel("#Releases")
    async with program(world.service, ("say",), (PLACE, "fake/W1/C2")) as api:
        for name in ("#releases", "releases"):
            assert (await api.say("Hello", name)).status_code == 409  # found, and nobody is there
        unknown = await api.say("Hello", "#lobby")
        assert (unknown.status_code, unknown.json()["detail"]) == (404, "This token is for no place “#lobby”.")
        world.room.channels[CHANNEL.__class__("fake", "W1", "C2")] = Channel("#releases")
        two = await api.say("Hello", "releases")
        assert two.status_code == 404
        assert PLACE in two.json()["detail"]


@in_memory()
async def test_a_channels_list_of_who_may_start_holds_for_programs(world: MemoryWorld) -> None:
    boss = Person("boss", "Boss", Membership.ADMIN)
    await world.room.command("defaults access", CHANNEL, boss, who="<@ann>")
    async with program(world.service) as api:
        refused = await api.post("/sessions", {"place": PLACE})
        assert (refused.status_code, refused.json()["detail"][:17]) == (422, "You are not among")
        await world.room.command("defaults access", CHANNEL, boss, who="<@ann>, api:release-bot")
        await started(world, api)


@in_memory()
async def test_a_program_starts_no_more_than_its_minutes(world: MemoryWorld) -> None:
    async with program(world.service, minutes=3) as api:
        session = await started(world, api)
        stopped = await api.post(f"/sessions/{session}/stop", prefer="wait=30")
        assert stopped.json()["status"] == "done"
        assert world.provider.hosted[0].duration_s == 180


@in_memory()
async def test_a_later_token_of_the_name_reads_its_places_only(world: MemoryWorld) -> None:
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service) as api:
        earlier = (await api.say("Version 2 is out.", prefer="wait=30")).json()["id"]
        assert (await api.get(f"/requests/{earlier}")).status_code == 200
    await world.service.services.storage.tokens.revoke("release-bot")
    async with program(world.service, places=["fake/W1/C9"]) as api:
        assert (await api.get(f"/requests/{earlier}")).status_code == 404
