"""The operators' page of a service."""

from bot.app.service import Service
from bot.commands.policy import Limits
from bot.ports.chat import HttpMount
from bot.queries.overview import Overview, overview
from bot.web.status.routes import ProcessStatus, process_status, status_mount


def status_page(service: Service, limits: Limits, token: str) -> HttpMount:
    """For who has the token, from now on: the process counts as begun."""
    services, since = service.services, service.services.clock.now()

    async def of_all() -> Overview:
        return await overview(services.storage, limits, services.clock.now())

    async def of_this() -> ProcessStatus:
        return await process_status(services.metrics, service.readiness(), services.provider.name, since)

    return status_mount(token, of_all, of_this)
