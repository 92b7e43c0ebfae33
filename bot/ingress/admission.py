"""Who and what gets into the inbox: pure decisions on a batch, in the order in which it came."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from bot.commands.catalogue import CommandKind, Verb
from bot.commands.options import ChannelSettings, act_options, set_changes, start_options
from bot.commands.parser import ParseError, Values, bare_command, bare_word
from bot.commands.policy import Policy, Spent, Workspace, role_of
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Duplicate,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageRef,
    NoSession,
    Outcome,
    Question,
    Refused,
)
from bot.domain.provider import Use
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage.records import HEARD, SAY, USES, WITHDRAW, NewRow, SessionRecord
from bot.ports.storage.transactions import Admitted, EventKey, NewSession, Situation, WorkspaceKey
from bot.runtime.no_session import JUST_ENDED, already_here, has_ended, nobody_here, start_again
from bot.runtime.resolve import as_settings, specified

CLOSING = frozenset({SessionStatus.STOPPING, SessionStatus.ENDED})


Funded = Callable[[ConversationRef, bool | None], Workspace]
"""The workspace of a place, as the policy asks about it, by what the operator said of it."""


class Admission:
    """Admits one batch. What it admits counts at once for what comes after it."""

    def __init__(
        self,
        situation: Situation,
        policy: Policy,
        funded: Funded,
        new_id: Callable[[], str],
    ) -> None:
        self.admitted = Admitted(since=situation.now)
        self._situation = situation
        self._policy = policy
        self._funded = funded
        self._new_id = new_id
        self._known = set(situation.known)
        self._sessions: dict[str, SessionRecord] = {}
        self._in_channel: defaultdict[ConversationRef, set[str]] = defaultdict(set)
        for session in situation.sessions:
            self._know(session)
        self._waiting = Counter(situation.waiting)
        self._queues = Counter[str]()
        self._authors = Counter[str]()
        for (session_id, _), messages in situation.waiting.items():
            self._queues[session_id] += messages
            self._authors[session_id] += 1
        self._running = Counter(situation.running)

    def _know(self, session: SessionRecord) -> None:
        self._sessions[session.id] = session
        self._in_channel[session.place.channel].add(session.id)

    def admit(self, inbound: Inbound) -> Outcome:
        place = inbound.place
        event = (place.platform, place.workspace_id, inbound.event_id)
        outcome = self._before(event) or self._decide(inbound)
        if isinstance(outcome, Accepted):
            self._known.add(event)
        self.admitted.outcomes.append(outcome)
        return outcome

    def _before(self, event: EventKey) -> Duplicate | None:
        if event in self._known:
            return Duplicate()
        return Duplicate(over=False) if event in self._situation.answering else None

    def _decide(self, inbound: Inbound) -> Outcome:
        match inbound.body:
            case MessageEdited(text=text):
                too_long = len(text) > self._policy.limits.characters
                if not too_long and not self._policy.may_write(text):  # else it is spoken as it was
                    self.admitted.edits.append(inbound.body)
                return Question()
            case MessageDeleted(message):
                self._withdraw(inbound, message)
                return Question()
            case MessagePosted() as said:
                return self._hear(inbound, said)
            case command:
                return self._obey(inbound, command)

    def _withdraw(self, inbound: Inbound, message: MessageRef) -> None:
        """What waits is taken out at once; what is being said already is for whoever says it."""
        self.admitted.withdrawals.append(message)
        for session in self._around(inbound.place):
            if session.status not in {*CLOSING, SessionStatus.SLEEPING}:
                told = replace(inbound, event_id=f"withdraw-{self._new_id()}", reply_to=None)
                self._take(told, session, WITHDRAW, {"message": message.message_id}, None)

    # ------------------------------------------------------------ what is said

    def _hear(self, inbound: Inbound, said: MessagePosted) -> Outcome:
        session = self._session_for(inbound.place)
        talks_here = session is not None and inbound.place == session.talk
        if not said.heard and (command := bare_command(said, in_conversation=talks_here)):
            return self._obey(inbound, command)
        if session is None:
            return self._hear_for_nobody(inbound, said)
        if not self._listens(session, inbound.place, said):
            return NoSession(nobody_here(inbound.person))
        return self._say(inbound, session, said)

    def _hear_for_nobody(self, inbound: Inbound, said: MessagePosted) -> Outcome:
        """Where a session has ended, whoever writes asks for it."""
        refused = self._policy.may_write(said.text) if said.mentioned else None
        if refused := refused or self._leaving(inbound.place):
            return refused
        ended = self._ended(inbound.place, said)
        if ended is None:
            return NoSession(nobody_here(inbound.person))
        if bare_word(said) == "start":
            return self._obey(inbound, start_again(ended))
        return Question(ended.id) if said.message else NoSession(has_ended(ended))

    def _ended(self, place: ConversationRef, said: MessagePosted) -> SessionRecord | None:
        """The session that a message was still meant for: that of its thread, or one that has just ended."""
        ended = self._situation.ended.get(place)
        if ended is None or not self._listens(ended, place, said):
            return None
        own = place == ended.talk and (place.thread_id or said.direct)
        return ended if own or (ended.ended_at and self._situation.now - ended.ended_at < JUST_ENDED) else None

    def _listens(self, session: SessionRecord, place: ConversationRef, said: MessagePosted) -> bool:
        listening = self._settings(place).listening
        if said.mentioned:
            return True
        return listening == "channel" or (listening == "thread" and place == session.talk)

    def _say(self, inbound: Inbound, session: SessionRecord, said: MessagePosted) -> Outcome:
        role = role_of(inbound.person, session.starter_id)
        mine = self._waiting[session.id, inbound.person.id]
        queue, authors = self._queues[session.id], self._authors[session.id]
        refused = self._policy.may_say(role, said.text, waiting=queue, authors=authors, waiting_of_person=mine)
        if refused:
            return refused
        if session.status is SessionStatus.SLEEPING and (refused := self._wake(inbound, session)):
            return refused
        self._waiting[session.id, inbound.person.id] += 1
        self._authors[session.id] += not mine
        self._queues[session.id] += 1
        body = {"text": said.text, "via": said.via} | ({HEARD: said.heard} if said.heard else {})
        return self._take(inbound, session, SAY, body, said.message)

    def _wake(self, inbound: Inbound, session: SessionRecord) -> Refused | None:
        refused = self._may_start(inbound)
        if refused is None:
            minutes = self._policy.minutes(session.spec.minutes, self._spent(inbound))
            self.admitted.wakes[session.id] = (inbound.person.id, minutes * 60)
            self._sessions[session.id] = replace(session, status=SessionStatus.STARTING)
            self._running[_workspace(inbound.place)] += 1
        return refused

    # ------------------------------------------------------------ commands

    def _obey(self, inbound: Inbound, command: Command) -> Outcome:
        verb = CATALOGUE.verb(command.verb)
        if verb is None or verb.kind is CommandKind.QUESTION:
            return Question()
        values = self._policy.may_call(inbound.person, verb.name) or understood(self._policy, verb, command.options)
        if isinstance(values, Refused | ParseError):
            return Refused(values.sentence)
        command = Command(verb.name, {name: text for name, text in command.options.items() if text.strip()})
        if command.verb == "start":
            return self._start(inbound, values, command)
        wanted = command.options.get("session", "")
        session = self._named(wanted, inbound.place) if wanted else self._session_for(inbound.place)
        if session is None:
            nowhere = f"No session “{wanted}” is live in this workspace." if wanted else nobody_here(inbound.person)
            return self._leaving(inbound.place) or NoSession(nowhere)
        if command.verb == SAY:
            return self._say(inbound, session, MessagePosted(command.options.get("text", "")))
        return self._control(inbound, session, verb, command)

    def _control(self, inbound: Inbound, session: SessionRecord, verb: Verb, command: Command) -> Outcome:
        refused = self._policy.may(verb.name, role_of(inbound.person, session.starter_id), self._funding(inbound.place))
        if refused:
            return refused
        if verb.asks_back(command.options):
            return Question()
        if session.status is SessionStatus.SLEEPING:
            if command.verb != "stop":
                return Refused("The avatar is asleep. Write to it to wake it.")
            self.admitted.ends[session.id] = EndReason.STOPPED
            del self._sessions[session.id]
        if command.verb == "extend" and (refused := self._may_extend(inbound)):
            return refused
        return self._take(inbound, session, command.verb, dict(command.options), None)

    def _start(self, inbound: Inbound, values: Values, command: Command) -> Outcome:
        """Where it was typed; a session that is started again, where the earlier one was."""
        if wanted := command.options.get("again"):
            earlier = self._situation.earlier.get(wanted)
            if earlier is None or earlier.place.channel != inbound.place.channel:
                return Refused(f"No session “{wanted}” of this channel is kept. Start one with /avatar start.")
            return self._start_at(replace(inbound, place=earlier.place), values, command, as_settings(earlier.spec))
        return self._start_at(inbound, values, command, self._settings(inbound.place))

    def _start_at(self, inbound: Inbound, values: Values, command: Command, settings: ChannelSettings) -> Outcome:
        if leaving := self._leaving(inbound.place):
            return leaving
        there = self._session_for(inbound.place)
        if there and there.status is not SessionStatus.SLEEPING:
            return Refused(already_here(there, inbound.person))
        if refused := self._may_start(inbound):
            return refused
        spec = specified(start_options(values), settings)
        spec = replace(spec, minutes=self._policy.minutes(spec.minutes or None, self._spent(inbound)))
        if there:
            self.admitted.ends[there.id] = EndReason.REPLACED
            del self._sessions[there.id]
        new = NewSession(self._new_id(), inbound.place, inbound.person.id, inbound.person.name, spec)
        self.admitted.starts.append(new)
        session = starting(new, self._situation.now)
        self._know(session)
        self._running[_workspace(inbound.place)] += 1
        return self._take(inbound, session, "start", dict(command.options), None)

    def _may_start(self, inbound: Inbound) -> Refused | None:
        place = inbound.place
        return self._policy.may_start(
            inbound.person, self._funding(place), allow=self._settings(place).allow, spent=self._spent(inbound)
        )

    def _may_extend(self, inbound: Inbound) -> Refused | None:
        place = inbound.place
        return self._policy.may_extend(
            inbound.person, self._funding(place), allow=self._settings(place).allow, spent=self._spent(inbound)
        )

    def _funding(self, place: ConversationRef) -> Workspace:
        """A workspace that was not looked up is not funded."""
        return self._funded(place, self._situation.allowed.get(_workspace(place), False))

    def _spent(self, inbound: Inbound) -> Spent:
        """What the person has used today, what this batch has just reserved for them included."""
        key = (inbound.place.platform, inbound.place.workspace_id, inbound.person.id)
        reserved = sum(
            new.spec.minutes * 60
            for new in self.admitted.starts
            if (new.place.platform, new.place.workspace_id, new.starter_id) == key
        )
        reserved += sum(seconds for payer, seconds in self.admitted.wakes.values() if payer == inbound.person.id)
        use = self._situation.used.get(key, Use()) + Use(held=reserved)
        return Spent(
            person_minutes=(use.used + use.held) / 60,
            held_minutes=use.held / 60,
            sessions=self._running[_workspace(inbound.place)],
            account_sessions=self._on_the_account(_workspace(inbound.place)),
            sessions_in_all=self._running.total(),
            allowed_minutes=inbound.person.allowance.minutes_per_day if inbound.person.allowance else None,
        )

    def _on_the_account(self, workspace: WorkspaceKey) -> int:
        """Sessions on the operator's account, as far as this workspace has to do with it."""
        own = self._situation.own_accounts
        return 0 if workspace in own else sum(count for each, count in self._running.items() if each not in own)

    # ------------------------------------------------------------ which session

    def _session_for(self, place: ConversationRef) -> SessionRecord | None:
        """By thread first, then by place."""
        live = [session for session in self._around(place) if session.status not in CLOSING]
        by_thread = (session for session in live if session.thread == place)
        by_place = (session for session in live if session.place == place)
        return next(by_thread, None) or next(by_place, None)

    def _around(self, place: ConversationRef) -> list[SessionRecord]:
        """The sessions of its channel."""
        return [self._sessions[id_] for id_ in self._in_channel[place.channel] if id_ in self._sessions]

    def _leaving(self, place: ConversationRef) -> Refused | None:
        """A session that ends at the moment still holds its place, and hears nothing any more."""
        for session in self._around(place):
            if session.status is SessionStatus.STOPPING and place in {session.place, session.talk}:
                return Refused(f"{session.spec.avatar_name or 'The avatar'} is just leaving. Try again in a moment.")
        return None

    def _named(self, wanted: str, place: ConversationRef) -> SessionRecord | None:
        """A session of the same workspace, by its id."""
        session = self._sessions.get(wanted)
        if session is None or session.status in CLOSING:
            return None
        there = session.place
        same = (there.platform, there.workspace_id) == (place.platform, place.workspace_id)
        return session if same else None

    def _settings(self, place: ConversationRef) -> ChannelSettings:
        return self._situation.settings.get(place.channel, ChannelSettings())

    def _take(
        self, inbound: Inbound, session: SessionRecord, verb: str, body: Mapping[str, str], message: MessageRef | None
    ) -> Accepted:
        role = role_of(inbound.person, session.starter_id)
        row = NewRow(body.get(HEARD) or self._new_id(), session.id, inbound, verb, body, message, role)
        self.admitted.rows.append(row)
        if verb in USES:
            self.admitted.used.add(session.id)
        return Accepted(row.id, session.id)


def _workspace(place: ConversationRef) -> tuple[str, str]:
    return place.platform, place.workspace_id


def understood(policy: Policy, verb: Verb, options: Mapping[str, str]) -> Values | ParseError:
    """The values of a command, if all of it makes sense here."""
    values = policy.values(verb, options)
    if isinstance(values, ParseError) or verb.name not in _BUILDERS:
        return values
    built = _BUILDERS[verb.name](values)
    return built if isinstance(built, ParseError) else values


_BUILDERS: Mapping[str, Callable[[Values], object]] = {"set": set_changes, "act": act_options}


def starting(new: NewSession, now: datetime) -> SessionRecord:
    """A session as it will be read back once it is written."""
    return SessionRecord(
        id=new.id,
        place=new.place,
        thread=None,
        card=None,
        status=SessionStatus.STARTING,
        end_reason=None,
        worker_id="",
        epoch=0,
        attempts=0,
        starter_id=new.starter_id,
        starter_name=new.starter_name,
        payer_id=new.starter_id,
        spec=new.spec,
        reserved_s=new.spec.minutes * 60,
        created_at=now,
        active_at=now,
        slept_at=None,
        ended_at=None,
    )
