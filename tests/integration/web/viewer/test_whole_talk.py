"""What people say reaches every page as it is said, and who comes late, under the same ids."""

import asyncio

from bot.domain.posts import Speaker
from bot.media.events import Caption
from bot.testing.chat import ANN
from tests.disclosing import TOLD
from tests.world_fixture import Stack, on_stack


@on_stack()
async def test_what_people_say_is_shown_to_latecomers_too(stack: Stack) -> None:
    seen: dict[str, Caption] = {}

    async with stack.serving() as service:
        await stack.room.command("start")
        await stack.live()
        (session,) = service.services.events._views

        async def look_on() -> None:
            with service.services.events.watch(session, TOLD) as events:
                async for event in events:
                    if isinstance(event, Caption):
                        seen[event.id] = event

        looking = asyncio.create_task(look_on())
        await stack.room.say("Good morning! Who are you?", stack.room.thread)
        await stack.until(lambda: any(each.speaker is Speaker.BOT and each.final for each in seen.values()))
        looking.cancel()
        late = await service._archive.captions(session)

    said, answered = late[-2:]
    assert (said.speaker, said.name, said.text) == (Speaker.USER, ANN.name, "Good morning! Who are you?")
    assert answered.speaker is Speaker.BOT
    assert seen[said.id] == said
    assert seen[answered.id].text == answered.text
