"""Operations that need more than the database."""

from bot.errors import SettingsError
from bot.main.store import open_store
from bot.transcript.archive import StoredArchive


async def export_transcript(session_id: str, kind: str) -> bytes:
    """`avatarbot transcript`. Raises `SettingsError` for a session that is not kept."""
    async with open_store() as store:
        file = await StoredArchive(store).export(session_id, kind)
    if file is None:
        raise SettingsError(f"There is no session {session_id}; `avatarbot sessions list` shows those that run.")
    return file.content
