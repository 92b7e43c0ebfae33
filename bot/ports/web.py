"""What is elsewhere on the web: files and pictures that are fetched, and receivers of webhooks."""

from dataclasses import dataclass
from typing import Protocol

from bot.domain.conversations import File
from bot.domain.errors import AvatarbotError
from bot.ports.storage.hooks import EventRecord, HookRecord


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


class WebhookUnreachable(AvatarbotError):
    """The receiver did not answer in time, is not there, or is somewhere it must not be. Its sentence holds nothing of the URL."""


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What a receiver said: the HTTP status, and after how many seconds it wants to be asked again, None where it did not say."""

    status: int
    retry_after: float | None = None


class WebhookClient(Protocol):
    async def send(self, hook: HookRecord, event: EventRecord) -> WebhookAnswer:
        """POST an event, signed, with its id. Answers within 15 seconds, whatever the receiver does; follows no redirect.

        Raises `WebhookUnreachable`.
        """
        ...
