"""How an event gets to a receiver."""

from dataclasses import dataclass
from typing import Protocol

from bot.domain.errors import AvatarbotError
from bot.ports.storage.hooks import EventRecord, HookRecord


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
