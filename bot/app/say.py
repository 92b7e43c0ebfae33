"""`avatarbot say`: one request to the HTTP API of a service that runs, perhaps elsewhere."""

import asyncio
import http.client
import json
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.clock import new_id
from bot.domain.errors import AvatarbotError, SettingsError
from bot.settings import ENV_FILE, WebAddress

PATH = "/api/v1/say"

TRIES = 3
"""How often a request is made that nobody took: by its key it is one and the same."""

PAUSE = 1.0
"""Seconds between two tries."""

LONGEST_PAUSE = 30.0
"""Seconds that `Retry-After` may ask for; who asks for more is not asked again."""

COME_AGAIN = frozenset({429, 503})
"""Statuses with which nothing was taken, and the same request may be made later."""

BEYOND = 15.0
"""Seconds for an answer beyond those that the end is waited for."""

ANSWER_BYTES = 1_000_000

GOOD = frozenset({"waiting", "speaking", "spoken", "interrupted", "done"})


class ClientSettings(BaseSettings):
    """Which service, and the token for it."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True)

    url: WebAddress = Field("http://localhost:8080", validation_alias="AVATARBOT_URL")
    token: Annotated[SecretStr | None, Field(validation_alias="AVATARBOT_TOKEN")] = None


async def say(settings: ClientSettings, place: str, text: str, *, mode: str, key: str, wait: int) -> str:
    """What the avatar said, or `''`; where none is live, one is started in that mode. Raises `AvatarbotError` with the sentence where it was not spoken."""
    if settings.token is None:
        raise SettingsError("AVATARBOT_TOKEN is not set. Make one where Avatarbot runs: avatarbot tokens create")
    if not text.strip():
        raise AvatarbotError("There is nothing to say.")
    status = await _asked(settings, {"place": place, "text": text, "start": {"mode": mode}}, key or new_id(), wait)
    if status.get("status") not in GOOD:
        raise AvatarbotError(str(status.get("sentence") or status.get("detail") or "It was not spoken."))
    return str(status.get("answer") or "")


async def _asked(settings: ClientSettings, body: dict[str, Any], key: str, wait: int) -> dict[str, Any]:
    for again in range(TRIES - 1, -1, -1):
        pause = PAUSE
        try:
            status, retry_after, answer = await asyncio.to_thread(_request, settings, json.dumps(body), key, wait)
            pause = _seconds(retry_after)
            if not again or status not in COME_AGAIN or pause > LONGEST_PAUSE:
                return answer
        except (OSError, http.client.HTTPException) as error:
            if not again:
                raise AvatarbotError(
                    f"{settings.url} does not answer: {str(error) or type(error).__name__}."
                ) from error
        await asyncio.sleep(pause)
    raise AssertionError("the last try answers or raises")


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdecimal() else PAUSE


def _request(settings: ClientSettings, body: str, key: str, wait: int) -> tuple[int, str | None, dict[str, Any]]:
    url = urlsplit(settings.url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=wait + BEYOND)  # which follows no redirect: the token goes nowhere else
    assert settings.token is not None
    headers = {
        "Authorization": f"Bearer {settings.token.get_secret_value()}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        **({"Prefer": f"wait={wait}"} if wait else {}),
    }
    try:
        connection.request("POST", f"{url.path}{PATH}", body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read(ANSWER_BYTES))
    except ValueError:
        raise AvatarbotError(f"What answers at {settings.url} is not Avatarbot's API.") from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise AvatarbotError(f"What answers at {settings.url} is not Avatarbot's API.")
    return response.status, response.headers["Retry-After"], answer
