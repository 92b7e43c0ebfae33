"""What an operator sets about Agora."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.agora.rooms import OwnRooms
from bot.domain.errors import SettingsError


class AgoraSettings(BaseSettings):
    """Without a project of the team's own the avatar's room is the one that AKOOL opens. `.env` is read."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        frozen=True,
    )

    app_id: str = Field(default="", validation_alias="AGORA_APP_ID")
    app_certificate: SecretStr | None = Field(default=None, validation_alias="AGORA_APP_CERTIFICATE")
    seats_per_host: int = Field(default=20, ge=1, le=100, validation_alias="AVATARBOT_SEATS_PER_HOST")
    """How many rooms one child process of Agora's SDK sits in."""

    host_user: str = Field(default="", validation_alias="AVATARBOT_AGORA_USER")
    """Whom the processes with Agora's closed library run as, when the service is started by root; the service's own user when empty."""

    profile: Literal["live", "communication"] = Field(default="live", validation_alias="AVATARBOT_AGORA_PROFILE")
    """The channel profile of our connections: change it if joining works and the avatar does not hear us."""

    @property
    def own_room(self) -> OwnRooms | None:
        """Rooms in the team's own project. Raises `SettingsError` when only half of it is set."""
        if bool(self.app_id) != bool(self.app_certificate):
            raise SettingsError("Set both AGORA_APP_ID and AGORA_APP_CERTIFICATE, or neither.")
        return OwnRooms(self.app_id, self.app_certificate.get_secret_value()) if self.app_certificate else None
