"""A transcript says who wrote what, as they wrote it, and where the avatar was cut short."""

import asyncio
import re

from bot.domain.disclosure import Disclosures
from bot.domain.posts import Speaker
from bot.queries.archive import StoredArchive
from tests.integration.queries.asking import ask
from tests.world_fixture import Stack, on_stack


async def exported(stack: Stack, form: str) -> str:
    reply = await ask(stack, "transcript", stack.room.thread, format=form)
    assert reply.file is not None, reply.text
    return reply.file.content.decode()


@on_stack()
async def test_the_authors_name_stands_once_before_the_line(stack: Stack) -> None:
    async with stack.serving() as service:
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who are _you_? 👋", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        forms = {form: await exported(stack, form) for form in ("md", "json", "vtt", "srt")}
        captions = await StoredArchive(service.services.storage, Disclosures()).captions(stack.room.card.session_id)
    assert stack.spoken[0].startswith("Ann: Who are you?")
    for form, whole in forms.items():
        text = re.sub(r'"to": "Ann"|Alma to Ann', "", whole)  # whom the answer is for
        assert len(re.findall(r"Ann\b", text.partition("Started:")[2] or text)) <= (2 if form == "json" else 1), form
    assert r"**Ann** " in forms["md"]
    assert r": Who are \_you\_? 👋" in forms["md"]
    assert [(each.name, each.text) for each in captions if each.speaker is Speaker.USER] == [
        ("Ann", "Who are _you_? 👋")
    ]


@on_stack()
async def test_what_was_interrupted_is_marked(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", mode="retelling")
        await stack.live()
        await stack.room.say("It was a dark and stormy night. " * 40, stack.room.thread)
        await stack.until(lambda: bool(stack.spoken))
        await asyncio.sleep(2)
        await stack.room.say("interrupt", stack.room.thread)
        await stack.until(lambda: any("nterrupt" in answer for answer in stack.room.answers()))
        await asyncio.sleep(15)
        text = await exported(stack, "md")
    assert re.search(r"\*\*[^*]+\*\* \([\d:]+\): It was a dark .*\*\(interrupted\)\*$", text.strip())
