"""AKOOL, as a plugin: the avatars' rooms are Agora's."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from pydantic import SecretStr

from adapters.akool.settings import AkoolSettings
from bot.ports.plugin import Finding, ProviderContext, ProviderPlugin, SettingQuestion
from bot.ports.provider import AvatarProvider


@contextlib.asynccontextmanager
async def _open(settings: AkoolSettings, context: ProviderContext) -> AsyncIterator[AvatarProvider]:
    from adapters.akool.client import AkoolApi, ApiKey  # noqa: PLC0415
    from adapters.akool.provider import AkoolProvider  # noqa: PLC0415
    from adapters.akool.settings import open_api  # noqa: PLC0415

    if context.simulator:
        key = ApiKey(settings.api_key or SecretStr("simulator"))
        api = AkoolApi.at(context.simulator, key, metrics=context.metrics)
    else:
        api = open_api(settings, metrics=context.metrics)
    rooms = context.rooms
    async with contextlib.aclosing(
        AkoolProvider(api, rooms.connect, rooms.own, context.metrics, rooms.ready)
    ) as opened:
        yield opened


async def _check(settings: AkoolSettings) -> Sequence[Finding]:
    from adapters.akool.checks import check  # noqa: PLC0415

    return await check(settings)


PLUGIN = ProviderPlugin(
    name="akool",
    title="AKOOL",
    settings=AkoolSettings,
    configured=lambda settings: settings.configured,
    setup="AKOOL_API_KEY",
    questions=(
        SettingQuestion(
            "AKOOL_API_KEY", "API key", "akool.com, signed in: your account's API settings; copy the API key."
        ),
    ),
    rooms="agora",
    open=_open,
    check=_check,
)
