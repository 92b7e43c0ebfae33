"""What somebody with a `speak` link does from the page, taken to the core as theirs."""

from datetime import UTC, datetime, timedelta

from bot.clock import Clock
from bot.commands.policy import Policy, Workspace
from bot.domain.conversations import Accepted, Command, Inbound, MessagePosted, NoSession, Person, Refused, ReplyTo
from bot.domain.errors import StoreUnavailable
from bot.ports.chat import CoreApi
from bot.ports.grants import Grant, Scope
from bot.web.viewer.wire import Do, Outcome, Say

SAY = "say"
VERBS = ("interrupt", "extend")
"""The commands that a page may hand in, besides saying something."""

ONLY_WATCHING = "This link is for watching only. Press Watch in the channel for one of your own."
NOT_FROM_HERE = "That cannot be done from here. Write it in the channel."

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
    sequence = (clock.now() - _EPOCH) // timedelta(microseconds=1)
    body = MessagePosted(done.text, via="the viewer") if isinstance(done, Say) else Command(done.verb)
    reply_to = ReplyTo(grant.place, grant.person)
    inbound = Inbound(_event_id(grant.person, done.nonce), sequence, grant.place, grant.person, body, reply_to)
    return await _handed_in(inbound, done.nonce, core)


def _event_id(person: Person, nonce: str) -> str:
    return f"viewer:{person.id}:{nonce}"


async def _handed_in(inbound: Inbound, nonce: str, core: CoreApi) -> Outcome:
    try:
        outcome = await core.accept(inbound)
    except StoreUnavailable:
        return Outcome(nonce, "That was not taken. Please try again.")
    match outcome:
        case Refused(sentence) | NoSession(sentence):
            return Outcome(nonce, sentence)
        case Accepted(row_id):
            return Outcome(nonce, id=row_id)
        case _:
            return Outcome(nonce)
