"""Avatars of the team's own, made from videos."""

from sqlalchemy import Connection

from bot.domain.errors import ProviderError
from bot.domain.identity import new_id
from bot.domain.replies import Reply
from bot.ports.provider import Upload, UploadState
from bot.queries.context import Declined, Query
from bot.queries.file_sizes import megabytes, sizes_of
from bot.storage import ownership, uploads
from bot.storage.ownership import OwnedKind


async def upload(request: Query) -> Reply:
    """The row comes before the call: what was begun is followed, whatever happens to this process."""
    services, name = request.context.services, request.text("name")
    await _check_size(request)
    wanted = Upload("".join(filter(str.isalnum, new_id())), "", name, UploadState.QUEUEING)
    await _note(request, wanted)
    try:
        begun = await request.uploads.upload(request.text("url"), wanted.avatar_id, name)
    except ProviderError as error:
        if error.certain:
            await _take_back(request, wanted)
            raise
    else:
        await services.store.write(lambda c: uploads.follow(c, wanted.avatar_id, begun))
    request.context.uploads_due.set()
    provider, days = request.provider.name, request.uploads.upload_limits.kept_days
    return Reply(
        f"{provider} makes an avatar of your video, which takes a while; a message here shows how far {name} is. "
        f"{provider} keeps what it generates for {days} days, so keep the video."
    )


async def _check_size(request: Query) -> None:
    """Raises `Declined` for a video that the provider would not take. Where nobody tells its size, the provider finds out."""
    most = request.uploads.upload_limits.video_bytes
    (size,) = await sizes_of(request, [request.text("url")])
    if size and size > most:
        raise Declined(
            f"The video is too large: {request.provider.name} takes {megabytes(most)}, not {megabytes(size)}. "
            "About a minute of one person is enough."
        )


async def _note(request: Query, wanted: Upload) -> None:
    """It is written down, and belongs to this workspace."""
    store = request.context.services.store

    def work(connection: Connection) -> None:
        reply_to, now = request.inbound.reply_to, request.now
        uploads.add(connection, store.cipher, wanted, request.place, reply_to, now)
        ownership.add(connection, OwnedKind.AVATAR, wanted.avatar_id, request.place)

    await store.write(work)


async def _take_back(request: Query, wanted: Upload) -> None:
    def work(connection: Connection) -> None:
        uploads.remove(connection, wanted.avatar_id)
        ownership.remove(connection, OwnedKind.AVATAR, wanted.avatar_id)

    await request.context.services.store.write(work)
