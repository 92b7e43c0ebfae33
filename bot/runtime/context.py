"""One live session in this process: what its tasks share."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from bot.commands.options import ChannelSettings
from bot.delivery.rate_limiter import RateLimiter
from bot.domain.conversations import MessageRef
from bot.domain.disclosure import Disclosure
from bot.domain.errors import AvatarbotError
from bot.domain.posts import Addressee, Opened
from bot.domain.sessions import NOTHING_KNOWN, EndReason, Mode, Outlook, SessionSpec, SessionStatus, Shown
from bot.media.events import Hears, MediaFanout, SessionView
from bot.ports.avatar import Avatar, HearingAvatar
from bot.ports.chat import ChatPlatform
from bot.ports.storage.records import SAY, USES, InboxRecord, Lease, Past, SessionRecord, VoicePlace
from bot.ports.storage.transactions import FencedWrites
from bot.ports.turn_traces import TurnMoment
from bot.ports.voice import VoiceAudience
from bot.ports.words import ProposedSpeech, Source
from bot.runtime.services import Cleared, Refusal, Services
from bot.runtime.turn_order import Attribution, WaitingRows
from bot.transcript.posts import Encounters

SPOKEN_REMEMBERED = 50
"""Utterances of people of which it is known that they come in as messages."""


class ThrownOut(AvatarbotError):
    """Another client joined under our uid: leave, and touch nothing at the provider."""

    def __init__(self) -> None:
        super().__init__("Somebody else took the avatar's room.", "uid taken by another client")


@dataclass(frozen=True, slots=True)
class Asleep:
    """The run ends and the session sleeps."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The run ends and another takes over what is open. With `hears_out` the turn in flight is heard to its end first."""

    hears_out: bool = False


Ending = EndReason | Asleep | HandedOver


