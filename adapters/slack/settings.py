"""Slack's settings, under the names that people know."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

API_URL = "https://slack.com/api/"


def _slash(command: str) -> str:
    """A command as Slack wants it: a slash, then at most 31 characters without spaces."""
    name = "/" + command.strip().lstrip("/").lower()
    if not 1 < len(name) <= 32 or " " in name:
        raise ValueError("has to be one word of at most 31 characters")
    return name


def _with_slash(url: str) -> str:
    return url.rstrip("/") + "/"


class SlackSettings(BaseSettings):
    """Socket Mode needs the bot token and the app token; HTTP the signing secret and either the bot token or the client's id and secret."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    bot_token: SecretStr | None = Field(None, validation_alias="SLACK_BOT_TOKEN")
    app_token: SecretStr | None = Field(None, validation_alias="SLACK_APP_TOKEN")
    signing_secret: SecretStr | None = Field(None, validation_alias="SLACK_SIGNING_SECRET")
    client_id: str | None = Field(None, validation_alias="SLACK_CLIENT_ID")
    client_secret: SecretStr | None = Field(None, validation_alias="SLACK_CLIENT_SECRET")
    api_url: Annotated[str, AfterValidator(_with_slash)] = Field(API_URL, validation_alias="SLACK_API_URL")
    public_url: str | None = Field(None, validation_alias="PUBLIC_URL")
    command: Annotated[str, AfterValidator(_slash)] = Field("/avatar", validation_alias="AVATARBOT_SLACK_COMMAND")

    @property
    def many_workspaces(self) -> bool:
        """Whether workspaces install the app themselves: the client's id and secret are set and no bot token is."""
        return self.bot_token is None and self.client_id is not None and self.client_secret is not None

    @property
    def configured(self) -> bool:
        """Whether Slack is meant to run. Half of what it needs counts: the other half is then asked for."""
        return any((self.bot_token, self.app_token, self.signing_secret, self.client_id))
