"""What a program can do, whichever protocol it speaks: everything goes the way that people's commands go, as a person of its own.

All of it raises `ApiProblem`, with the sentence that a person would get, and `StoreUnavailable`.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NoReturn

from bot.clock import new_id
from bot.commands.parser import ParseError
from bot.commands.verbs import CATALOGUE
from bot.domain.api_tokens import ANY_CHANNEL
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Duplicate,
    File,
    Inbound,
    NoSession,
    Refused,
    Reply,
    ReplyTo,
    place_named,
)
from bot.domain.hook_events import PlaceScope
from bot.domain.posts import Speaker
from bot.domain.provider import day_of
from bot.domain.sessions import Mode, SessionStatus
from bot.ports.chat import CoreApi
from bot.ports.storage.records import SAY, InboxRecord, InboxState, SessionRecord
from bot.queries.archive import StoredArchive
from bot.runtime.budget import day_allowed
from bot.runtime.no_session import has_ended
from bot.runtime.services import Services
from bot.tasks import rest
from bot.web.api.authentication import ApiCaller
from bot.web.api.wire import (
    LONGEST_NAME,
    ApiProblem,
    OwnUsage,
    ProblemKind,
    RequestState,
    RequestStatus,
    SessionSummary,
    UsageReport,
    UsedTime,
    state_of,
)

AVATARS = CATALOGUE.verbs[CATALOGUE.names.index("avatars")]

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

LONGEST_WAIT = 60.0
"""Seconds for which the end of a request can be waited for at once."""

LOOK_EVERY = 5.0
"""Seconds between two looks without a wakeup: a hint of the process that did it may be lost."""

MOST_WAITING = 50
"""Requests of one token whose end is waited for at once; of more the state is told as it is."""

LONGEST_ID = 64

NO_SUCH_SESSION = "This token knows no session “{id}”."
NOT_KEPT = "What that was is not kept any more."
NO_SUCH_REQUEST = "This token made no request “{id}”, or it is kept no more."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ApiOperations:
    """Each takes who calls. `key` makes a request one and the same however often it is made, in one workspace."""

    def __init__(
        self, core: CoreApi, services: Services, archive: StoredArchive, *, most_waiting: int = MOST_WAITING
    ) -> None:
        self._core = core
        self._services = services
        self._archive = archive
        self._most_waiting = most_waiting
        self._waiting = Counter[str]()
        self._closed = False

    def close(self) -> None:
        """Nobody waits any more: each is told how things stand."""
        self._closed = True
        self._services.written.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    # ------------------------------------------------------------ what changes a session

    async def say(
        self, caller: ApiCaller, place: str, text: str, key: str, start: Mapping[str, str] = NO_OPTIONS
    ) -> RequestStatus:
        """Where no avatar is live one is started, if the token is for `start`: with those options."""
        self._require(caller, SAY)
        here = await self.place(caller, place)
        said = self._inbound(caller, here, Command(SAY, {"text": text}), f":{key}")
        try:
            return await self._handed_in(said)
        except ApiProblem as nobody:
            if nobody.kind is not ProblemKind.NO_SESSION or "start" not in caller.token.commands:
                raise
        return await self._say_to_a_new_one(said, self._inbound(caller, here, Command("start", start), f"/start:{key}"))

    async def _say_to_a_new_one(self, said: Inbound, start: Inbound) -> RequestStatus:
        refused = None
        try:
            await self._handed_in(start)
        except ApiProblem as problem:  # perhaps somebody has started one meanwhile
            refused = problem
        try:
            return await self._handed_in(said)
        except ApiProblem as nobody:
            raise refused or nobody from None

    async def start(self, caller: ApiCaller, place: str, options: Mapping[str, str], key: str) -> RequestStatus:
        self._require(caller, "start")
        here = await self.place(caller, place)
        return await self._handed_in(self._inbound(caller, here, Command("start", options), f":{key}"))

    async def command(
        self, caller: ApiCaller, session_id: str, verb: str, options: Mapping[str, str], key: str
    ) -> RequestStatus:
        """One of `ON_A_SESSION`."""
        self._require(caller, verb)
        session = await self._session(caller, session_id)
        if verb == "stop":  # this very one, and nobody is there to be asked back
            if options:
                raise ApiProblem(ProblemKind.BAD_REQUEST, "“stop” takes no options: the URL says which session.")
            options = {"session": session_id, "confirm": "yes"}
        inbound = self._inbound(caller, session.talk, Command(verb, options), f":{key}")
        if session.status is SessionStatus.ENDED:  # another may be there by now, which is not meant
            return await self._known(inbound) or _no_session(has_ended(session))
        return await self._handed_in(inbound)

    def _inbound(self, caller: ApiCaller, place: ConversationRef, command: Command, key: str) -> Inbound:
        person, sequence = caller.person, (self._services.clock.now() - _EPOCH) // timedelta(microseconds=1)
        options = {
            name: text.replace("\0", "") for name, text in command.options.items()
        }  # which PostgreSQL keeps in no text
        return Inbound(
            f"{person.id}{key}", sequence, place, person, Command(command.verb, options), ReplyTo(place, person)
        )

    async def _handed_in(self, inbound: Inbound) -> RequestStatus:
        match await self._core.accept(inbound):
            case Accepted(row_id, session_id):
                return self._waits(inbound, row_id, session_id)
            case Duplicate():
                return await self._known(inbound) or _no_session(NOT_KEPT)
            case NoSession(sentence):
                return _no_session(sentence)
            case Refused(sentence):
                raise ApiProblem(ProblemKind.REFUSED, sentence)
            case _:
                raise ApiProblem(ProblemKind.REFUSED, "That cannot be done from here.")

    def _waits(self, inbound: Inbound, row_id: str, session_id: str) -> RequestStatus:
        """As it was accepted a moment ago."""
        assert isinstance(inbound.body, Command)
        verb, now = inbound.body.verb, self._services.clock.now()
        return RequestStatus(row_id, RequestState.WAITING, verb, session_id, str(inbound.place), now)

    async def _known(self, inbound: Inbound) -> RequestStatus | None:
        """What the same request has become. Raises `ApiProblem` where its key was used for another one."""
        row = await self._services.storage.inbox.of_event(inbound.place, inbound.event_id)
        if row and not _is_same(row, inbound):
            raise ApiProblem(
                ProblemKind.KEY_REUSED, "This Idempotency-Key was used for another request. Use a new one for each."
            )
        return await self._told(row) if row else None

    # ------------------------------------------------------------ what became of it

    async def request(self, caller: ApiCaller, request_id: str, within: float = 0.0) -> RequestStatus:
        """As it is now, or as soon as it is over, if that is `within` so many seconds: at most `LONGEST_WAIT`."""
        row = await self._row(caller, request_id)
        await self._session(caller, row.session_id)  # an earlier token of its name may have been for other places
        if within > 0 and row.state is not InboxState.DONE and self._waiting[caller.token.name] < self._most_waiting:
            self._waiting[caller.token.name] += 1
            try:
                row = await self._settled(caller, row, min(within, LONGEST_WAIT))
            finally:
                self._waiting[caller.token.name] -= 1
        return await self._told(row)

    async def _settled(self, caller: ApiCaller, row: InboxRecord, within: float) -> InboxRecord:
        with self._services.written.watch(row.session_id) as written, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while row.state is not InboxState.DONE and not self._closed:
                    if not written.is_set():  # at first, and after silence
                        self._services.written.ask(row.session_id)
                    written.clear()
                    row = await self._row(caller, row.id)
                    if row.state is not InboxState.DONE and not self._closed:
                        await rest(written, LOOK_EVERY)
        return row

    async def _row(self, caller: ApiCaller, request_id: str) -> InboxRecord:
        row = await self._services.storage.inbox.get(request_id) if _is_id(request_id) else None
        if row is None or row.person_id != caller.person.id:
            raise ApiProblem(ProblemKind.NOT_FOUND, NO_SUCH_REQUEST.format(id=request_id[:LONGEST_ID]))
        return row

    async def _told(self, row: InboxRecord) -> RequestStatus:
        status = _status(row)
        if row.verb != SAY or status.status is RequestState.WAITING:
            return status
        said = await self._services.storage.transcripts.of_session(row.session_id)
        answer = "".join(line.text for line in said if line.mid == row.id and line.speaker is Speaker.BOT)
        return _status(row, answer)

    # ------------------------------------------------------------ questions

    async def sessions(self, caller: ApiCaller, place: str | None = None) -> list[SessionSummary]:
        """Those that have not ended and that the token may see, oldest first; of one place, where one is named."""
        self._require(caller, "sessions")
        here = None if place is None else await self.place(caller, place)
        storage, found = self._services.storage, list[SessionRecord]()
        for workspace in dict.fromkeys((each.platform, each.workspace_id) for each in caller.token.places):
            found += await storage.sessions.in_workspace(*workspace)
        there = (each for each in found if here is None or here in {each.place, each.talk, each.place.channel})
        return [_summary(each) for each in there if await self._reaches(caller, each.place, each.talk)]

    async def session(self, caller: ApiCaller, session_id: str) -> SessionSummary:
        """Also one that has ended, as long as it is kept."""
        self._require(caller, "sessions")
        return _summary(await self._session(caller, session_id))

    async def transcript(self, caller: ApiCaller, session_id: str, form: str) -> File:
        """As `md`, `json`, `vtt` or `srt`."""
        self._require(caller, "transcript")
        await self._session(caller, session_id)
        file = await self._archive.export(session_id, form)
        if file is None:
            raise ApiProblem(ProblemKind.NOT_FOUND, NO_SUCH_SESSION.format(id=session_id))
        return file

    async def usage(self, caller: ApiCaller, days: int) -> UsageReport:
        """The token's own day in each of its workspaces, and what its places used in so many days."""
        self._require(caller, "usage")
        today, used = list[OwnUsage](), list[UsedTime]()
        since = day_of(self._services.clock.now()) - timedelta(days=days - 1)
        allowed = await day_allowed(self._services, caller.person.id)
        for platform, workspace_id in dict.fromkeys((each.platform, each.workspace_id) for each in caller.token.places):
            anywhere = ConversationRef(platform, workspace_id, "")
            own = await self._services.storage.usage.of_person(anywhere, caller.person.id)
            today.append(OwnUsage(f"{platform}/{workspace_id}", own.used / 60, own.held / 60, allowed))
            used += await self._used(caller, anywhere, since)
        return UsageReport(today, used)

    async def _used(self, caller: ApiCaller, workspace: ConversationRef, since: datetime) -> list[UsedTime]:
        minutes: Counter[tuple[str, str, str]] = Counter()
        runs = await self._services.storage.usage.minutes(workspace.platform, workspace.workspace_id, since)
        channels = {run.channel_id: replace(workspace, channel_id=run.channel_id) for run in runs}
        seen = {id_ for id_, channel in channels.items() if await self._reaches(caller, channel)}
        for run in runs:
            if run.channel_id in seen:
                minutes[run.day.isoformat(), str(channels[run.channel_id]), run.avatar_name] += run.minutes  # type: ignore[assignment] # a Counter of floats
        return [UsedTime(*key, minutes=amount) for key, amount in minutes.items()]

    async def avatars(self, caller: ApiCaller, place: str, options: Mapping[str, str]) -> Reply:
        """The avatars that can be started in a place, page by page."""
        self._require(caller, "avatars")
        here, values = await self.place(caller, place), self._services.policy.values(AVATARS, options)
        if isinstance(values, ParseError):
            raise ApiProblem(ProblemKind.BAD_REQUEST, values.sentence)
        return await self._core.answer(self._inbound(caller, here, Command("avatars", options), f"?{new_id()}"))

    # ------------------------------------------------------------ what a token reaches

    async def place(self, caller: ApiCaller, name: str) -> ConversationRef:
        """The place of a name: whether it exists or the token is not for it makes no difference that can be seen."""
        place = place_named(name)
        if place and place.channel_id != ANY_CHANNEL and await self._reaches(caller, place):
            return place
        found = [] if place or len(name) > LONGEST_NAME else await self._called(caller, name)
        if len(found) > 1:
            named = ", ".join(map(str, found))
            raise ApiProblem(ProblemKind.NOT_FOUND, f"“{name}” may be {named}: name the place like that.")
        if not found:
            raise ApiProblem(ProblemKind.NOT_FOUND, f"This token is for no place “{name[:LONGEST_NAME]}”.")
        return found[0]

    async def _called(self, caller: ApiCaller, name: str) -> Sequence[ConversationRef]:
        """Those of the token's own places whose channel people call so."""
        wanted = name.removeprefix("#").casefold()
        listed = [each for each in caller.token.places if self._runs(each) and each.channel_id != ANY_CHANNEL]
        channels = await asyncio.gather(*(self._services.platform(each).channel(each) for each in listed))
        names = (channel.name.removeprefix("#").casefold() for channel in channels)
        return [place for place, called in zip(listed, names, strict=True) if called == wanted]

    async def _session(self, caller: ApiCaller, session_id: str) -> SessionRecord:
        session = await self._services.storage.sessions.get(session_id) if _is_id(session_id) else None
        if session is None or not await self._reaches(caller, session.place, session.talk):
            raise ApiProblem(ProblemKind.NOT_FOUND, NO_SUCH_SESSION.format(id=session_id[:LONGEST_ID]))
        return session

    async def _reaches(self, caller: ApiCaller, place: ConversationRef, talk: ConversationRef | None = None) -> bool:
        """What is private is reached by a token that names it, and by no other."""
        scope = PlaceScope(caller.token.places)
        if not self._runs(place):
            return False
        if place in scope.places or talk in scope.places:
            return True
        return scope.may_cover(place) and scope.covers(place, await self._services.platform(place).channel(place))

    def _runs(self, place: ConversationRef) -> bool:
        return place.platform in self._services.platforms

    @staticmethod
    def _require(caller: ApiCaller, verb: str) -> None:
        if verb not in caller.token.commands:
            only = ", ".join(caller.token.commands)
            raise ApiProblem(ProblemKind.FORBIDDEN, f"This token is not for “{verb}”, only for {only}.")


