"""What an operator sets about AKOOL."""

from typing import Annotated

import httpx
from pydantic import AfterValidator, AnyHttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.akool.client import AkoolApi, ApiKey, ClientToken
from bot.domain.errors import SettingsError
from bot.telemetry import Metrics


def _sendable(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not (value.isascii() and value.isprintable()):
        raise ValueError("holds characters that no key has; copy it again")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_sendable)]


class AkoolSettings(BaseSettings):
    """`AKOOL_API_KEY`, or `AKOOL_CLIENT_ID` with `AKOOL_CLIENT_SECRET`; the key goes first. `.env` is read."""

    model_config = SettingsConfigDict(
        env_prefix="AKOOL_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        frozen=True,
    )

    api_key: Secret | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None
    base_url: AnyHttpUrl = AnyHttpUrl("https://openapi.akool.com")

    @property
    def configured(self) -> bool:
        """Whether there is enough to sign a call with."""
        return self.api_key is not None or (self.client_id is not None and self.client_secret is not None)


def open_api(
    settings: AkoolSettings, transport: httpx.AsyncBaseTransport | None = None, metrics: Metrics | None = None
) -> AkoolApi:
    """The API as it is set up, to be closed. Raises `SettingsError` without a key."""
    return AkoolApi.at(str(settings.base_url), _auth(settings), transport, metrics)


def _auth(settings: AkoolSettings) -> httpx.Auth:
    if settings.api_key is not None:
        return ApiKey(settings.api_key)
    if settings.client_id is not None and settings.client_secret is not None:
        return ClientToken(settings.client_id, settings.client_secret, str(settings.base_url))
    raise SettingsError("No AKOOL key is set. Set AKOOL_API_KEY: it is on akool.com, in your account's API settings.")
