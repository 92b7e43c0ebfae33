"""AKOOL, as a plugin: the avatars' rooms are Agora's."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import SecretStr

from adapters.akool.settings import AkoolSettings
from bot.ports.plugin import Finding, Observation, ProviderContext, ProviderPlugin, SettingQuestion
from bot.ports.provider import AvatarProvider

if TYPE_CHECKING:
    from adapters.akool.client import AkoolApi


@contextlib.asynccontextmanager
async def _open(settings: AkoolSettings, context: ProviderContext) -> AsyncIterator[AvatarProvider]:
    from adapters.akool.provider import AkoolProvider  # noqa: PLC0415

    rooms = context.rooms
    async with contextlib.aclosing(
        AkoolProvider(
            _api(settings, context),
            rooms.connect,
            rooms.own,
            context.metrics,
            rooms.ready,
            budgets=context.budgets,
        )
    ) as opened:
        yield opened


def _api(settings: AkoolSettings, context: ProviderContext) -> "AkoolApi":
    from adapters.akool.client import AkoolApi, ApiKey  # noqa: PLC0415
    from adapters.akool.settings import open_api  # noqa: PLC0415

    if not context.simulator:
        return open_api(settings, metrics=context.metrics)
    key = ApiKey(settings.api_key or SecretStr("simulator"))
    return AkoolApi.at(context.simulator, key, metrics=context.metrics)


async def _try_live(settings: AkoolSettings, context: ProviderContext, tell: Callable[[Observation], None]) -> None:
    from adapters.akool.live_check import LiveCheck  # noqa: PLC0415
    from adapters.akool.provider import AkoolProvider  # noqa: PLC0415

    rooms = context.rooms
    async with contextlib.aclosing(_api(settings, context)) as api:
        provider = AkoolProvider(api, rooms.connect, rooms.own, context.metrics, rooms.ready)
        await LiveCheck(api, provider, rooms.connect, tell).run()


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
    try_live=_try_live,
    check=_check,
)