def _is_id(text: str) -> bool:
    """Whether anything could have that id; a database may refuse what could not be one."""
    return len(text) <= LONGEST_ID and text.isascii() and text.isalnum()


def _no_session(sentence: str) -> NoReturn:
    raise ApiProblem(ProblemKind.NO_SESSION, sentence)


def _is_same(row: InboxRecord, inbound: Inbound) -> bool:
    """Whether a row is what this request would be; of what nobody may read any more the words are not compared."""
    assert isinstance(inbound.body, Command)
    given = {name: text for name, text in row.body.items() if text}
    asked = {name: text for name, text in inbound.body.options.items() if text.strip()}
    return (row.verb, row.place) == (inbound.body.verb, inbound.place) and given in ({}, asked)


def _status(row: InboxRecord, answer: str = "") -> RequestStatus:
    return RequestStatus(
        id=row.id,
        status=state_of(row.state, row.outcome),
        command=row.verb,
        session=row.session_id,
        place=str(row.place),
        at=row.created_at,
        sentence=row.sentence,
        answer=answer,
    )


def _summary(session: SessionRecord) -> SessionSummary:
    return SessionSummary(
        id=session.id,
        place=str(session.place),
        thread=str(session.talk),
        status=session.status,
        avatar=session.spec.avatar_name,
        mode="dialogue" if session.spec.mode is Mode.DIALOGUE else "retelling",
        started_by=session.starter_name,
        started_at=session.created_at,
        ended_at=session.ended_at,
    )
