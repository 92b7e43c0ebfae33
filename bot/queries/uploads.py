"""Avatars made from videos, and how large what somebody gives the address of is."""

import asyncio
from collections.abc import Sequence

from bot.clock import new_id
from bot.domain.conversations import Consent, Reply
from bot.domain.errors import ProviderError
from bot.ports.provider import Upload, UploadState
from bot.queries.context import Declined, Query


async def sizes_of(request: Query, urls: Sequence[str]) -> Sequence[int | None]:
    """Bytes of each, None where nobody tells. Raises `NotPublic` for what is not on the internet."""
    files = request.context.files
    return await asyncio.gather(*(files.size(url) for url in urls)) if files else [None] * len(urls)


def megabytes(size: int) -> str:
    return f"{-(-size // 1_048_576)} MB"


async def upload(request: Query) -> Reply:
    """The row comes before the call: what was begun is followed, whatever happens to this process."""
    services, name = request.context.services, request.text("name")
    consent = _consent(request)
    await _check_size(request)
    wanted = Upload("".join(filter(str.isalnum, new_id())), "", name, UploadState.QUEUEING)
    await services.storage.uploads.add(wanted, request.place, request.inbound.reply_to, consent)
    try:
        begun = await request.uploads.upload(request.text("url"), wanted.avatar_id, name)
    except ProviderError as error:
        if error.certain:
            await services.storage.uploads.take_back(wanted.avatar_id)
            raise
    else:
        await services.storage.uploads.follow(wanted.avatar_id, begun)
    request.context.uploads_due.set()
    provider, days = request.provider.name, request.uploads.upload_limits.kept_days
    return Reply(
        f"{provider} makes an avatar of your video, which takes a while; a message here shows how far {name} is. "
        f"{provider} keeps what it generates for {days} days, so keep the video."
    )


async def named_for_question(request: Query) -> str:
    """The avatar that is to be made. Raises `Declined` for whoever cannot say that the person shown agreed."""
    _consent(request)
    return request.text("name")


def _consent(request: Query) -> Consent:
    """Of the person shown, as whoever asks says. Raises `Declined` for a bot and a program."""
    if not request.person.human:
        raise Declined("Only a person can say that the person in the video agreed: somebody has to upload it by hand.")
    return Consent(request.person.id, request.person.name, request.now)


async def _check_size(request: Query) -> None:
    """Raises `Declined` for a video that the provider would not take. Where nobody tells its size, the provider finds out."""
    most = request.uploads.upload_limits.video_bytes
    (size,) = await sizes_of(request, [request.text("url")])
    if size and size > most:
        raise Declined(
            f"The video is too large: {request.provider.name} takes {megabytes(most)}, not {megabytes(size)}. "
            "About a minute of one person is enough."
        )
