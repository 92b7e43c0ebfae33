"""Discord's settings, under the names that people know."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


@dataclass(frozen=True, slots=True)
class Shards:
    """Shards `first` to `last` of `count`, all counted from 0. Written `0-3/16`, or `0/1`."""

    first: int
    last: int
    count: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}/{self.count}"

    @property
    def ids(self) -> list[int]:
        return list(range(self.first, self.last + 1))

    @classmethod
    def parse(cls, text: str) -> "Shards":
        """Raises `ValueError` with what is wrong."""
        found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})", text.strip())
        if found is None:
            raise ValueError(
                "has to look like 0-3/16: the first and the last shard of this process, and how many there are"
            )
        first, count = int(found[1]), int(found[3])
        last = int(found[2] or first)
        if not first <= last < count:
            raise ValueError(f"names shards that do not exist: they go from 0 to {max(0, count - 1)}")
        return cls(first, last, count)


def _ids(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isdecimal() and len(part) in range(15, 21) for part in parts):
        raise ValueError(
            "has to be ids of servers, separated by commas; copy one with Copy Server ID in developer mode"
        )
    return tuple(map(int, parts))


def _shards(value: object) -> object:
    return Shards.parse(value) if isinstance(value, str) else value


class DiscordSettings(BaseSettings):
    """A token is all that is needed.

    `home_guilds` are the operator's own servers: they are allowed to spend, and commands appear there only, at once. Direct
    messages are not listened to unless allowed, and then they spend too. Of several processes each takes a range of `shards`.
    """

    model_config = SettingsConfigDict(
        env_prefix="AVATARBOT_DISCORD_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    token: SecretStr | None = Field(None, validation_alias="DISCORD_TOKEN")
    message_content: bool = True
    direct_messages: bool = False
    home_guilds: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_ids)] = ()
    conversation: Literal["thread", "channel"] = "thread"
    shards: Annotated[Shards | None, NoDecode, BeforeValidator(_shards)] = None

    @property
    def configured(self) -> bool:
        return self.token is not None
