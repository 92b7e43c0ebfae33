"""The core's surroundings, made once for all sessions, and moderation: the one way from what somebody wants said to the avatar."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NewType

import structlog

from bot.clock import Clock
from bot.commands.policy import Policy
from bot.delivery.rate_limiter import RateLimiters
from bot.domain.conversations import ConversationRef
from bot.domain.disclosure import Disclosures
from bot.media.events import SessionEvents, SessionWrites
from bot.ports.chat import ChatPlatform
from bot.ports.provider import AvatarProvider
from bot.ports.storage import Storage
from bot.ports.words import VERDICT_WITHIN_S, LanguageModel, Moderator, NoVerdict, ProposedSpeech, Unanswered
from bot.runtime.accounts import ProviderAccounts
from bot.runtime.funding import Funding
from bot.runtime.turn_times import TurnTimes
from bot.telemetry import Metrics

log = structlog.get_logger(__name__)

Cleared = NewType("Cleared", str)
"""What may be spoken: made by `Moderation.clear` alone, and by what says our own words."""

NOT_IN_TIME = "it could not be checked in time; please say it again"


@dataclass(frozen=True, slots=True)
class Refusal:
    """It must not be spoken, because of its words or, `unchecked`, for want of a verdict. `reason` follows a colon."""

    reason: str
    unchecked: bool = False


@dataclass(slots=True)
class Moderation:
    """Asks moderators in their order, within one budget of time. The first objection counts, whatever the others would say."""

    moderators: Sequence[Moderator] = ()
    unanswered: Unanswered = Unanswered.HOLD
    _silent: set[int] = field(default_factory=set)  # which of them gave no verdict the last time

    async def clear(self, speech: ProposedSpeech) -> Cleared | Refusal:
        """What is to be spoken, or why it must not be, within `VERDICT_WITHIN_S`. Logs none of the words."""
        deadline, silent = asyncio.get_running_loop().time() + VERDICT_WITHIN_S, False
        for index, moderator in enumerate(self.moderators):
            try:
                async with asyncio.timeout_at(deadline):
                    objection = await moderator.review(speech)
            except TimeoutError:
                silent = self._note(index, "too slow")
            except NoVerdict as error:
                silent = self._note(index, error.detail)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it has not said yes; its text may hold the words
                silent = self._note(index, type(error).__name__)
            else:
                self._silent.discard(index)
                if objection:
                    return Refusal(objection.reason)
        held = silent and self.unanswered is Unanswered.HOLD
        return Refusal(NOT_IN_TIME, unchecked=True) if held else Cleared(speech.spoken)

    def _note(self, index: int, reason: str) -> bool:
        """Once for each time that one falls silent."""
        if index not in self._silent:
            self._silent.add(index)
            name = type(self.moderators[index]).__name__
            log.warning("no verdict on what is to be said", moderator=name, reason=reason, then=self.unanswered.value)
        return True


@dataclass(frozen=True, slots=True)
class SessionTimeouts:
    """How sessions live; the defaults are the design's."""

    avatar_within: timedelta = timedelta(seconds=30)
    """After joining, until the avatar is in the room."""
    heard_within: timedelta = timedelta(seconds=8)
    """After a turn's last packet, until the avatar shows that it heard."""
    wake_within: timedelta = timedelta(days=1)
    renew_before: timedelta = timedelta(seconds=30)
    """Before a provider session ends, when the next one is prepared."""
    farewell: timedelta = timedelta(seconds=8)
    """How long the last posts of a session may take."""
    retention: timedelta = timedelta(days=30)
    """After a session's end, until what was said in it is forgotten."""
    account_is_ours: bool = False
    """Whether nothing else uses the provider's account, so that sessions nobody knows may be closed."""


@dataclass(frozen=True, slots=True)
class Services:
    """The core's surroundings: made once, in the composition root."""

    storage: Storage
    provider: AvatarProvider
    funding: Funding
    accounts: ProviderAccounts
    platforms: Mapping[str, ChatPlatform]
    policy: Policy
    clock: Clock
    events: SessionEvents
    limiters: RateLimiters
    metrics: Metrics
    turn_times: TurnTimes
    moderation: Moderation
    timeouts: SessionTimeouts = SessionTimeouts()
    model: LanguageModel | None = None
    disclosures: Disclosures = field(default_factory=Disclosures)
    written: SessionWrites = field(default_factory=SessionWrites)
    barge_in: bool = True
    """Whether the avatar is interrupted by whoever speaks aloud while it does."""
    replies_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody is to be told something."""

    def for_runs(self) -> "Services":
        """The same for runs of sessions, which wait for a storage that is away instead of leaving their rooms."""
        storage = self.storage.patient()
        return replace(self, storage=storage, accounts=self.accounts.on(storage))

    def platform(self, place: ConversationRef) -> ChatPlatform:
        """The platform of a place. Raises `KeyError` for one that does not run here."""
        return self.platforms[place.platform]
