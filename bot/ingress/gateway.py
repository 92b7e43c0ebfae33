"""`CoreApi` for the chat platforms: accepts what comes in, answers queries, and takes note of people and channels that are gone."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import structlog

from bot.commands.buttons import instead
from bot.commands.options import ChannelSettings
from bot.commands.parser import ParseError, bare_command, did_you_mean
from bot.commands.policy import Workspace, role_of
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import (
    Accepted,
    Choice,
    Command,
    ConversationRef,
    Duplicate,
    Inbound,
    Item,
    MessagePosted,
    NoSession,
    Outcome,
    Question,
    Refused,
    Reply,
)
from bot.domain.errors import AvatarbotError, BeingAnswered, ProviderError
from bot.domain.sessions import EndReason
from bot.ingress.answering import Answering
from bot.ingress.inbox import NOT_TAKEN, Inbox
from bot.ports.chat import ChatPlatform, Give, ValueQuery
from bot.ports.storage.records import SessionRecord, departure
from bot.ports.storage.repositories import OWN_ACCOUNT
from bot.queries.context import Query, QueryContext
from bot.queries.offers import choices
from bot.queries.router import ANSWERS, ask_back
from bot.queries.sessions import last_talked
from bot.runtime.no_session import JUST_ENDED, has_ended, nobody_here, start_again
from bot.runtime.resolve import suggested_by

log = structlog.get_logger(__name__)

ASK_WITHIN = 1.5
"""Seconds; a list of choices that comes later is of no use."""

ANSWERED_WITHIN = 1.5
"""Seconds for which a second delivery waits for the answer to the first: a platform waits for three in all."""

LOOK_AGAIN = 0.25
"""Seconds."""

FAULT = "Something went wrong on our side. Please try again."


class Gateway:
    """`CoreApi`, for all platforms."""

    def __init__(self, inbox: Inbox, context: QueryContext) -> None:
        self._inbox = inbox
        self._query_context = context
        self._services = context.services
        self._answering = Answering(context.services.storage.coordination)

    # ------------------------------------------------------------ what changes a session

    async def accept(self, inbound: Inbound) -> Outcome:
        began = asyncio.get_running_loop().time()
        outcome = await self._outcome(inbound)
        if isinstance(outcome, Question) and outcome.ended and not await self._first_told(inbound, outcome.ended):
            outcome = NoSession(nobody_here(inbound.person))
        metrics, platform = self._services.metrics, inbound.place.platform
        match outcome:
            case Accepted(row_id):
                metrics.accepted.labels(platform).inc()
                self._services.turn_times.accepted(row_id, began)
            case Duplicate():
                metrics.duplicates.labels(platform).inc()
            case Refused():
                metrics.refused.labels(platform).inc()
            case _:
                pass
        return outcome

    async def _outcome(self, inbound: Inbound) -> Outcome:
        """Whoever answers another delivery of the same may die of it: until it has been answered this one is not taken either."""
        for _ in range(int(ANSWERED_WITHIN / LOOK_AGAIN)):
            began = asyncio.get_running_loop().time()
            outcome = await self._inbox.accept(inbound)
            self._services.metrics.accept_seconds.observe(asyncio.get_running_loop().time() - began)
            if outcome != Duplicate(over=False):
                return outcome
            await asyncio.sleep(LOOK_AGAIN)
        raise BeingAnswered(NOT_TAKEN, "another delivery of the same is being answered")

    async def _first_told(self, inbound: Inbound, session_id: str) -> bool:
        """Each person is told once that a session has ended, also where another process takes in what they write next."""
        who = hashlib.sha256(f"{session_id} {inbound.person.id}".encode()).hexdigest()
        services, event_id = self._services, f"ended-{who[:32]}"
        return await services.storage.coordination.first_to_answer(
            inbound.place, event_id, inbound.event_id, lasts=services.timeouts.retention
        )

    async def concerns(self, place: ConversationRef) -> bool:
        if self._inbox.runs.hosts(place.channel):
            return True
        return await self._services.storage.sessions.concerns(place, ended_within=JUST_ENDED)

    async def channel_removed(self, place: ConversationRef, *, whole_workspace: bool = False) -> None:
        sessions = self._services.storage.sessions
        found = await sessions.in_workspace(place.platform, place.workspace_id)
        gone = [session.id for session in found if whole_workspace or _is_in(session, place)]
        for session in await sessions.ask_to_end(gone, EndReason.PLACE_GONE, departure):
            self._inbox.runs.look_again(session.id)
        if whole_workspace:
            await self._services.accounts.drop(place)

    async def talks(self, platform: str) -> Mapping[ConversationRef, str]:
        return await self._services.storage.receiving.talks(platform)

    async def kept(self, session_ids: Collection[str]) -> frozenset[str]:
        return await self._services.storage.sessions.kept(session_ids)

    async def own_accounts(self, platform: str) -> frozenset[str]:
        return await self._services.storage.vault.named(platform, OWN_ACCOUNT)

    async def person_gone(self, place: ConversationRef, person_id: str) -> None:
        await self._services.storage.grants.revoke_of_person(place, person_id)

    # ------------------------------------------------------------ questions

    async def first_to_answer(self, inbound: Inbound, give: Give) -> Give | None:
        return await self._answering.first(inbound, give)

    async def answer(self, inbound: Inbound) -> Reply:
        reply = await self._answer(inbound)
        platform = self._services.platforms.get(inbound.place.platform)
        return without_file(reply, platform) if reply.file and platform and not platform.features.files else reply

    async def _answer(self, inbound: Inbound) -> Reply:
        try:
            return await self._answered(inbound)
        except ProviderError as error:
            log.info("question not answered", reason=error.detail)
            return Reply(await self._services.accounts.explained(inbound.place, error))
        except AvatarbotError as error:
            log.info("question not answered", reason=error.detail)
            asked = _command_in(inbound)
            return Reply(error.sentence, instead(asked, suggested_by(error)) if asked else ())
        except Exception:
            log.exception("a question failed")
            return Reply(FAULT)

    async def _answered(self, inbound: Inbound) -> Reply:
        command = _command_in(inbound)
        if command is None:
            return await self._about_ended(inbound)
        policy, verb = self._services.policy, CATALOGUE.verb(command.verb)
        if verb is None or not (verb.name in ANSWERS or verb.confirm):
            return Reply(f"There is no command “{command.verb}”.{did_you_mean(command.verb, policy.catalogue.names)}")
        values = policy.values(verb, command.options)
        if isinstance(values, ParseError):
            return Reply(values.sentence)
        named = str(values.get("session") or "")
        session, settings, workspace = await self._context(inbound, named)
        account = await self._services.accounts.of(inbound.place)
        request = Query(self._query_context, inbound, values, session, settings, workspace, account)
        if verb.past and session is None and not named:
            request = replace(request, session=await last_talked(request))
        if refused := policy.may_call(inbound.person, verb.name) or policy.may(verb.name, request.role, workspace):
            return Reply(refused.sentence)
        if verb.asks_back(values):
            return await ask_back(request, verb, command)
        return await ANSWERS[verb.name](request)

    async def _about_ended(self, inbound: Inbound) -> Reply:
        """Something was said where a session has ended: how to start again, for whoever may."""
        services, place = self._services, inbound.place
        ended = await services.storage.sessions.last_ended(place, ended_within=JUST_ENDED)
        workspace = await services.funding.of(place)
        if ended is None or not isinstance(inbound.body, MessagePosted):
            return Reply("")
        if services.policy.may("start", role_of(inbound.person), workspace):
            return Reply(has_ended(ended))
        name, picture = ended.spec.avatar_name or "The avatar", ended.spec.avatar_picture
        again = Item(name, picture=picture, command=start_again(ended))
        return Reply(f"{has_ended(ended)} Write “start” here to start it again.", (again,))

    async def _context(self, inbound: Inbound, named: str) -> tuple[SessionRecord | None, ChannelSettings, Workspace]:
        """The session of the place, by thread first, or the one named; the channel's settings; and its workspace."""
        storage, place = self._services.storage, inbound.place
        settings = await storage.channels.settings(place)
        workspace = await self._services.funding.of(place)
        if named:
            return await self._named(place, named), settings, workspace
        there = await storage.sessions.in_channel(place)
        by_thread = [session for session in there if session.thread == place]
        by_place = [session for session in there if session.place == place]
        return next(iter(by_thread + by_place), None), settings, workspace

    async def _named(self, place: ConversationRef, session_id: str) -> SessionRecord | None:
        found = await self._services.storage.sessions.get(session_id)
        same = found and (found.place.platform, found.place.workspace_id) == (place.platform, place.workspace_id)
        return found if same else None

    # ------------------------------------------------------------ while somebody types

    async def ask(self, ask: ValueQuery) -> Sequence[Choice]:
        try:
            async with asyncio.timeout(ASK_WITHIN):
                workspace = await self._services.funding.of(ask.place)
                if self._services.policy.may(ask.verb, role_of(ask.person), workspace):
                    return []
                return await choices(self._query_context, ask)
        except (TimeoutError, AvatarbotError) as error:
            log.info("no choices", option=ask.option, reason=str(error) or "too slow")
            return []


def without_file(reply: Reply, platform: ChatPlatform) -> Reply:
    """The same for a platform that takes no files: with the words of the file where they fit, else with a word that it is left out."""
    file = reply.file
    if file is None:
        return reply
    whole = f"{reply.text}\n\n{file.content.decode()}" if file.mime.startswith("text/") else ""
    left_out = f"{reply.text}\n\nThe file {file.name} is left out: it cannot be sent here."
    fits = whole and platform.measure(whole) <= platform.text_limit
    return replace(reply, text=whole if fits else left_out, file=None)


def _command_in(inbound: Inbound) -> Command | None:
    match inbound.body:
        case Command() as command:
            return command
        case MessagePosted() as said:
            return bare_command(said)
        case _:
            return None


def _is_in(session: SessionRecord, place: ConversationRef) -> bool:
    """A channel takes all its threads with it; a thread only what talks in it."""
    if not place.thread_id:
        return session.place.channel == place
    return place in {session.place, session.talk}
