"""`avatarbot run`."""

import contextlib
import re
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import click
import structlog

from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from adapters.web.files import WebFiles, WebPictures
from adapters.web.webhooks import StandardWebhooks
from bot.app.files import exposed, history_file
from bot.app.plugins import platforms, require_sound
from bot.app.service import Parts, Service
from bot.app.signals import stop_signals
from bot.app.tracing import open_observers
from bot.app.wiring import (
    budgets_of,
    keep_loaded,
    known_settings,
    open_hints,
    open_model,
    open_moderators,
    open_provider,
    open_storage,
    sole_process,
)
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.errors import SettingsError
from bot.ports.chat import HttpMount
from bot.ports.storage.records import ProcessProfile
from bot.ports.web import Pictures
from bot.process import conceal
from bot.process_roles import ProcessRole, roles_named
from bot.queries.overview import Overview, overview
from bot.runtime.services import SessionTimeouts
from bot.settings import Settings, environment, load, unknown_names
from bot.storage.connections import STANDARD_SIZE, PoolSize
from bot.storage.keys import secret_keys
from bot.telemetry import configure_logging, new_metrics
from bot.web.app import create_app, serve
from bot.web.http_limits import Bounds, most_connections
from bot.web.links.tokens import LinkKeys
from bot.web.links.wire import UP_BYTES, VERSION
from bot.web.status.routes import ProcessStatus, process_status, status_mount

log = structlog.get_logger(__name__)

WHOLE_ONLY = "The playground lives in one process that does everything: give --playground without --role."
NEEDS_SERVER = (
    "Processes with roles share a database on a server: set DATABASE_URL to PostgreSQL, as in "
    "postgresql://user:password@host/avatarbot, or run without --role."
)


def _in_roles(settings: Settings, named: tuple[str, ...]) -> Settings:
    """With the roles that are named, else those of AVATARBOT_ROLES. Raises `SettingsError`."""
    try:
        roles = roles_named(named) or settings.roles
    except ValueError as error:
        raise SettingsError(f"--role {error}.") from None
    if roles and not settings.on_server:
        raise SettingsError(NEEDS_SERVER)
    return settings.model_copy(update={"roles": roles})


def _settings(roles: tuple[str, ...], *, playground: bool) -> Settings:
    """Raises `SettingsError`."""
    settings = _in_roles(load(Settings), roles)
    if settings.roles and playground:
        raise SettingsError(WHOLE_ONLY)
    if playground and "host" not in settings.model_fields_set:  # it is for this machine unless somebody says otherwise
        return settings.model_copy(update={"host": "127.0.0.1"})
    return settings


def _warn(settings: Settings) -> None:
    """Of what works, and is perhaps not meant so."""
    for name in unknown_names(environment(), known_settings()):
        log.warning(str(name))
    for file in exposed(settings):
        log.warning("others on this machine can read this file", file=str(file))
    if not settings.disclosure:
        log.warning("people are not told that an avatar is an AI", setting="AVATARBOT_DISCLOSURE")
    if ProcessRole.WEB not in settings.roles_played and not settings.public_url:
        log.warning("Watch links lead to this process, which serves no pages", setting="PUBLIC_URL")


async def run_service(playground: bool, handover: bool, roles: tuple[str, ...]) -> int:
    """The service, until a signal. Raises `SettingsError` for what only the operator can mend."""
    conceal()
    require_sound()  # first of all: what looks like the secrets of plugins is never logged
    settings = _settings(roles, playground=playground)
    configure_logging(settings.log_level)
    _warn(settings)
    async with contextlib.AsyncExitStack() as stack:
        stopping = await stack.enter_async_context(stop_signals())
        stack.enter_context(sole_process(settings))
        metrics = new_metrics()
        # First: it takes two connections for a moment, and the storage all that are left.
        hints = await open_hints(settings)
        storage = await stack.enter_async_context(open_storage(settings, size_of(settings), metrics.retried))
        budgets = budgets_of(settings, storage, metrics)
        hosts = ProcessRole.WORKER in settings.roles_played
        linked = settings.on_server and not playground
        provider = await stack.enter_async_context(open_provider(settings, metrics, budgets, rooms=hosts))
        model = await stack.enter_async_context(open_model(settings))
        moderators = await stack.enter_async_context(open_moderators(settings))
        timeouts = SessionTimeouts(
            retention=timedelta(days=settings.retention_days), account_is_ours=settings.akool_key_is_ours
        )
        policy = Policy(settings.limits)
        parts = Parts(
            storage,
            provider,
            SystemClock(),
            policy,
            metrics,
            model,
            moderators,
            settings.moderation_unanswered,
            timeouts,
            files=WebFiles(),
            pictures=WebPictures(settings.simulator_url or ""),
            webhooks=StandardWebhooks(settings.hooks_inside),
            disclosures=settings.disclosures,
            alone=not settings.on_server,
            profile=profile_of(settings, links=linked),
            barge_in=settings.barge_in,
            observers=await stack.enter_async_context(open_observers(environment())),
            hints=hints,
            budgets=budgets,
            link_keys=LinkKeys(secret_keys(settings)) if linked else None,
        )
        service = Service(parts, settings.address)
        page = _page(settings, timeouts.retention) if playground else None
        _add_platforms(service, page, parts.pictures)
        inside = await stack.enter_async_context(_serve_links(service, settings)) if linked and hosts else 0
        port = await stack.enter_async_context(_serve(service, settings, inside))
        await stack.enter_async_context(service.running(hand_over=handover))
        keep_loaded()
        log.info("ready", port=port)
        if page:
            click.echo(f"Open {page.address(port)}")  # never in the log: it holds a secret
        await stopping.wait()
    return 0


