"""What somebody with a `speak` link does from the page, taken to the core as theirs."""

from datetime import UTC, datetime, timedelta

from bot.errors import StoreUnavailable
from bot.model import Command, Inbound, NoSession, Person, Refused, ReplyTo, Said
from bot.ports.chat import Reception
from bot.ports.clock import Clock
from bot.viewer.grants import Grant, Scope
from bot.viewer.wire import Do, Outcome, Say

VERBS = frozenset({"interrupt", "keep-going"})
ONLY_WATCHING = "This link is for watching only. Press Watch in the channel for one of your own."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def act(done: Say | Do, grant: Grant, reception: Reception, clock: Clock) -> Outcome:
    """Hand it in; the same `nonce` again changes nothing."""
    if grant.scope is not Scope.SPEAK or grant.person is None:
        return Outcome(done.nonce, ONLY_WATCHING)
    if isinstance(done, Do) and done.verb not in VERBS:
        return Outcome(done.nonce, "That cannot be done from here.")
    stamp = (clock.now() - _EPOCH) // timedelta(microseconds=1)
    body = Said(done.text, via="the viewer") if isinstance(done, Say) else Command(done.verb)
    reply_to = ReplyTo(grant.place, grant.person)
    inbound = Inbound(_event_id(grant.person, done.nonce), stamp, grant.place, grant.person, body, reply_to)
    return Outcome(done.nonce, await _sentence(inbound, reception))


def _event_id(person: Person, nonce: str) -> str:
    return f"viewer:{person.id}:{nonce}"


async def _sentence(inbound: Inbound, reception: Reception) -> str:
    try:
        outcome = await reception.accept(inbound)
    except StoreUnavailable:
        return "That was not taken. Please try again."
    match outcome:
        case Refused(sentence) | NoSession(sentence):
            return sentence
        case _:
            return ""
