"""What somebody with a `speak` link does from the page, taken to the core as theirs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.clock import Clock, new_id
from bot.commands.policy import Policy, Workspace, at_least
from bot.domain.conversations import (
    Accepted,
    Choice,
    Command,
    ConversationRef,
    Inbound,
    MessagePosted,
    NoSession,
    Person,
    Refused,
    ReplyTo,
    Role,
)
from bot.domain.conversations import Outcome as CoreOutcome
from bot.domain.errors import StoreUnavailable
from bot.media.floor import Claimant
from bot.media.voices import Microphone, SpokenWords
from bot.ports.chat import CoreApi, ValueQuery
from bot.ports.grants import Grant, Scope
from bot.web.viewer.wire import Do, OfferedValue, Outcome, Say, ValuesOffered, ValuesWanted

SAY = "say"
VERBS = ("interrupt", "extend", "set")
"""The commands that a page may hand in, besides saying something."""

SETTABLE = ("language", "voice")
"""The options of `set` that a page may give; no other command of its takes any."""

ONLY_WATCHING = "This link is for watching only. Press Watch in the channel for one of your own."
NOT_FROM_HERE = "That cannot be done from here. Write it in the channel."

ALOUD = "the microphone"
"""Where words that were said aloud came from, as people read it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def offered(grant: Grant, policy: Policy) -> tuple[str, ...]:
    """What the page offers to whoever has the link: nothing that their role would be refused."""
    if grant.scope is not Scope.SPEAK or grant.person is None:
        return ()
    # A session runs there, so somebody pays; what is handed in is checked again.
    workspace = Workspace(grant.place.platform, grant.place.workspace_id, funded=True)
    return tuple(verb for verb in (SAY, *VERBS) if policy.may(verb, grant.role, workspace) is None)


async def act(done: Say | Do, grant: Grant, core: CoreApi, clock: Clock) -> Outcome:
    """Hand it in; the same `nonce` again changes nothing."""
    if grant.scope is not Scope.SPEAK or grant.person is None:
        return Outcome(done.nonce, ONLY_WATCHING)
    if isinstance(done, Do) and done.verb not in VERBS:
        return Outcome(done.nonce, NOT_FROM_HERE)
    if isinstance(done, Do) and not done.options.keys() <= set(SETTABLE if done.verb == "set" else ()):
        return Outcome(done.nonce, NOT_FROM_HERE)
    body = _said(done) if isinstance(done, Say) else Command(done.verb, done.options)
    reply_to = ReplyTo(grant.place, grant.person)
    inbound = Inbound(_event_id(grant.person, done.nonce), _sequence(clock), grant.place, grant.person, body, reply_to)
    return await _handed_in(inbound, done.nonce, core)


async def values(wanted: ValuesWanted, grant: Grant, core: CoreApi, policy: Policy) -> ValuesOffered:
    """What somebody may choose from; nothing for who may not set anything."""
    if wanted.option not in SETTABLE or grant.person is None or "set" not in offered(grant, policy):
        return ValuesOffered(wanted.option, wanted.typed)
    found = await core.ask(ValueQuery(grant.place, grant.person, "set", wanted.option, wanted.typed))
    return ValuesOffered(
        wanted.option, wanted.typed, tuple(OfferedValue(each.value, _labelled(each)) for each in found)
    )


def _labelled(choice: Choice) -> str:
    return f"{choice.label} · {choice.detail}" if choice.detail else choice.label


def _said(say: Say) -> MessagePosted:
    return MessagePosted(say.text, via=ALOUD if say.aloud else "the viewer")


def microphone(
    grant: Grant, core: CoreApi, clock: Clock, show: Callable[[str], None], tell: Callable[[str], None]
) -> Microphone | None:
    """One for whoever may speak over that link; None for who may only watch. `show` gets their words, `tell` sentences for them."""
    if grant.scope is not Scope.SPEAK or grant.person is None:
        return None
    return microphone_of(new_id(), grant.role, grant.person, grant.place, core, clock, show, tell)


def microphone_of(  # noqa: PLR0917
    claimant_id: str,
    role: Role,
    person: Person,
    place: ConversationRef,
    core: CoreApi,
    clock: Clock,
    show: Callable[[str], None],
    tell: Callable[[str], None],
) -> Microphone:
    """Whoever's it is: what they are understood to say is handed in here."""

    async def hand_in(words: SpokenWords) -> CoreOutcome:
        said = MessagePosted(words.text, via=ALOUD, heard=words.id)
        return await core.accept(
            Inbound(f"voice:{words.id}", _sequence(clock), place, person, said, ReplyTo(place, person))
        )

    claimant = Claimant(claimant_id, person.id, person.name, may_take=at_least(role, Role.STARTER))
    return Microphone(claimant, role, person, place, hand_in, show, tell)


def _sequence(clock: Clock) -> int:
    return (clock.now() - _EPOCH) // timedelta(microseconds=1)


def _event_id(person: Person, nonce: str) -> str:
    return f"viewer:{person.id}:{nonce}"


async def _handed_in(inbound: Inbound, nonce: str, core: CoreApi) -> Outcome:
    try:
        outcome = await core.accept(inbound)
    except StoreUnavailable as error:
        return Outcome(nonce, error.told("That was not taken. Please try again."))
    match outcome:
        case Refused(sentence) | NoSession(sentence):
            return Outcome(nonce, sentence)
        case Accepted(row_id):
            return Outcome(nonce, id=row_id)
        case _:
            return Outcome(nonce)
