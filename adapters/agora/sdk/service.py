"""The one service that the SDK allows in a process."""

from pathlib import Path
from typing import Any

from agora.rtc.agora_base import AgoraServiceConfig, AudioScenarioType, ChannelProfileType
from agora.rtc.agora_service import AgoraService

from adapters.agora.wrapper import WrapperMissing


def new_service(app_id: str, profile: int, folder: Path) -> Any:
    """Start it; its logs and what it stores go into `folder`. Raises `WrapperMissing`."""
    config = AgoraServiceConfig(
        appid=app_id,
        enable_video=1,
        channel_profile=ChannelProfileType(profile),
        audio_scenario=AudioScenarioType.AUDIO_SCENARIO_DEFAULT,
        log_path=str(folder / "agora.log"),
        data_dir=str(folder),
        config_dir=str(folder),
    )
    service = AgoraService()
    code = service.initialize(config)
    if not service.inited:  # `initialize` returns the code of a later call
        raise WrapperMissing("Agora's SDK did not start.", f"initialize: inited is False (last code {code})")
    return service
