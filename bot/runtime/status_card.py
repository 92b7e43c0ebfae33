"""The card of a session: always the newest state, never faster than the platform allows."""

import asyncio
from datetime import datetime, timedelta

import structlog

from bot.delivery.rate_limiter import Priority
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.disclosure import Disclosure
from bot.domain.errors import PlatformError, StoreUnavailable, Throttled
from bot.domain.posts import Card, CardAction
from bot.domain.sessions import NOTHING_KNOWN, EndReason, Outlook, SessionSpec, SessionStatus
from bot.ports.chat import ChatPlatform
from bot.ports.storage.records import Past, SessionRecord
from bot.runtime.context import SessionContext
from bot.runtime.services import Services

log = structlog.get_logger(__name__)

LIVE = frozenset({SessionStatus.STARTING, SessionStatus.LIVE, SessionStatus.RECONNECTING})
NEVER_AGAIN = frozenset({EndReason.PLACE_GONE, EndReason.NOT_ALLOWED})
"""Ends after which nothing can be started where the card is."""

WORTH_A_POST = frozenset({SessionStatus.LIVE, SessionStatus.SLEEPING, SessionStatus.ENDED})
"""States that are told in a new message, where the card cannot be changed."""

LIVE_ACTIONS = (CardAction.WATCH, CardAction.INTERRUPT, CardAction.EXTEND, CardAction.STOP)

ENDINGS = {
    EndReason.STOPPED: "Stopped.",
    EndReason.EXPIRED: "Its time was up.",
    EndReason.IDLE: "Nobody talked to it any more.",
    EndReason.BUDGET: "The minutes for today are used up.",
    EndReason.NOT_ALLOWED: "Avatars are no longer allowed in this workspace.",
    EndReason.REFUSED: "It could not be started.",
    EndReason.NO_AVATAR: "The avatar did not come. Please start it again.",
    EndReason.PROVIDER: "It could not be hosted at the moment. Please start it again.",
    EndReason.THROWN_OUT: "Somebody else took its room. Please start it again.",
    EndReason.PLACE_GONE: "Its channel is gone.",
    EndReason.SHUTDOWN: "Avatarbot was shut down. Start it again when it is back.",
    EndReason.REPLACED: "Another one was started here.",
    EndReason.ERROR: "Something went wrong on our side. Please start it again.",
}
"""What the card says of each end."""

WORTH_SHOWING = 2
"""Messages that wait: a single one is answered next, and an edit for each would take half of what a platform allows."""

NOTES = {
    SessionStatus.STARTING: "The avatar is on its way …",
    SessionStatus.LIVE: "Write in the thread to talk with it.",
    SessionStatus.RECONNECTING: "Reconnecting …",
    SessionStatus.STOPPING: "Saying goodbye …",
    SessionStatus.SLEEPING: "Asleep, and costs nothing. Write in the thread to wake it.",
    SessionStatus.ENDED: "Ended.",
}


WRITE_HERE = {
    SessionStatus.LIVE: "Write here to talk with it.",
    SessionStatus.SLEEPING: "Asleep, and costs nothing. Write here to wake it.",
}
"""Where the talk goes on beside the card and not below it: in a direct message, a forum's post, a thread."""


def card_of(
    session: SessionRecord,
    disclosure: Disclosure,
    note: str = "",
    *,
    outlook: Outlook = NOTHING_KNOWN,
    waiting: int = 0,
    live_since: datetime | None = None,
    past: Past | None = None,
    kept: str = "",
    heard_in: str = "",
) -> Card:
    """The card of a session as it stands. What a run knows of it is `outlook` and `live_since`; of an ended one there is its `past`.
    `disclosure` and `kept` are the same in every state. `heard_in` is the name of the voice channel that it is in.
    """
    status = session.status
    live, ended = status in LIVE, status is SessionStatus.ENDED
    return Card(
        session_id=session.id,
        avatar_name=session.spec.avatar_name,
        picture=session.spec.avatar_picture,
        status=status,
        mode=session.spec.mode,
        starter_name=session.starter_name,
        note=(_ending(session, past) if ended else "") or note or _note(session),
        disclosure=disclosure,
        ends=outlook.ends if live else "",
        ends_at=outlook.at if live else None,
        live_since=live_since if live else None,
        waiting=waiting if waiting >= WORTH_SHOWING else 0,
        actions=_actions(session, past),
        traits=() if ended else (*_traits(session.spec), *filter(None, [heard_in and f"heard in {heard_in}"])),
        facts=_facts(past) if past and ended else (),
        kept=kept,
    )


def _facts(past: Past) -> tuple[str, ...]:
    """In a few words each; what is nothing is left out."""
    minutes = round(past.seconds / 60)
    lasted = "Live for less than a minute" if minutes < 1 else f"Live for {minutes} min"
    said = "1 message" if past.messages == 1 else f"{past.messages:,} messages"
    return tuple(fact for fact, true in ((lasted, past.seconds), (said, past.messages)) if true)


def _note(session: SessionRecord) -> str:
    here = WRITE_HERE if session.talk == session.place else NOTES
    return here.get(session.status) or NOTES[session.status]


