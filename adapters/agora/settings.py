"""What an operator may set about Agora."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class AgoraSettings(BaseSettings):
    """Without `AGORA_APP_ID` and `AGORA_APP_CERTIFICATE` the avatar's own room is used, as AKOOL hands it out."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

    app_id: str = Field(default="", validation_alias="AGORA_APP_ID", description="App ID of your own Agora project")
    app_certificate: SecretStr = Field(
        default=SecretStr(""), validation_alias="AGORA_APP_CERTIFICATE", description="Its primary certificate"
    )
    seats_per_host: int = Field(
        default=20,
        ge=1,
        le=100,
        validation_alias="AVATARBOT_SEATS_PER_HOST",
        description="How many rooms one child process of the Agora SDK sits in",
    )

    @property
    def owns_project(self) -> bool:
        """Whether rooms are opened in a project of the team's own."""
        return bool(self.app_id and self.app_certificate.get_secret_value())
