"""Who says what may be spoken: the words that a channel blocks, and a team's own service.

`docs/moderation.md` has what the service is sent and what it answers.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from time import time

import httpx
import msgspec
from pydantic import SecretStr

from adapters.bounded import PLAIN, bounded
from bot.domain.text import printable_line, well_formed
from bot.ports.words import NoVerdict, Objection, ProposedSpeech
from bot.speech.blocked_words import blocked_words

BLOCKED_WORD = "it has a word that is not allowed in this channel"

ANSWER_S = 2.0
"""How long a request goes on after nobody waits for its verdict any more: its connection is then there for the next one."""

KEPT_OPEN_S = 300.0
"""How long a connection without requests is kept, so that a verdict need not wait for a new one."""

AT_ONCE = 64
"""Requests under way; beyond that there is no verdict."""

LONGEST_BYTES = 16 * 1024
"""Of one answer."""

LONGEST_REASON = 200
"""Characters of a reason that are shown; the rest is cut."""

NO_REASON = "the team's moderation does not allow it"

TIMESTAMP, SIGNATURE = "x-avatarbot-timestamp", "x-avatarbot-signature"


class WordList:
    """A `Moderator` that needs nobody: it looks for whole words in what is written and in what would be spoken."""

    async def review(self, speech: ProposedSpeech) -> Objection | None:
        listed = blocked_words(speech.blocked)
        found = listed.found_in(speech.written) or listed.found_in(speech.spoken)
        return Objection(BLOCKED_WORD) if found else None


# ---------------------------------------------------------------- a team's own service


class _ModerationAnswer(msgspec.Struct):
    allow: bool
    reason: str = ""


class ModerationWebhook:
    """A `Moderator` that POSTs to one URL. Nothing is retried and no redirect is followed. To be closed."""

    def __init__(
        self,
        url: str,
        secret: SecretStr | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], float] = time,
    ) -> None:
        self._url = url
        self._secret = secret.get_secret_value().encode() if secret else b""
        self._now = now
        limits = httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=KEPT_OPEN_S)
        self._http = httpx.AsyncClient(headers=PLAIN, timeout=ANSWER_S, limits=limits, transport=transport)
        self._asked: set[asyncio.Task[Objection | None]] = set()

    async def aclose(self) -> None:
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        await self._http.aclose()

    async def review(self, speech: ProposedSpeech) -> Objection | None:
        if len(self._asked) >= AT_ONCE:
            raise NoVerdict(f"moderation webhook: {AT_ONCE} requests are under way already")
        asked = asyncio.create_task(self._ask(speech), name="moderation")
        self._asked.add(asked)
        asked.add_done_callback(self._answered)
        return await asyncio.shield(asked)

    def _answered(self, asked: asyncio.Task[Objection | None]) -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()  # whoever asked may have stopped waiting

    async def _ask(self, speech: ProposedSpeech) -> Objection | None:
        content = _body(speech)
        request = self._http.build_request("POST", self._url, content=content, headers=self._headers(content))
        try:
            async with bounded(self._http, request, most_bytes=LONGEST_BYTES, within_s=ANSWER_S) as response:
                if response.status_code != httpx.codes.OK:
                    raise NoVerdict(f"moderation webhook: HTTP {response.status_code}")
                answer = msgspec.json.decode(await response.aread(), type=_ModerationAnswer)
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError) as error:
            # Not its text: that may quote the answer, and the answer the words.
            raise NoVerdict(f"moderation webhook: {type(error).__name__}") from None
        return None if answer.allow else Objection(_reason(answer.reason))

    def _headers(self, content: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if not self._secret:
            return headers
        timestamp = str(int(self._now()))
        return headers | {TIMESTAMP: timestamp, SIGNATURE: signature(self._secret, timestamp, content)}


def signature(secret: bytes, timestamp: str, content: bytes) -> str:
    """`sha256=` and the HMAC-SHA256, in hexadecimal, of the timestamp, a full stop and the body."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()


def _body(speech: ProposedSpeech) -> bytes:
    place = speech.place
    return msgspec.json.encode(
        {
            "text": well_formed(speech.written),
            "spoken": well_formed(speech.spoken),
            "source": speech.source.value,
            "platform": place.platform,
            "workspace": place.workspace_id,
            "channel": place.channel_id,
        }
    )


def _reason(given: str) -> str:
    return " ".join(printable_line(given).split())[:LONGEST_REASON].rstrip(" .") or NO_REASON
