"""AKOOL's envelope: `{"code", "msg", "data"}`, with success in `code` and nowhere else."""

from typing import Any

import httpx
import msgspec

from adapters.akool.codes import OK, TOKEN_REFUSED, TOO_OFTEN, Passing, refusal
from bot.domain.errors import ProviderError, Verdict
from bot.domain.text import read_json

NO_PERMISSION = 1009
SAID_LIMIT = 200  # characters of AKOOL's own words that a log gets


class ApiReply(msgspec.Struct, frozen=True):
    """`token` stands at the top level in getToken's reply, and nowhere else."""

    code: int
    msg: Any = ""
    data: Any = None
    token: str = ""


def envelope(response: httpx.Response) -> ApiReply | None:
    """The reply in `response`, whatever its HTTP status, or None when it is not AKOOL's envelope."""
    try:
        return msgspec.convert(without_nulls(_decoded(response.content)), ApiReply, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _decoded(content: bytes) -> Any:
    """JSON, also where a text in it was cut in the middle of an emoji: that must not cost what stands beside it. Raises `ValueError`."""
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return read_json(content)


def success(response: httpx.Response, *, harmless: bool = True) -> ApiReply:
    """The reply, if it says that the call succeeded. Otherwise raises `ProviderError`.

    Where the call is not `harmless`, a server's own failure leaves open whether it had its effect.
    """
    reply = envelope(response)
    certain = harmless or 400 <= response.status_code < 500
    if reply is None or (reply.code == OK and response.is_error):
        raise _not_an_envelope(response, certain=certain)
    if reply.code != OK:
        raise refusal(reply.code, str(reply.msg)[:SAID_LIMIT], certain=harmless or not response.is_server_error)
    return reply


def token_of(response: httpx.Response) -> str:
    """The token in getToken's reply: at the top level by AKOOL's example, under `data` by its best-practice page."""
    reply = success(response)
    token = reply.token or (reply.data.get("token") if isinstance(reply.data, dict) else None)
    if not isinstance(token, str) or not token:
        raise nonsense("getToken gave no token")
    return token


def refuses_token(response: httpx.Response) -> bool:
    """Whether AKOOL wants another token."""
    reply = envelope(response)
    return response.status_code == 401 if reply is None else reply.code == TOKEN_REFUSED


def nonsense(detail: str, *, certain: bool = True) -> ProviderError:
    return ProviderError(
        "AKOOL answered nonsense. Try again in a minute.", detail, verdict=Verdict.RETRY_LATER, certain=certain
    )


def without_nulls(value: Any) -> Any:
    """`value` without the fields that are null: AKOOL sends null and leaves out alike."""
    if isinstance(value, dict):
        return {name: without_nulls(field) for name, field in value.items() if field is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value


# Which HTTP status AKOOL's gateways use is not documented; these say the same as a code.
_CODE_BY_STATUS = {401: TOKEN_REFUSED, 403: NO_PERMISSION, 429: TOO_OFTEN}


def _not_an_envelope(response: httpx.Response, *, certain: bool) -> ProviderError:
    kind = response.headers.get("content-type", "no content type")
    seen = f"HTTP {response.status_code}, {kind}, {len(response.content)} bytes"
    if code := _CODE_BY_STATUS.get(response.status_code):
        return refusal(code, seen)
    if response.is_server_error:
        sentence = "AKOOL is down at the moment. Try again in a minute."
        return Passing(sentence, seen, verdict=Verdict.RETRY_LATER, certain=certain)
    return nonsense(f"not AKOOL's envelope: {seen}", certain=certain)
