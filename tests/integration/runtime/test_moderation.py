"""What must not be said is neither spoken, nor kept, nor shown; whoever wrote it is told why."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from adapters.moderation.moderators import BLOCKED_WORD, WordList
from bot.domain.conversations import Accepted, Membership, MessageRef, Person
from bot.ports.words import VERDICT_WITHIN_S, Exchange, NoVerdict, Objection, ProposedSpeech, Source, Unanswered
from bot.telemetry import configure_logging
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import Stack, on_stack

BEN = Person("ben", "Ben", Membership.MEMBER)
REFUSED = f"That was not spoken: {BLOCKED_WORD}."
NOT_CHECKED = "That was not spoken: it could not be checked in time; please say it again."


@dataclass
class Judge:
    """Objects to one word, after a while; or gives no verdict."""

    word: str = "darn"
    takes: float = 0.0
    fault: Exception | None = None
    asked: list[ProposedSpeech] = field(default_factory=list)
    cancelled: int = 0

    async def review(self, speech: ProposedSpeech) -> Objection | None:
        self.asked.append(speech)
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fault:
            raise self.fault
        return Objection("it is rude") if self.word in speech.written else None


@dataclass
class Model:
    """A team's own, which always gives the same answer, sentence by sentence."""

    sentences: tuple[str, ...]
    written: int = 0

    async def answer(self, system_prompt: str, history: list[Exchange]) -> AsyncIterator[str]:
        for sentence in self.sentences:
            yield sentence + " "
            self.written += 1
            await asyncio.sleep(0.1)


async def begin(stack: Stack, *blocked: str) -> None:
    if blocked:
        await ask(stack, "defaults words", person=ROOT, add=", ".join(blocked))
    await stack.room.command("start")
    await stack.live()


async def told(stack: Stack, sentence: str, person: Person | None = None) -> None:
    await stack.until(lambda: sentence in (stack.room.answers(person) if person else stack.room.answers()))


@on_stack()
async def test_a_blocked_word_is_unspoken_and_its_author_told(stack: Stack) -> None:
    async with stack.serving():
        await begin(stack, "heck")
        await stack.room.say("What the HECK?", stack.room.thread)
        await told(stack, REFUSED)
        await stack.room.say("What is it?", stack.room.thread)
        await stack.until(lambda: bool(stack.room.finals))
    assert stack.spoken == ["Ann: What is it?"]


@on_stack()
async def test_refused_words_are_kept_nowhere(stack: Stack) -> None:
    logged = io.StringIO()
    configure_logging("debug", logged)
    async with stack.serving():
        await begin(stack, "zounds")
        await stack.room.command("say", text="Zounds, quixotic words")
        await told(stack, REFUSED)
        rows = await stack.stores[-1].read(
            lambda c: [
                str(tuple(row))
                for table in ("inbox", "turns", "utterances", "posts")
                for row in c.exec_driver_sql(f"SELECT * FROM {table}")
            ]
        )
        transcript = await ask(stack, "transcript", format="json")
    configure_logging()
    shown = [logged.getvalue(), *stack.room.finals, *stack.room.notices, *stack.room.answers(), *rows, transcript.text]
    assert not [line for line in shown if "quixotic" in line]


@on_stack()
async def test_a_newly_blocked_word_counts_in_live_sessions(stack: Stack) -> None:
    async with stack.serving():
        await begin(stack)
        await stack.room.say("heck", stack.room.thread)
        await stack.until(lambda: bool(stack.room.finals))
        await ask(stack, "defaults words", person=ROOT, add="heck")
        await stack.room.say("heck again", stack.room.thread)
        await told(stack, REFUSED)
        await ask(stack, "defaults words", person=ROOT, remove="HECK")
        await stack.room.say("heck once more", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 2)
    assert stack.spoken == ["Ann: heck", "Ann: heck once more"]


@on_stack()
async def test_a_name_with_a_blocked_word_is_not_spoken(stack: Stack) -> None:
    async with stack.serving():
        await begin(stack, "heck")
        await stack.room.say("Hello", stack.room.thread, Person("eve", "Heck", Membership.MEMBER))
        await told(stack, REFUSED, Person("eve", "Heck"))
    assert stack.spoken == []


@on_stack()
async def test_a_greeting_is_judged_too(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", greeting="Heck, hello!")
        await begin(stack, "heck")
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: bool(stack.room.finals))
    assert stack.spoken == ["Ann: Hello"]


@on_stack()
async def test_moderators_are_asked_in_their_order_until_one_objects(stack: Stack) -> None:
    judge = Judge()
    async with stack.serving(moderators=(WordList(), judge)):
        await begin(stack, "heck")
        for text in ("heck", "darn", "fine"):
            await stack.room.say(text, stack.room.thread)
            await asyncio.sleep(3)
        await told(stack, "That was not spoken: it is rude.")
    assert [speech.written for speech in judge.asked] == ["darn", "fine"]
    assert judge.asked[0].spoken == "Ann: darn"
    assert judge.asked[0].source is Source.PERSON
    assert stack.spoken == ["Ann: fine"]


@pytest.mark.parametrize("judge", [Judge(takes=1), Judge(fault=NoVerdict("gone")), Judge(fault=KeyError("darn"))])
def test_without_a_verdict_nothing_is_spoken(judge: Judge, tmp_path: object) -> None:
    @on_stack()
    async def story(stack: Stack) -> None:
        async with stack.serving(moderators=(judge,)):
            await begin(stack)
            await stack.room.say("Hello", stack.room.thread)
            await told(stack, NOT_CHECKED)
        assert stack.spoken == []

    story(tmp_path, "sqlite")  # type: ignore[arg-type]


