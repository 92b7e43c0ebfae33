"""What every session needs around it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.funding import Funding
from bot.model import Place
from bot.offers import Offers
from bot.policy import Policy
from bot.ports.chat import ChatPlatform
from bot.ports.clock import Clock
from bot.ports.language import LanguageModel
from bot.ports.provider import AvatarProvider
from bot.session.feed import Feed
from bot.store.engine import Store
from bot.telemetry import Metrics
from bot.transcript.pacer import Pacers


@dataclass(frozen=True, slots=True)
class Habits:
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
class House:
    """The core's surroundings: made once, in the composition root."""

    store: Store
    provider: AvatarProvider
    funding: Funding
    offers: Offers
    platforms: Mapping[str, ChatPlatform]
    policy: Policy
    clock: Clock
    feed: Feed
    pacers: Pacers
    metrics: Metrics
    habits: Habits = Habits()
    model: LanguageModel | None = None
    replies_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Rung when somebody is to be told something."""

    def platform(self, place: Place) -> ChatPlatform:
        """The platform of a place. Raises `KeyError` for one that does not run here."""
        return self.platforms[place.platform]