def _ending(session: SessionRecord, past: Past | None) -> str:
    if session.end_reason is EndReason.STOPPED and past and past.stopped_by:
        return f"Stopped by {past.stopped_by}."
    return ENDINGS.get(session.end_reason, "") if session.end_reason else ""


def _actions(session: SessionRecord, past: Past | None) -> tuple[CardAction, ...]:
    if session.status in LIVE:
        return LIVE_ACTIONS
    if session.status is SessionStatus.SLEEPING:
        return (CardAction.STOP,)
    if session.status is SessionStatus.STOPPING or session.end_reason in NEVER_AGAIN:
        return ()
    return (CardAction.TRANSCRIPT, CardAction.START_AGAIN) if past and past.messages else (CardAction.START_AGAIN,)


def _traits(spec: SessionSpec) -> tuple[str, ...]:
    """What is not the default, in a few words each."""
    voice = spec.voice
    words = (
        spec.language_name,
        f"voice {spec.voice_name or 'of your own'}" if spec.voice_id else "",
        "a voice by URL" if spec.voice_url else "",
        f"speed {voice.speed:g}" if voice.speed else "",
        "a background" if spec.background_url else "",
        "own pronunciation" if voice.pronunciation else "",
        "own hearing" if voice.stt_language or voice.stt_type or voice.turn_detection else "",
    )
    return tuple(filter(None, words))


async def show_card(platform: ChatPlatform, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
    """Where the card stands now: changed in its message, or posted anew where messages cannot be changed."""
    if edits := platform.features.edits:
        return await edits.update_card(card_ref, thread, card)
    return (await platform.post_card(thread, card)).card


class StatusCard:
    """`run` keeps the session's card up to date, until cancelled."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._shown: Card | None = None
        self._posted = context.session.status  # when a card was posted last, where it cannot be changed

    def card(self) -> Card:
        context = self._context
        return card_of(
            context.session,
            context.disclosure,
            context.note,
            outlook=context.outlook,
            waiting=context.waiting,
            live_since=context.live_since,
            past=context.past,
            kept=what_is_kept(context.services.timeouts.retention),
            heard_in=context.heard_by.channel_name if context.heard_by else "",
        )

    async def run(self) -> None:
        """Keep the card up to date until cancelled. Raises `PlaceGone` and `LeaseLost`."""
        while True:
            await self._context.card_wakeup.wait()
            self._context.card_wakeup.clear()
            await self.show()

    async def show(self) -> None:
        """Show the card as it is now, if that is news. What fails for the moment is tried again with the next change."""
        context = self._context
        if context.session.card is None or context.session.thread is None or not self._is_news(self.card()):
            return
        budget = context.limiter.edits if context.platform.features.edits else context.limiter
        await budget.turn(Priority.CARD)
        card = self.card()  # the newest: time has passed
        try:
            moved = await show_card(context.platform, context.session.card, context.session.thread, card)
        except Throttled as throttled:
            budget.throttled(throttled.retry_after)
            context.card_wakeup.set()
        except PlatformError as error:
            if error.final:
                raise
            context.log.info("card not shown", reason=error.detail)
        else:
            self._shown, self._posted = card, card.status
            if moved != context.session.card:
                await context.move_card(moved)

    def _is_news(self, card: Card) -> bool:
        """Whether it is worth a change, or a message of its own where nothing can be changed."""
        if self._context.platform.features.edits:
            return card != self._shown
        return card.status in WORTH_A_POST and card.status is not self._posted


class EndedCards:
    """`run` updates cards until cancelled; `note` says which card is to be shown as ended."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._due: asyncio.Queue[str] = asyncio.Queue()

    def note(self, session_id: str) -> None:
        """Its session has ended, and no run shows that."""
        self._due.put_nowait(session_id)

    async def run(self) -> None:
        """Show what is due until cancelled."""
        while True:
            session_id = await self._due.get()
            try:
                await self._show(session_id)
            except (PlatformError, StoreUnavailable) as error:
                log.info("the card of an ended session is not shown", session=session_id, reason=error.detail)

    async def _show(self, session_id: str) -> None:
        """Raises `PlatformError`, and then nobody sees it, and `StoreUnavailable`."""
        services, sessions = self._services, self._services.storage.sessions
        session = await sessions.get(session_id)
        platform = services.platforms.get(session.place.platform) if session else None
        if session is None or session.card is None or platform is None:
            return
        past = await sessions.past(session_id)
        await services.limiters.of(session.place, platform.pace).turn(Priority.CARD)
        disclosure, kept = services.disclosures.of(session.spec.language), what_is_kept(services.timeouts.retention)
        await show_card(platform, session.card, session.talk, card_of(session, disclosure, past=past, kept=kept))


def what_is_kept(retention: timedelta) -> str:
    """What is written down, for how long, and how to have one's own taken out: on every card."""
    days = "a day" if retention.days == 1 else f"{retention.days} days"
    return f"What is said here is written down and kept for {days}. Your words go at once with /avatar forget me."
