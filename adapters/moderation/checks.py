"""What `avatarbot doctor` asks the team's own moderation."""

import contextlib
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from adapters.moderation.webhook import ModerationWebhook
from bot.domain.conversations import ConversationRef
from bot.ports.doctor import Finding, Level
from bot.ports.moderation import VERDICT_WITHIN_S, NoVerdict, ProposedSpeech, Source, Unanswered

HARMLESS = ProposedSpeech("Hello.", "Hello.", ConversationRef("doctor", "", ""), Source.PERSON)
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


async def check(
    url: str,
    secret: SecretStr | None,
    unanswered: Unanswered,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Sequence[Finding]:
    """Whether it allows a harmless word, and in time; and what happens without an answer."""
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
            await webhook.review(HARMLESS)  # opens the connection, as the service has one open
            began = time.monotonic()
            objection = await webhook.review(HARMLESS)
        except NoVerdict as silent:
            remedy = (
                "docs/moderation.md says what it has to answer. Until it does, nothing that it should judge is spoken."
            )
            return Finding(Level.PROBLEM, f"No verdict from {url} ({silent.detail})", remedy, starts=True)
        took = time.monotonic() - began
    if objection:
        return Finding(Level.WARNING, f"Moderation: {url} does not even allow “Hello.”", "Look at its rules.")
    return _in_time(url, took)


def _in_time(url: str, took: float) -> Finding:
    milliseconds = f"{took * 1_000:.0f} ms"
    if took < VERDICT_WITHIN_S:
        return Finding(Level.OK, f"Moderation: {url} answers in {milliseconds}")
    what = (
        f"Moderation: {url} answers in {milliseconds}, and speech waits for {VERDICT_WITHIN_S * 1_000:.0f} ms at most"
    )
    return Finding(Level.WARNING, what, "Run it closer to this machine, or make it faster.")
