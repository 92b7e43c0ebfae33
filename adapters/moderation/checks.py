"""What `avatarbot doctor` asks the team's own moderation."""

import contextlib
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from adapters.moderation.moderators import ModerationWebhook
from bot.domain.conversations import ConversationRef
from bot.ports.plugin import Finding, Level
from bot.ports.words import VERDICT_WITHIN_S, NoVerdict, Objection, ProposedSpeech, Source, Unanswered

HARMLESS = ProposedSpeech("Hello.", "Hello.", ConversationRef("doctor", "", ""), Source.PERSON)
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


async def check(
    url: str,
    secret: SecretStr | None,
    unanswered: Unanswered,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Sequence[Finding]:
    """Whether it allows a harmless word, and in time, also over a new connection; and what happens without an answer."""
    found = [await _answers(url, secret, transport)]
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in LOCAL:
        remedy = "Use https, or run it on this machine."
        found.append(Finding(Level.WARNING, f"What people write is sent unencrypted to {url}", remedy))
    if unanswered is Unanswered.PASS:
        remedy = "Take AVATARBOT_MODERATION_UNANSWERED out to hold such words back."
        found.append(Finding(Level.WARNING, "Moderation: what is not answered in time is spoken unchecked", remedy))
    return found


async def _answers(url: str, secret: SecretStr | None, transport: httpx.AsyncBaseTransport | None) -> Finding:
    async with contextlib.aclosing(ModerationWebhook(url, secret, transport)) as webhook:
        try:
            first, _ = await _asked(webhook)
            then, objection = await _asked(webhook)
        except NoVerdict as silent:
            remedy = "docs/moderation.md says what it has to answer."
            return Finding(Level.PROBLEM, f"Moderation: no verdict from {url} ({silent.detail})", remedy, starts=True)
    if objection:
        return Finding(Level.WARNING, f"Moderation: {url} does not even allow “Hello.”", "Look at its rules.")
    return _in_time(url, first, then)


async def _asked(webhook: ModerationWebhook) -> tuple[float, Objection | None]:
    """Seconds until it answered, and what."""
    began = time.monotonic()
    objection = await webhook.review(HARMLESS)
    return time.monotonic() - began, objection


def _in_time(url: str, first: float, then: float) -> Finding:
    answers = f"Moderation: {url} answers in {then * 1_000:.0f} ms, over a new connection in {first * 1_000:.0f} ms"
    if max(first, then) < VERDICT_WITHIN_S:
        return Finding(Level.OK, answers)
    what = f"{answers}; speech waits for {VERDICT_WITHIN_S * 1_000:.0f} ms at most"
    return Finding(
        Level.WARNING, what, "Run it closer to this machine, make it faster, or let it keep connections open."
    )