def _serve(service: Service, settings: Settings, kept: int) -> contextlib.AbstractAsyncContextManager[int]:
    """What people and programs reach. So many connections are `kept` for other processes."""
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else ""
    mounts = [*service.mounts(), *status_page(service, settings)]
    app = create_app(service.services.metrics, service.readiness(), mounts, token)
    bounds = Bounds(most_open=most_connections() - kept)
    return serve(app, settings.host, settings.port, proxies=settings.proxies, bounds=bounds, draining=service.draining)


@contextlib.asynccontextmanager
async def _serve_links(service: Service, settings: Settings) -> AsyncIterator[int]:
    """What other processes reach of the sessions here, on a port of its own; and how many connections that may take."""
    assert service.link_server
    host, _, port = settings.internal.rpartition(":")
    bounds = Bounds(message_bytes=UP_BYTES, most_open=most_connections() // 4)
    async with serve(service.link_server, host.strip("[]"), int(port), bounds=bounds, setting="AVATARBOT_INTERNAL"):
        yield bounds.most_open


def _page(settings: Settings, retention: timedelta) -> PlaygroundSettings:
    page = load(PlaygroundSettings).at(settings.host, settings.public_url or "")
    history = page.history or history_file(settings)
    return page.model_copy(update={"retention": retention, "history": history})


def _add_platforms(service: Service, page: PlaygroundSettings | None, pictures: Pictures | None) -> None:
    """Every platform whose tokens are set, and the playground where it has a page."""
    there = platforms().plugins.values()
    configured = [(plugin, own) for plugin in there if plugin.configured(own := load(plugin.settings))]
    for plugin, own in configured:
        service.add(plugin.build(own, service.context_for(plugin.features(own))))
    if page:
        service.add(
            PlaygroundPlatform(
                service.core, service.services.clock, page, pictures, catalogue=service.context.catalogue
            )
        )
    elif not configured:
        names = "".join(f"set {plugin.setup}, or " for plugin in there)
        raise SettingsError(
            f"No chat platform is set up: {names}give --playground. To try it without any account: avatarbot demo"
        )


# ---------------------------------------------------------------- what this process tells the others of itself

_ANYWHERE = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - compared with, never listened at
_HAS_PORT = re.compile(r"^[^:]+:\d+$|\]:\d+$")

_BEYOND = ("192.0.2.1", 9)
"""An address on no machine (RFC 5737): nothing is sent there, and the system says which of ours would be used."""


def profile_of(settings: Settings, *, links: bool) -> ProcessProfile:
    """A process without the role of a worker runs no session, and has no rooms that others could reach; nor has one without `links`."""
    if ProcessRole.WORKER not in settings.roles_played:
        return ProcessProfile(settings.roles_played, 0)
    if not links:
        return ProcessProfile(settings.roles_played, settings.rooms)
    return ProcessProfile(settings.roles_played, settings.rooms, _advertised(settings), VERSION)


def size_of(settings: Settings) -> PoolSize:
    """How many connections to a server it holds; a file has its own."""
    if not settings.on_server:
        return STANDARD_SIZE
    from bot.storage.postgresql import pool_size  # noqa: PLC0415 - its driver is an extra

    return pool_size(settings.roles_played)


def _advertised(settings: Settings) -> str:
    host, _, port = settings.internal.rpartition(":")
    given = settings.advertise or (_own_address() if host in _ANYWHERE else host)
    return given if _HAS_PORT.search(given) else f"{given}:{port}"


def _own_address() -> str:
    """Of this machine, as others on its network see it; the loopback's where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_BEYOND)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def status_page(service: Service, settings: Settings) -> list[HttpMount]:
    """For operators, where they chose a token, of a process of any role: from now on it counts as begun."""
    if settings.status_token is None:
        return []
    services, since = service.services, service.services.clock.now()

    async def of_all() -> Overview:
        return await overview(services.storage, settings.limits, services.clock.now())

    async def of_this() -> ProcessStatus:
        return await process_status(services.metrics, service.readiness(), services.provider.name, since)

    return [status_mount(settings.status_token.get_secret_value(), of_all, of_this)]
