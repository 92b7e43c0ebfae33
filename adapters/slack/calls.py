"""Calls of the Web API as the bot of one workspace."""

from collections.abc import Mapping
from typing import Any

from adapters.slack.client import Answer, WebApi
from adapters.slack.installations import Installations
from bot.domain.conversations import ConversationRef
from bot.domain.replies import File

ALT_LIMIT = 1_000


class WorkspaceCalls:
    """Fetches the token for each call: a session outlives one that is rotated. Raises as `WebApi.call`."""

    def __init__(self, web: WebApi, installations: Installations) -> None:
        self.web = web
        self._installations = installations

    async def __call__(self, place: ConversationRef, method: str, **arguments: Any) -> Answer:
        installed = await self._installations.find(place.workspace_id)
        return await self.web.call(installed.token, method, **arguments)

    async def upload(self, place: ConversationRef, file: File) -> None:
        """Post a file in a place."""
        slot = await self(place, "files.getUploadURLExternal", **_described(file))
        await self.web.upload(str(slot["upload_url"]), file.content)
        await self(
            place,
            "files.completeUploadExternal",
            files=[{"id": slot["file_id"], "title": file.name}],
            channel_id=place.channel_id,
            thread_ts=place.thread_id or None,
        )


def _described(file: File) -> Mapping[str, Any]:
    alt = {"alt_txt": file.alt[:ALT_LIMIT]} if file.alt else {}
    return {"filename": file.name, "length": len(file.content), **alt}