@dataclass(slots=True)
class SessionContext:
    """The session's row as last written, the avatar in its room, and what waits for its tasks.

    Tasks read the fields; they write by the methods below, each of which says whose it is.
    """

    services: Services
    lease: Lease
    session: SessionRecord
    settings: ChannelSettings
    held_since: Callable[[float], bool]  # whether the lease certainly held since then, in the loop's time
    ending: asyncio.Future[Ending]
    media: MediaFanout
    avatar: Avatar | None = None
    provider_row: str = ""  # our id of the provider session that the avatar belongs to
    ends_at: datetime | None = None  # of the provider session; it is renewed unless `outlook` says otherwise
    outlook: Outlook = NOTHING_KNOWN
    live_since: datetime | None = None
    past: Past | None = None  # once it has ended
    active_at: datetime = field(init=False)  # when somebody last used it, and never ahead of our clock
    note: str = ""
    speaking: bool = False
    quiet: asyncio.Event = field(
        default_factory=asyncio.Event
    )  # cleared while somebody speaks aloud. Written by `VoiceInput`, as is the next
    spoken: deque[str] = field(
        default_factory=lambda: deque(maxlen=SPOKEN_REMEMBERED)
    )  # `mid`s of what people said aloud
    waiting: int = 0
    heard_by: VoiceAudience | None = None  # in a voice channel of its platform
    attribution: Attribution = field(default_factory=Attribution)
    encounters: Encounters = field(default_factory=Encounters)
    turn_lock: asyncio.Lock = field(
        default_factory=asyncio.Lock
    )  # held while a turn is in flight, and while rooms change
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # the avatar is in the room
    turns: WaitingRows = field(init=False)  # what is to be spoken
    controls: WaitingRows = field(init=False)  # what overtakes it
    card_wakeup: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.quiet.set()
        self.active_at = min(self.services.clock.now(), self.session.active_at)
        inbox, session_id = self.services.storage.inbox, self.session.id
        self.turns = WaitingRows(self._read_turns)
        self.controls = WaitingRows(lambda: inbox.waiting_controls(session_id))

    @property
    def platform(self) -> ChatPlatform:
        return self.services.platform(self.session.place)

    @property
    def limiter(self) -> RateLimiter:
        return self.services.limiters.of(self.session.place, self.platform.pace)

    @property
    def disclosure(self) -> Disclosure:
        """What says that the avatar is an AI, in the language that it speaks now."""
        return self.services.disclosures.of(self.session.spec.language)

    @property
    def log(self) -> structlog.stdlib.BoundLogger:
        return structlog.get_logger("bot.runtime").bind(session=self.session.id)  # type: ignore[no-any-return]

    # ------------------------------------------------------------ the avatar: written by `ProviderSessions`

    def activate(self, avatar: Avatar, provider_row: str, ends_at: datetime) -> Avatar | None:
        """From now on this one is talked to. Returns the one that was before."""
        old, self.avatar, self.provider_row, self.ends_at = self.avatar, avatar, provider_row, ends_at
        return old

    def deactivate(self) -> Avatar | None:
        """Nobody is talked to. Returns who was."""
        self.arrived.clear()
        old, self.avatar = self.avatar, None
        return old

    def end_by(self, moment: datetime) -> None:
        """The room cannot be used for longer than that: it is renewed before."""
        self.ends_at = min(self.ends_at or moment, moment)

    # ------------------------------------------------------------ its time

    def touch(self) -> None:
        """Somebody uses it: it stays awake."""
        self.active_at = self.services.clock.now()

    async def _read_turns(self) -> Sequence[InboxRecord]:
        """What waits to be spoken: whichever process took it in, it keeps the session awake from then on."""
        rows = await self.services.storage.inbox.waiting_turns(self.session.id)
        used = max((row.created_at for row in rows), default=self.active_at)
        self.active_at = max(self.active_at, min(used, self.services.clock.now()))
        return rows

    @property
    def idle_deadline(self) -> datetime:
        """When it has stayed awake for long enough without anybody."""
        return self.active_at + self.services.policy.limits.sleep_after

    @property
    def was_live(self) -> bool:
        return self.session.status in {SessionStatus.LIVE, SessionStatus.RECONNECTING}

    @property
    def is_forsaken(self) -> bool:
        """Whether it was live, and nobody has used it or been there for so long that it should be asleep."""
        return self.was_live and not self.attended and self.services.clock.now() >= self.idle_deadline

    def set_back(self, by: timedelta) -> None:
        """The clock was set back, and with it goes what was measured by it. Written by `LifecycleTimer`."""
        self.active_at -= by
        self.ends_at = self.ends_at and self.ends_at - by

    # ------------------------------------------------------------ its row, written before it is seen: all raise `LeaseLost`

    async def respecify(self, spec: SessionSpec) -> None:
        """The next provider session is created so. Written at the start, then by `Controls`."""
        async with self.fenced() as run:
            run.respecify(spec)
        self.session = replace(self.session, spec=spec)
        self.show()

    async def open_thread(self, opened: Opened) -> None:
        """The card is posted. Written at the start."""
        async with self.fenced() as run:
            run.open_thread(opened)
        self.session = replace(self.session, card=opened.card, thread=opened.thread)
        self.show()

    async def move_card(self, card: MessageRef) -> None:
        """Written by `StatusCard`."""
        async with self.fenced() as run:
            run.move_card(card)
        self.session = replace(self.session, card=card)

    async def charge(self, payer_id: str) -> None:
        """Somebody else pays for what comes, and uses it. Written by `Controls`."""
        async with self.fenced() as run:
            run.charge(payer_id)
        self.session = replace(self.session, payer_id=payer_id)
        self.touch()
        self.show("")

    async def stay_in_voice(self, voice: VoicePlace | None) -> None:
        """Where it is heard, also by a later run. Written by `VoicePresence`."""
        if voice != self.session.voice:
            async with self.fenced() as run:
                run.be_heard(voice)
            self.session = replace(self.session, voice=voice)

    def spend_reservation(self) -> None:
        """What the start reserved went over to a provider session. Written by `ProviderSessions`, which wrote down that session."""
        self.session = replace(self.session, reserved_s=0)

    async def become(self, status: SessionStatus, note: str = "", reason: EndReason | None = None) -> None:
        """Enter a state, in the database first, and show it. Who is live again has failed no more: that is written too."""
        lives_again = status is SessionStatus.LIVE and self.session.attempts > 0
        if status is not self.session.status or reason or lives_again:
            async with self.fenced() as run:
                run.become(status, reason)
            attempts = 0 if lives_again else self.session.attempts
            end_reason = reason or self.session.end_reason
            self.session = replace(self.session, status=status, end_reason=end_reason, attempts=attempts)
        if status is SessionStatus.LIVE and self.live_since is None:
            self.live_since = self.services.clock.now()
        self.show(note)

    async def survive(self) -> None:
        """Nobody dies of it: written once. Written by `LifecycleTimer`."""
        if self.session.deaths:
            async with self.fenced() as run:
                run.survived()
            self.session = replace(self.session, deaths=0)

    async def rest(self) -> None:
        """Fall asleep, or go on where somebody wrote meanwhile. Written by `Closing`."""
        async with self.fenced() as run:
            status = run.rest()
        self.session = replace(self.session, status=status.value)
        self.show("")

    def show_as_over(self, past: Past) -> None:
        """The card says so before the row does: after a crash nobody looks at what has ended. Written by `Closing`."""
        self.session, self.past = replace(self.session, status=SessionStatus.ENDED), past

    # ------------------------------------------------------------ its life

    def take_in(self, row: InboxRecord) -> None:
        """It was accepted for the session, and is handed over."""
        if row.verb in USES:
            self.touch()
        if row.verb == SAY:
            self.encounters.wrote(row.person_id)
            self.turns.put(row)
        else:
            self.controls.put(row)

    def look_again(self) -> None:
        """What waits may have changed, or something waits that nobody handed over."""
        self.encounters.doubt()
        self.turns.doubt()
        self.controls.doubt()

    def end(self, ending: Ending) -> None:
        """End the run; the first reason counts."""
        if not self.ending.done():
            self.ending.set_result(ending)

    @property
    def hurried(self) -> bool:
        """Whether the run ends because the service stops."""
        ended = self.ending.done() and not self.ending.cancelled() and self.ending.exception() is None
        return ended and self.ending.result() is EndReason.SHUTDOWN

    def fail(self, error: BaseException) -> None:
        if not self.ending.done():
            self.ending.set_exception(error)

    async def read_settings(self) -> None:
        """The channel's settings count as they are now, not as they were at the start. Raises `StoreUnavailable`."""
        self.settings = await self.services.storage.channels.settings(self.session.place)

    async def cleared(self, written: str, spoken: str, source: Source) -> Cleared | Refusal:
        """What is to be spoken, or why it must not be, by the settings as they were last read: a turn is claimed by the same."""
        speech = ProposedSpeech(written, spoken, self.session.place, source, self.settings.words)
        return await self.services.moderation.clear(speech)

    def fenced(self, *, unhurried: bool = False) -> AbstractAsyncContextManager[FencedWrites]:
        """What the run writes, in one transaction: `unhurried` what nobody waits for. Raises `LeaseLost` and `StoreUnavailable` when the
        block is left.
        """
        return self.services.storage.fenced(self.lease, self._written, unhurried=unhurried)

    def _written(self) -> None:
        self.services.written.notify(self.session.id)

    # ------------------------------------------------------------ what is shown of it

    def show(self, note: str | None = None) -> None:
        """Bring viewers and the card up to date."""
        if note is not None:
            self.note = note
        self.services.events.publish(self.session.id, self.view())
        self.card_wakeup.set()

    async def keep_shown(self) -> None:
        """Write down what is said of it, where that has changed: others are asked for it too. Written by `LifecycleTimer`."""
        shown = Shown(self.note, self.outlook)
        if shown != self.session.shown:
            async with self.fenced() as run:
                run.show(shown)
            self.session = replace(self.session, shown=shown)

    def show_outlook(self, outlook: Outlook) -> None:
        """Written by `LifecycleTimer`."""
        self.outlook = outlook
        self.show()

    def show_waiting(self, waiting: int) -> None:
        """How many messages wait. Written by `Turns`."""
        self.waiting = waiting
        self.show()

    def show_speaking(self, speaking: bool) -> None:
        """To viewers at once; the card does not say it. Written by `Turns`."""
        self.speaking = speaking
        self.services.events.publish(self.session.id, self.view())

    def be_heard_by(self, audience: VoiceAudience | None) -> None:
        """In a voice channel, or in none any more. The card names the channel. Written by `VoicePresence`."""
        before, self.heard_by = self.heard_by, audience
        if (before and before.channel_name) != (audience and audience.channel_name):
            self.show()

    @property
    def attended(self) -> bool:
        """Whether somebody watches, or listens in a voice channel."""
        listened_to = self.heard_by is not None and bool(self.heard_by.people)
        return listened_to or bool(self.services.events.watchers(self.session.id))

    def is_repetition(self, mid: str) -> bool:
        """Whether the avatar says under `mid` what stands in the channel already: in retelling, what somebody wrote."""
        return self.session.spec.mode is Mode.RETELLING and self.attribution.is_asked(mid)

    def is_spoken(self, mid: str) -> bool:
        """Whether somebody who had the floor said that aloud: then it comes in as a message of theirs."""
        return mid in self.spoken

    @property
    def hears(self) -> Hears:
        """How people can speak aloud to it. In retelling it would repeat them, and a language model of the team's own needs words."""
        spec, by_itself = self.session.spec, self.services.model is None
        if self.settings.listening == "mention":
            return Hears.NOTHING
        if spec.mode is not Mode.DIALOGUE or not by_itself:
            return Hears.WORDS
        return Hears.SOUND if self.avatar is None or isinstance(self.avatar, HearingAvatar) else Hears.WORDS

    def asked_by(self, mid: str) -> Addressee | None:
        """Whom the avatar answers under `mid`."""
        return self.attribution.asked_by(mid)

    def note_post(self, mid: str, *, whole: bool) -> None:
        """What the avatar says under `mid` stands in the thread."""
        times, turn = self.services.turn_times, self.attribution.turn_of(mid)
        times.mark(turn, TurnMoment.FIRST_POST)
        if whole:
            times.mark(turn, TurnMoment.FINAL_POST)

    def view(self) -> SessionView:
        spec = self.session.spec
        return SessionView(
            session_id=self.session.id,
            status=self.session.status,
            avatar_name=spec.avatar_name,
            picture=spec.avatar_picture,
            mode=spec.mode,
            note=self.note,
            ends=self.outlook.ends,
            ends_at=self.outlook.at,
            speaking=self.speaking,
            waiting=self.waiting,
            hears=self.hears,
        )
