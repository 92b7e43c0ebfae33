"""Channels by the names that people know them by."""

import asyncio
from collections.abc import Collection, Mapping

from bot.answers.request import Request
from bot.model import Place

PRIVATE = "a private channel"


async def channel_names(request: Request, channel_ids: Collection[str]) -> Mapping[str, str]:
    """What whoever asks may read, by id: channels of their workspace, and a private one's name only in that channel itself."""
    names = await asyncio.gather(*(channel_name(request, channel_id) for channel_id in channel_ids))
    return dict(zip(channel_ids, names, strict=True))


async def channel_name(request: Request, channel_id: str) -> str:
    here = request.place
    place = Place(here.platform, here.workspace_id, channel_id)
    channel = await request.desk.house.platform(place).channel(place)
    return PRIVATE if channel.private and place != here.channel else channel.name
