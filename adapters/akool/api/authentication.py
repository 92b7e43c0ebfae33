"""The two ways to tell AKOOL who we are. Never both: beside `Authorization`, AKOOL ignores `x-api-key`."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import httpx
import msgspec
from pydantic import SecretStr

from adapters.akool.api.replies import refuses_token, token_of

TOKEN_PATH = "/api/open/v3/getToken"  # noqa: S105 - a path


class ApiKey(httpx.Auth):
    """AKOOL's recommended way: the key of the web console, as it is."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["x-api-key"] = self._key.get_secret_value()
        yield request


class ClientToken(httpx.Auth):
    """The older way: id and secret are exchanged for a token that lasts more than a year.

    The token is kept until AKOOL refuses it; then it is fetched once more, by one request for all that wait.
    Raises `ProviderError` when AKOOL does not accept id and secret.
    """

    def __init__(self, client_id: SecretStr, client_secret: SecretStr, base_url: str) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = httpx.URL(base_url.rstrip("/") + TOKEN_PATH)
        self._token: SecretStr | None = None
        self._fetching = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        for _ in range(2):
            async with self._fetching:
                if self._token is None:
                    issued = yield self._token_request(request)
                    await issued.aread()
                    self._token = SecretStr(token_of(issued))
                token = self._token
            request.headers["authorization"] = f"Bearer {token.get_secret_value()}"
            response = yield request
            await response.aread()
            if not refuses_token(response):
                return
            if self._token is token:
                self._token = None

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        secret = {
            "clientId": self._client_id.get_secret_value(),
            "clientSecret": self._client_secret.get_secret_value(),
        }
        return httpx.Request(
            "POST",
            self._url,
            content=msgspec.json.encode(secret),
            headers={"content-type": "application/json"},
            extensions=request.extensions,  # its time-outs
        )
