"""What the viewer reads of a session beside its events: what was said before somebody came to watch."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.conversations import File
from bot.domain.disclosure import Disclosure
from bot.media.events import Caption, SessionView

FORMATS = ("md", "json", "vtt", "srt")


class Archive(Protocol):
    """The transcript as it is stored, while a session runs and after."""

    async def disclosure(self, session_id: str) -> Disclosure:
        """What says that the avatar is an AI, in the session's language; in English of a session that is not kept any more."""
        ...

    async def view(self, session_id: str) -> SessionView | None:
        """A session that does not run in this process, as it stands."""
        ...

    async def captions(self, session_id: str) -> Sequence[Caption]:
        """What was said so far, oldest first, under the same ids as in the events."""
        ...

    async def export(self, session_id: str, format: str) -> File | None:  # noqa: A002 - the word people type
        """The transcript as a file in one of `FORMATS`; None when nothing of it is kept any more."""
        ...
