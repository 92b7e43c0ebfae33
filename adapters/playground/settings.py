"""What the operator may set about the playground."""

import ipaddress
import secrets
from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.domain.errors import SettingsError


class PlaygroundSettings(BaseSettings):
    """Read from `AVATARBOT_PLAYGROUND_…`; where the service listens is told with `at`."""

    model_config = SettingsConfigDict(
        env_prefix="AVATARBOT_PLAYGROUND_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    public: bool = False
    secret: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_urlsafe(16)), min_length=16)
    history: Path | None = None
    channels: tuple[str, ...] = ("lobby", "standup", "studio")
    host: str = "127.0.0.1"
    base_url: str = ""
    retention: timedelta = timedelta(days=30)
    """How long what was written is kept."""
    notice: str = ""
    """A sentence that a page shows before anything has happened in it."""

    def at(self, host: str, base_url: str = "") -> "PlaygroundSettings":
        """The same settings for a service that listens on `host` and is known outside, if it is, as `base_url`."""
        return self.model_copy(update={"host": host, "base_url": base_url})

    def address(self, port: int, key: str = "") -> str:
        """What is printed for the person. The secret stands in the fragment, which no browser sends and no server logs; `key`
        takes its place.
        """
        base = self.base_url.rstrip("/") or f"http://{_browsable(self.host)}:{port}"
        return f"{base}/playground#key={key or self.secret.get_secret_value()}"

    def require_loopback(self) -> None:
        """Raises `SettingsError` where the playground would be reachable from outside without anybody having said so."""
        if not (self.public or _is_loopback(self.host)):
            raise SettingsError(
                f"The playground does not listen on {self.host}, where others could reach it. "
                "Set AVATARBOT_HOST=127.0.0.1, or AVATARBOT_PLAYGROUND_PUBLIC=1 if you mean it."
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _browsable(host: str) -> str:
    """`0.0.0.0` can be listened on but not visited."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
