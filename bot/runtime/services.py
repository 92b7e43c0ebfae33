"""What every session needs around it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.clock import Clock
from bot.commands.policy import Policy
from bot.delivery.rate_limiter import RateLimiters
from bot.domain.conversations import ConversationRef
from bot.domain.disclosure import Disclosures
from bot.media.events import SessionEvents
from bot.ports.chat import ChatPlatform
from bot.ports.provider import AvatarProvider
from bot.ports.storage import Storage
from bot.ports.words import LanguageModel
from bot.runtime.accounts import ProviderAccounts
from bot.runtime.funding import Funding
from bot.runtime.moderation import Moderation
from bot.telemetry import Metrics


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
    moderation: Moderation
    timeouts: SessionTimeouts = SessionTimeouts()
    model: LanguageModel | None = None
    disclosures: Disclosures = field(default_factory=Disclosures)
    replies_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody is to be told something."""

    def platform(self, place: ConversationRef) -> ChatPlatform:
        """The platform of a place. Raises `KeyError` for one that does not run here."""
        return self.platforms[place.platform]
