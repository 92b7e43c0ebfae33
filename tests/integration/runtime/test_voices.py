"""Somebody speaks aloud: heard in the room, recognised, theirs in the transcript, answered like what is written."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from adapters.simulator.hearing import tones
from adapters.simulator.messages import ChatShape, Ending
from bot.domain.conversations import ConversationRef, Membership, Outcome, Person, Role
from bot.domain.errors import IN_DOUBT, StoreUnavailable
from bot.domain.posts import Speaker
from bot.media.events import Caption
from bot.media.voices import Microphone, SessionVoices, SpokenWords
from bot.ports.grants import Grant, Scope
from bot.ports.room import VOICE_FRAME
from bot.runtime.voice_input import MENTIONS_ONLY, NOT_TAKEN
from bot.testing.chat import ANN
from bot.web.viewer.actions import microphone
from tests.disclosing import TOLD
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import QUICK, Stack, on_stack

BEN = Person("ben", "Ben", Membership.MEMBER)
SLOW = replace(QUICK, pace=15.0, thinking=0.5)


@dataclass
class Talker:
    """Somebody with a page open, as the core sees them."""

    stack: Stack
    person: Person
    told: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.stack.service
        self.session_id = self.stack.room.card.session_id
        services = self.stack.service.services
        expires = services.clock.now() + timedelta(hours=1)
        grant = Grant("g", self.session_id, Scope.SPEAK, self.place, self.person, Role.MEMBER, expires)
        made = microphone(grant, self.stack.service.core, services.clock, self.shown.append, self.told.append)
        assert made
        self.microphone: Microphone = made
        self.voices: SessionVoices = services.events.voices.of(self.session_id)

    @property
    def place(self) -> ConversationRef:
        return self.stack.room.thread

    @property
    def id(self) -> str:
        return self.microphone.claimant.id

    async def say(self, text: str) -> None:
        """Press, speak, and let go."""
        self.voices.ask(self.microphone)
        await self.speak(text)
        self.voices.leave(self.id)

    async def speak(self, text: str) -> None:
        for frame in frames(tones(text)):
            self.voices.say(self.id, frame)
            await asyncio.sleep(0.02)


def spoken_in(stack: Stack) -> list[tuple[str | None, str]]:
    """What the thread shows of what was said aloud, and by whom."""
    return [(line.speaker, line.text) for line in stack.room.lines if "microphone" in (line.speaker or "")]


def is_speaking(stack: Stack, session_id: str) -> bool:
    view = stack.service.services.events.view(session_id) if stack.service else None
    return view is not None and view.speaking


def frames(sound: bytes) -> Iterator[bytes]:
    return (sound[at : at + VOICE_FRAME].ljust(VOICE_FRAME, b"\0") for at in range(0, len(sound), VOICE_FRAME))


@asynccontextmanager
async def live(stack: Stack, **options: Any) -> AsyncIterator[None]:
    async with stack.serving():
        await stack.room.command("start", **options)
        await stack.live()
        await asyncio.sleep(1)
        yield


@on_stack()
async def test_a_spoken_question_is_answered_as_theirs(stack: Stack) -> None:
    async with live(stack):
        await Talker(stack, ANN).say("Tell me a joke")
        await stack.until(lambda: len(stack.room.finals) == 2)
    asked, answer = stack.room.lines
    assert (asked.speaker, asked.text) == ("Ann, from the microphone", "Tell me a joke")
    assert answer.answers
    assert answer.answers.name == "Ann"
    assert stack.spoken == ["Tell me a joke"]  # by voice alone: nothing was sent to it in writing, too


@on_stack()
async def test_words_grow_for_their_speaker_and_are_whole_for_others(stack: Stack) -> None:
    async with live(stack):
        assert stack.service
        talker, seen = Talker(stack, ANN), list[Caption]()
        with stack.service.services.events.watch(talker.session_id, TOLD) as events:
            await talker.say("Tell me a joke")
            await stack.until(lambda: len(stack.room.finals) == 2)
            async with asyncio.timeout(30):
                async for event in events:
                    if isinstance(event, Caption) and event.speaker is Speaker.USER:
                        seen.append(event)
                        break
    assert list(dict.fromkeys(talker.shown)) == ["Tell", "Tell me", "Tell me a", "Tell me a joke"]
    assert [(caption.text, caption.final, caption.name) for caption in seen] == [("Tell me a joke", True, "Ann")]


@on_stack()
async def test_what_is_refused_is_shown_to_nobody_else(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults words", person=ROOT, add="darn")
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(1)
        assert stack.service
        talker = Talker(stack, ANN)
        with stack.service.services.events.watch(talker.session_id, TOLD) as events:
            await talker.say("Say darn please")
            await stack.until(lambda: any("not spoken" in answer for answer in stack.room.answers()))
            await stack.room.say("Who are you?", stack.room.thread)
            async for event in events:
                if isinstance(event, Caption) and event.speaker is Speaker.USER:
                    break
    assert isinstance(event, Caption)
    assert event.text == "Who are you?"


@on_stack()
async def test_typed_and_spoken_words_take_turns(stack: Stack) -> None:
    async with live(stack):
        speaking = asyncio.create_task(Talker(stack, ANN).say("Tell me a joke"))
        await asyncio.sleep(0.5)
        await stack.room.say("Who are you?", stack.room.thread, BEN)
        await speaking
        await stack.until(lambda: len(stack.room.finals) == 3)
    assert stack.spoken == ["Tell me a joke", "Ben: Who are you?"]


@on_stack(SLOW)
async def test_speaking_interrupts_the_avatar_within_300_ms(stack: Stack) -> None:
    async with live(stack):
        await stack.room.say("Tell me a joke", stack.room.thread)
        talker = Talker(stack, BEN)
        await stack.until(lambda: is_speaking(stack, talker.session_id))
        speaking, began = asyncio.create_task(talker.say("Wait")), asyncio.get_running_loop().time()
        await stack.until(lambda: not is_speaking(stack, talker.session_id), within=5)
        took = asyncio.get_running_loop().time() - began
        await speaking
        await stack.until(lambda: stack.spoken[-1] == "Wait")
    assert took < 0.3


@on_stack(SLOW)
async def test_it_is_heard_out_where_nobody_may_barge_in(stack: Stack) -> None:
    async with stack.serving(barge_in=False):
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(1)
        await stack.room.say("Tell me a joke", stack.room.thread)
        talker = Talker(stack, BEN)
        await stack.until(lambda: is_speaking(stack, talker.session_id))
        await talker.say("Hello")
        await stack.until(lambda: len(stack.room.finals) == 3)
        assert stack.hosted[0].avatar.spoken[0].finished


@on_stack(SLOW)
async def test_recognised_words_interrupt_a_retelling_avatar(stack: Stack) -> None:
    async with live(stack, mode="retelling"):
        talker = Talker(stack, BEN)
        await retell(stack, talker)
        talker.voices.ask(talker.microphone)
        for frame in frames(tones("Wait")):  # sound that nobody is to send: nothing comes of it
            talker.voices.say(talker.id, frame)
        await asyncio.sleep(0.5)
        assert is_speaking(stack, talker.session_id)
        talker.voices.speaks(talker.id)
        await stack.until(lambda: not is_speaking(stack, talker.session_id), within=5)
        assert not stack.hosted[0].avatar.spoken[0].finished


@on_stack(SLOW)
async def test_recognised_words_let_it_finish_where_nobody_barges_in(stack: Stack) -> None:
    async with stack.serving(barge_in=False):
        await stack.room.command("start", mode="retelling")
        await stack.live()
        await asyncio.sleep(1)
        talker = Talker(stack, BEN)
        await retell(stack, talker)
        talker.voices.ask(talker.microphone)
        talker.voices.speaks(talker.id)
        await stack.until(lambda: not is_speaking(stack, talker.session_id))
        assert stack.hosted[0].avatar.spoken[0].finished


async def retell(stack: Stack, talker: Talker) -> None:
    await stack.room.say("Good morning to everybody who came here today, and welcome", stack.room.thread)
    await stack.until(lambda: is_speaking(stack, talker.session_id))


@on_stack()
async def test_what_moderation_refuses_is_not_answered(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults words", person=ROOT, add="darn")
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(1)
        await Talker(stack, ANN).say("Say darn please")
        await stack.until(lambda: any("not spoken" in answer for answer in stack.room.answers()))
        await asyncio.sleep(20)
        assert not any("Say darn" in final for final in stack.room.finals)
        assert not any(each.finished for each in stack.hosted[0].avatar.spoken)


@on_stack()
async def test_where_it_listens_to_mentions_nobody_has_the_floor(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", listening="mention")
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(1)
        talker = Talker(stack, ANN)
        talker.voices.ask(talker.microphone)
        assert talker.voices.floor.holder is None
    assert talker.told == [MENTIONS_ONLY]


@on_stack()
async def test_listening_that_changes_meanwhile_holds_for_what_is_said(stack: Stack) -> None:
    async with live(stack):
        talker = Talker(stack, ANN)
        await ask(stack, "defaults set", listening="mention")
        await talker.say("Tell me a joke")
        await stack.until(lambda: bool(talker.told))
        talker.voices.ask(talker.microphone)
        await asyncio.sleep(20)
        assert not any(each.finished for each in stack.hosted[0].avatar.spoken)
    assert talker.told == [MENTIONS_ONLY, MENTIONS_ONLY]


@on_stack()
async def test_what_could_not_be_stored_is_not_answered(stack: Stack) -> None:
    async def unavailable(_words: SpokenWords) -> Outcome:
        raise StoreUnavailable("The database is busy.")

    async with live(stack):
        talker = Talker(stack, ANN)
        talker.microphone = replace(talker.microphone, hand_in=unavailable)
        await talker.say("Tell me a joke")
        await stack.until(lambda: bool(talker.told))
        await asyncio.sleep(20)
        assert not any(each.finished for each in stack.hosted[0].avatar.spoken)
    assert talker.told == [NOT_TAKEN]


@on_stack()
async def test_who_was_being_taken_at_the_end_is_told(stack: Stack) -> None:
    begun = asyncio.Event()

    async def hangs(_words: SpokenWords) -> Outcome:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with live(stack):
        talker = Talker(stack, ANN)
        talker.microphone = replace(talker.microphone, hand_in=hangs)
        await talker.say("Tell me a joke")
        await begun.wait()
        await stack.room.command("stop")
        await stack.ended()
    assert talker.told == [IN_DOUBT]


@on_stack(replace(QUICK, shape=ChatShape(ending=Ending.EVERY, own_mids=True)))
async def test_whose_words_had_not_settled_at_the_end_is_told(stack: Stack) -> None:
    async with live(stack):
        talker = Talker(stack, ANN)
        await talker.say("Tell me a joke")
        await stack.until(lambda: bool(spoken_in(stack)))
        await asyncio.sleep(20)
        told = len(talker.told)
        await talker.say("Tell me another")
        await stack.until(lambda: talker.shown[-1].endswith("another"))
        await stack.room.command("stop")
        await stack.ended()
    assert talker.told[told:] == [NOT_TAKEN]


@on_stack()
async def test_in_retelling_no_sound_reaches_the_room(stack: Stack) -> None:
    async with live(stack, mode="retelling"):
        await Talker(stack, ANN).say("Tell me a joke")
        await asyncio.sleep(10)
    assert stack.spoken == []


@on_stack()
async def test_one_has_the_floor_and_the_next_gets_it(stack: Stack) -> None:
    async with live(stack):
        ann, ben = Talker(stack, ANN), Talker(stack, BEN)
        ann.voices.ask(ann.microphone)
        ben.voices.ask(ben.microphone)
        assert not ben.voices.say(ben.id, bytes(VOICE_FRAME))
        await ann.speak("Tell me a joke")
        ann.voices.leave(ann.id)
        assert ben.voices.floor.holder == ben.microphone.claimant
        await asyncio.sleep(1)  # as long as somebody takes to see that it is their turn
        await ben.speak("Thanks")
        ben.voices.leave(ben.id)
        await stack.until(lambda: len(stack.room.finals) == 4)
    assert spoken_in(stack) == [("Ann, from the microphone", "Tell me a joke"), ("Ben, from the microphone", "Thanks")]


@on_stack()
async def test_nobody_has_the_floor_longer_than_a_minute(stack: Stack) -> None:
    async with live(stack):
        talker = Talker(stack, ANN)
        talker.voices.ask(talker.microphone)
        await asyncio.sleep(59)
        assert talker.voices.floor.is_held_by(talker.id)
        await asyncio.sleep(1.5)
        assert talker.voices.floor.holder is None


@on_stack()
async def test_the_floor_ends_with_the_session(stack: Stack) -> None:
    async with live(stack):
        talker = Talker(stack, ANN)
        talker.voices.ask(talker.microphone)
        await stack.room.command("stop")
        await stack.ended()
        assert talker.voices.floor.holder is None
        talker.voices.ask(talker.microphone)
    assert "not live" in talker.told[0]


@on_stack(replace(QUICK, shape=ChatShape(ending=Ending.EVERY, own_mids=True)))
async def test_words_that_each_claim_to_be_the_last_are_kept(stack: Stack) -> None:
    async with live(stack):
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        await Talker(stack, ANN).say("Tell me a joke")
        await stack.until(lambda: len(stack.room.finals) >= 3)
        await asyncio.sleep(10)
    assert " ".join(text for _, text in spoken_in(stack)) == "Tell me a joke"
