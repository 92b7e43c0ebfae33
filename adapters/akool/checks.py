"""What `avatarbot doctor` says about AKOOL."""

from contextlib import aclosing

import httpx
from pydantic import AnyHttpUrl

from adapters.akool.codes import TOKEN_REFUSED
from adapters.akool.settings import AkoolSettings, open_api
from bot.domain.errors import ProviderError, Verdict
from bot.ports.plugin import Finding, Level

LOW_CREDIT = 60.0
"""About one session of ten minutes, at the 6 credits a minute that an app's owner reported."""

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


async def check(settings: AkoolSettings, transport: httpx.AsyncBaseTransport | None = None) -> list[Finding]:
    """Look at the settings, and with a key at AKOOL itself (at most 30 s)."""
    findings = [*_key_findings(settings), *_url_findings(settings.base_url)]
    if settings.configured:
        findings.append(await _account_finding(settings, transport))
    return findings


def _key_findings(settings: AkoolSettings) -> list[Finding]:
    half = (settings.client_id is None) != (settings.client_secret is None)
    if not settings.configured:
        remedy = (
            "Set AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET, both of them."
            if half
            else "Set AKOOL_API_KEY: it is on akool.com, in your account's API settings. Without one, try `avatarbot demo`."
        )
        return [Finding(Level.PROBLEM, "AKOOL: no key is set", remedy)]
    if settings.api_key is not None and (settings.client_id is not None or settings.client_secret is not None):
        return [
            Finding(
                Level.WARNING,
                "AKOOL: a key and a client are set; the key is used",
                "Remove AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET.",
            )
        ]
    return []


def _url_findings(url: AnyHttpUrl) -> list[Finding]:
    if url.scheme == "https" or url.host in LOOPBACK:
        return []
    return [Finding(Level.WARNING, f"AKOOL: the key travels in the clear to {url}", "Use https in AKOOL_BASE_URL.")]


async def _account_finding(settings: AkoolSettings, transport: httpx.AsyncBaseTransport | None) -> Finding:
    async with aclosing(open_api(settings, transport)) as api:
        try:
            credit = await api.credit()
        except ProviderError as error:
            what = f"AKOOL: {error.sentence} ({error.detail})"
            return Finding(Level.PROBLEM, what, _remedy(error, settings), starts=True)
    if credit <= 0:
        what = "AKOOL: the key works, but no credit is left"
        return Finding(Level.PROBLEM, what, "Buy credit on akool.com.", starts=True)
    if credit < LOW_CREDIT:
        left = f"AKOOL: the key works; {credit:g} credits are left, enough for about {credit / 6:.0f} minutes"
        return Finding(Level.WARNING, left, "Buy credit on akool.com before long.")
    return Finding(Level.OK, f"AKOOL: the key works; {credit:g} credits are left")


def _remedy(error: ProviderError, settings: AkoolSettings) -> str:
    if error.code == TOKEN_REFUSED:
        names = "AKOOL_API_KEY" if settings.api_key is not None else "AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET"
        return f"Check {names} against akool.com, your account's API settings."
    if error.code is None:
        network = f"check that this machine can reach {settings.base_url} (network, proxy, AKOOL_BASE_URL)"
        return f"Try again in a minute; if it stays like this, {network}."
    return _REMEDIES.get(error.verdict, "Look at your account on akool.com.")


_REMEDIES = {Verdict.PAY: "Buy credit on akool.com.", Verdict.RETRY_LATER: "Try again in a minute."}
