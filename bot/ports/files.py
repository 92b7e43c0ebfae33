"""Files and pictures that stand elsewhere on the web."""

from typing import Protocol

from bot.domain.conversations import File


class PublicFiles(Protocol):
    async def size(self, url: str) -> int | None:
        """Bytes of what is at a public address, without fetching it; None when nobody tells within a few seconds.

        Raises `NotPublic` for an address that leads, itself or by a redirect, to anywhere but the internet.
        """
        ...


class Pictures(Protocol):
    async def picture(self, url: str) -> File | None:
        """The picture at a public address, at most 2 MB; None where there is none, or none within ten seconds. Never raises."""
        ...
