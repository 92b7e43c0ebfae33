"""Files that people point at by their addresses."""

from typing import Protocol


class PublicFiles(Protocol):
    async def size(self, url: str) -> int | None:
        """Bytes of what is at a public address, without fetching it; None when nobody tells within a few seconds.

        Raises `NotPublic` for an address that leads, itself or by a redirect, to anywhere but the internet.
        """
        ...