@pytest.mark.parametrize("judge", [Judge(takes=1), Judge(fault=NoVerdict("gone"))])
def test_without_a_verdict_it_is_spoken_where_that_is_set(judge: Judge, tmp_path: object) -> None:
    @on_stack()
    async def story(stack: Stack) -> None:
        async with stack.serving(moderators=(judge,), unanswered=Unanswered.PASS):
            await begin(stack, "heck")
            await stack.room.say("Hello", stack.room.thread)
            await stack.until(lambda: bool(stack.spoken))
        assert stack.spoken == ["Ann: Hello"]

    story(tmp_path, "sqlite")  # type: ignore[arg-type]


@on_stack()
async def test_a_late_verdict_does_not_hold_up_speech(stack: Stack) -> None:
    judge = Judge(takes=60)
    async with stack.serving(moderators=(judge,), unanswered=Unanswered.PASS):
        await begin(stack)
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: bool(judge.asked), within=1)
        began = asyncio.get_running_loop().time()
        await stack.until(lambda: bool(judge.cancelled), within=1)
        assert asyncio.get_running_loop().time() - began <= VERDICT_WITHIN_S + 0.01
        await stack.until(lambda: bool(stack.spoken), within=1)


@on_stack()
async def test_a_silent_moderator_hides_no_objection(stack: Stack) -> None:
    async with stack.serving(moderators=(Judge(fault=NoVerdict("gone")), Judge()), unanswered=Unanswered.PASS):
        await begin(stack)
        await stack.room.say("darn", stack.room.thread)
        await told(stack, "That was not spoken: it is rude.")
    assert stack.spoken == []


@on_stack()
async def test_what_is_deleted_while_it_is_judged_is_not_spoken(stack: Stack) -> None:
    judge = Judge(takes=0.1)
    async with stack.serving(moderators=(judge,)):
        await begin(stack)
        accepted = await stack.room.say("Hello", stack.room.thread)
        assert isinstance(accepted, Accepted)
        await stack.until(lambda: bool(judge.asked), within=1)
        (row,) = await stack.stores[-1].read(
            lambda c: list(c.exec_driver_sql("SELECT message_id FROM inbox WHERE verb = 'say'"))
        )
        await stack.room.withdraw(MessageRef(stack.room.thread, row[0]))
        await asyncio.sleep(5)
    assert stack.spoken == []


# ---------------------------------------------------------------- what an own model answers


@on_stack()
async def test_the_refused_sentence_of_an_own_model_ends_its_answer(stack: Stack) -> None:
    model = Model(("I like trees.", "And heck, rivers too.", "And clouds."))
    async with stack.serving(model=model):
        await begin(stack, "heck")
        await stack.room.say("What do you like?", stack.room.thread)
        await told(stack, f"The rest of the answer was not spoken: {BLOCKED_WORD}.")
        await stack.room.say("Anything else?", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 2)
    assert [said.strip() for said in stack.spoken] == ["I like trees.", "I like trees."]
    assert not [line for line in stack.room.finals if "heck" in line]


@on_stack()
async def test_an_answer_refused_from_its_beginning_holds_nobody_up(stack: Stack) -> None:
    async with stack.serving(model=Model(("Heck.",))):
        await begin(stack, "heck")
        began = asyncio.get_running_loop().time()
        await stack.room.say("What do you like?", stack.room.thread)
        await told(stack, f"The answer was not spoken: {BLOCKED_WORD}.")
        assert asyncio.get_running_loop().time() - began < 2
    assert stack.spoken == []


@on_stack()
async def test_each_sentence_of_a_model_is_moderated(stack: Stack) -> None:
    judge = Judge()
    async with stack.serving(model=Model(("One **tree**.", "Two trees.")), moderators=(judge,)):
        await begin(stack)
        await stack.room.say("How many?", stack.room.thread)
        await stack.until(lambda: bool(stack.room.finals))
    sentences = [(speech.spoken, speech.source) for speech in judge.asked]
    assert sentences == [
        ("How many?", Source.PERSON),
        ("One tree.", Source.MODEL),
        ("Two trees.", Source.MODEL),
    ]


# ---------------------------------------------------------------- admins


@on_stack()
async def test_admins_see_how_often_and_never_what(stack: Stack) -> None:
    async with stack.serving(model=Model(("Oh darn.",)), moderators=(WordList(), judge := Judge())):
        await begin(stack, "heck")
        await stack.room.say("heck", stack.room.thread)
        await stack.room.say("oh heck", stack.room.thread)
        await stack.room.say("fine", stack.room.thread, BEN)
        await told(stack, "The answer was not spoken: it is rude.", BEN)
        judge.fault = NoVerdict("gone")
        await stack.room.say("still there?", stack.room.thread, BEN)
        await told(stack, NOT_CHECKED, BEN)
        await stack.until(lambda: stack.room.answers().count(REFUSED) == 2)
        seen = await ask(stack, "usage", person=ROOT)
        unseen = await ask(stack, "usage", person=BEN)
    line = "Moderation: 2 messages were refused, 1 answer was cut or refused and 1 message was not checked in time."
    assert line in seen.text
    assert "oh heck" not in seen.text
    assert "Moderation" not in unseen.text
