"""What queries are answered from, and a query as its answer sees it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from bot.commands.options import ChannelSettings
from bot.commands.parser import ParseError, Values
from bot.commands.policy import Workspace, role_of
from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef, Inbound, Person, Reply, Role
from bot.domain.errors import AvatarbotError
from bot.domain.provider import Capability
from bot.ports.provider import AvatarProvider, KnowledgeBases, Uploads
from bot.ports.storage.records import SessionRecord
from bot.ports.web import PublicFiles
from bot.queries.archive import StoredArchive
from bot.queries.watch_links import Links
from bot.runtime.accounts import Account
from bot.runtime.no_session import nobody_here
from bot.runtime.provider_catalog import WorkspaceCatalog
from bot.runtime.services import Services


@dataclass(frozen=True, slots=True)
class QueryContext:
    services: Services
    links: Links
    archive: StoredArchive
    files: PublicFiles | None = None
    """Tells how large documents are; without it nobody knows."""
    uploads_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an upload was begun."""


T = TypeVar("T")


class Declined(AvatarbotError):
    """A question that cannot be answered as asked; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """Who asks what, where, and what is there. `session` is the one of the place, or the one named."""

    context: QueryContext
    inbound: Inbound
    values: Values
    session: SessionRecord | None
    settings: ChannelSettings
    workspace: Workspace
    account: Account

    @property
    def place(self) -> ConversationRef:
        return self.inbound.place

    @property
    def person(self) -> Person:
        return self.inbound.person

    @property
    def role(self) -> Role:
        return role_of(self.person, self.session.starter_id if self.session else None)

    @property
    def now(self) -> datetime:
        return self.context.services.clock.now()

    @property
    def catalog(self) -> WorkspaceCatalog:
        """What the provider offers, as this workspace may see it."""
        return self.account.catalog.seen_from(self.place)

    @property
    def provider(self) -> AvatarProvider:
        return self.account.provider

    @property
    def knowledge_bases(self) -> KnowledgeBases:
        """Raises `Declined` where the provider has none."""
        return self._there(Capability.KNOWLEDGE, self.provider.capabilities.knowledge)

    @property
    def uploads(self) -> Uploads:
        """Raises `Declined` where the provider makes no avatars."""
        return self._there(Capability.UPLOADS, self.provider.capabilities.uploads)

    def _there(self, needed: Capability, found: T | None) -> T:
        if found is None:
            raise Declined(self.context.services.policy.offer.absent(needed))
        return found

    def text(self, name: str) -> str:
        """An option as text, empty when it was not given."""
        return str(self.values.get(name) or "")

    def number(self, name: str, usual: int) -> int:
        """A whole number, `usual` when it was not given."""
        return int(self.values.get(name, usual))  # type: ignore[arg-type] # the catalogue says that it is one

    @property
    def live(self) -> SessionRecord:
        """The session here. Raises `Declined` when there is none."""
        if self.session is None:
            raise Declined(nobody_here(self.person))
        return self.session


Answer = Callable[[Query], Awaitable[Reply]]


def understood(found: T | ParseError) -> T:
    """Options that make sense together. Raises `Declined`."""
    if isinstance(found, ParseError):
        raise Declined(found.sentence)
    return found


PRIVATE = "a private channel"
PRIVATE_THREAD = "a private thread"


async def channel_names(request: Query, channel_ids: Collection[str]) -> Mapping[str, str]:
    """What whoever asks may read, by id: channels of their workspace, and a private one's name only in that channel itself."""
    names = await asyncio.gather(*(channel_name(request, channel_id) for channel_id in channel_ids))
    return dict(zip(channel_ids, names, strict=True))


async def channel_name(request: Query, channel_id: str) -> str:
    here = request.place
    place = ConversationRef(here.platform, here.workspace_id, channel_id)
    return _named(await _known(request, place), place, here)


async def whereabouts(request: Query, session: SessionRecord) -> str:
    """Where a session is, seen from where somebody asks: `here`, or `in #lobby`."""
    here, there = request.place, session.place
    if _is_inside(here, session):
        return "here"
    known = await _known(request, there)
    if known.private_thread:
        return f"in {PRIVATE_THREAD}"
    return "here" if here.channel == there.channel else f"in {_named(known, there, here)}"


async def is_open_here(request: Query, session: SessionRecord) -> bool:
    """Whether what was said in a session may be seen where somebody asks.

    The one rule of privacy: what was said in a private thread, a private channel or a direct message is seen from inside it only.
    """
    here, there = request.place, session.place
    if _is_inside(here, session):
        return True
    known = await _known(request, there)
    return not known.private_thread and (here.channel == there.channel or not known.private)


def _is_inside(here: ConversationRef, session: SessionRecord) -> bool:
    return here in {session.place, session.talk}


async def _known(request: Query, place: ConversationRef) -> Channel:
    return await request.context.services.platform(place).channel(place)


def _named(channel: Channel, place: ConversationRef, here: ConversationRef) -> str:
    hidden = channel.private and place.channel != here.channel and channel != A_DIRECT_MESSAGE
    return PRIVATE if hidden else channel.name
