"""Where sessions are, as far as whoever asks may know it."""

import asyncio
from collections.abc import Collection, Mapping

from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef
from bot.ports.storage.records import SessionRecord
from bot.queries.context import Query

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
