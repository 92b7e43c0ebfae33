"""Discord's settings, under the names that people know."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _ids(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isdecimal() and len(part) in range(15, 21) for part in parts):
        raise ValueError(
            "has to be ids of servers, separated by commas; copy one with Copy Server ID in developer mode"
        )
    return tuple(map(int, parts))


class DiscordSettings(BaseSettings):
    """A token is all that is needed.

    `home_guilds` are the operator's own servers: they are allowed to spend, and commands appear there only, at once. Direct
    messages are not listened to unless allowed, and then they spend too.
    """

    model_config = SettingsConfigDict(
        env_prefix="AVATARBOT_DISCORD_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    token: SecretStr | None = Field(None, validation_alias="DISCORD_TOKEN")
    message_content: bool = True
    direct_messages: bool = False
    home_guilds: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_ids)] = ()
    conversation: Literal["thread", "channel"] = "thread"

    @property
    def configured(self) -> bool:
        return self.token is not None
