"""Whose workspace may use the operator's account at AKOOL: whoever is known to, and nobody else."""

import asyncio

from bot.commands.catalogue import CommandKind, Option, OptionType, Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Accepted, ConversationRef, Membership, Person, Refused
from bot.ports.chat import ValueQuery
from bot.storage.engine import Store
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import Stack, Watch, on_stack

STRANGERS = ConversationRef("fake", "W9", "C1")
ALLOW = "avatarbot workspaces allow fake W9"
COSTLY = [verb for verb in CATALOGUE.verbs if verb.costs and verb.kind is CommandKind.QUESTION]
GIVEN = {OptionType.URL: "https://example.com/a.md", OptionType.TEXT: "Front desk"}


class Line:
    """What goes out to AKOOL."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def tapped(self, _: Store) -> Watch:
        return lambda request: self.asked.append(request.url.path)


def options(verb: Verb) -> dict[str, str]:
    return {option.name: value(option) for option in verb.options if option.required or option.name == "prompt"}


def value(option: Option) -> str:
    return GIVEN.get(option.type, "1")


@on_stack()
async def test_nothing_of_a_workspace_that_nobody_allowed_reaches_the_account(stack: Stack) -> None:
    line = Line()
    async with stack.serving(wiretap=line.tapped) as service:
        await asyncio.sleep(5)
        line.asked.clear()
        for verb in COSTLY:
            reply = await ask(stack, verb.name, STRANGERS, ROOT, **options(verb))
            assert reply.text.endswith(ALLOW), verb.name
            assert not reply.items
        shown = await ask(stack, "usage", STRANGERS, ROOT)
        typed = await service.core.ask(ValueQuery(STRANGERS, ROOT, "start", "avatar", "al"))
        started = await stack.room.command("start", STRANGERS, ROOT)
    assert "Credit" not in shown.text
    assert typed == []
    assert isinstance(started, Refused)
    assert started.sentence.endswith(ALLOW)
    assert [path for path in line.asked if "session/list" not in path] == []


@on_stack()
async def test_once_the_operator_allows_it_it_may(stack: Stack) -> None:
    async with stack.serving() as service:
        await service.services.storage.channels.allow("fake", "W9", yes=True)
        shown = await ask(stack, "knowledge list", STRANGERS)
        typed = await service.core.ask(ValueQuery(STRANGERS, ANN, "start", "avatar", "al"))
        assert isinstance(await stack.room.command("start", STRANGERS), Accepted)
        await stack.live()
    assert shown.items
    assert typed


@on_stack()
async def test_what_the_operator_says_goes_before_what_is_their_own(stack: Stack) -> None:
    async with stack.serving() as service:
        await service.services.storage.channels.allow("fake", "W1", yes=False)
        assert isinstance(await stack.room.command("start"), Refused)


@on_stack()
async def test_a_guest_is_offered_no_names_either(stack: Stack) -> None:
    guest = Person("guest", "Guest", Membership.OUTSIDER)
    async with stack.serving() as service:
        assert await service.core.ask(ValueQuery(CHANNEL, ANN, "knowledge show", "knowledge", "F"))
        assert await service.core.ask(ValueQuery(CHANNEL, guest, "knowledge show", "knowledge", "F")) == []
