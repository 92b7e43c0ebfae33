"""Events as Standard Webhooks (https://www.standardwebhooks.com, version 1): signed POST requests to receivers on the internet."""

import base64
import binascii
import hashlib
import hmac
from asyncio import timeout
from collections.abc import Callable, Collection, Mapping
from email.utils import parsedate_to_datetime
from time import time

import httpx

from adapters.web.ssrf_guard import Lookups, PublicOnly, Resolve, trusted
from bot.domain.errors import NotPublic
from bot.ports.storage.hooks import EventRecord, HookRecord
from bot.ports.web import WebhookAnswer, WebhookUnreachable

WITHIN_S = 15.0
"""For all of one delivery, the look-up of its name included."""

SECRET_PREFIX = "whsec_"  # noqa: S105
AGENT = "Avatarbot"


class StandardWebhooks:
    """`WebhookClient` over HTTP. Every delivery looks its name up anew, and goes to public addresses only or to a host in `inside`.

    Of an answer its head is read and nothing else.
    """

    def __init__(
        self,
        inside: Collection[str] = (),
        resolve: Resolve | None = None,
        way: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], float] = time,
    ) -> None:
        self._inside = frozenset(host.casefold() for host in inside)
        self._resolve = resolve or Lookups(at_once=4)
        self._way = way
        self._now = now

    async def send(self, hook: HookRecord, event: EventRecord) -> WebhookAnswer:
        try:
            async with timeout(WITHIN_S), self._client(hook.url) as http:
                return await self._answer(http, hook, event)
        except NotPublic:
            raise WebhookUnreachable("its name leads to an address that is not on the internet") from None
        except TimeoutError:
            raise WebhookUnreachable(f"no answer within {WITHIN_S:g} s") from None
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            ValueError,
        ) as error:  # its text may quote the URL, which may hold a secret
            raise WebhookUnreachable(f"no answer ({type(error).__name__})") from None

    async def _answer(self, http: httpx.AsyncClient, hook: HookRecord, event: EventRecord) -> WebhookAnswer:
        content = event.body.encode()
        headers = signed(hook.secret, event.id, int(self._now()), content)
        async with http.stream("POST", hook.url, content=content, headers=headers) as response:
            return WebhookAnswer(response.status_code, self._retry_after(response.headers.get("retry-after", "")))

    def _client(self, url: str) -> httpx.AsyncClient:
        """A new one for each delivery: a connection that was kept would go where the name led before."""
        way = self._way or httpx.AsyncHTTPTransport(verify=trusted())
        if httpx.URL(url).host.casefold() not in self._inside:
            way = PublicOnly(way, self._resolve)
        return httpx.AsyncClient(transport=way, timeout=WITHIN_S, trust_env=False, headers={"user-agent": AGENT})

    def _retry_after(self, text: str) -> float | None:
        """Seconds, or a date (RFC 9110, 10.2.3)."""
        if text.isascii() and text.isdecimal() and len(text) <= 9:
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._now())
        except (ValueError, TypeError, OverflowError):
            return None


def signed(secret: str, event_id: str, at: int, content: bytes) -> Mapping[str, str]:
    """The headers of one attempt. `at` is its own time, in seconds: the id stays the same, and the signature does not."""
    mac = hmac.new(_key(secret), f"{event_id}.{at}.".encode() + content, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def _key(secret: str) -> bytes:
    """Raises `ValueError` for what is no secret."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not a secret of a webhook") from error
