"""`avatarbot status`: one screen, of the database and of the service that runs here."""

import asyncio
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.app.operations import in_columns
from bot.app.running import connection_to, reasons
from bot.app.wiring import BESIDE_THE_SERVICE, open_storage
from bot.domain.text import printable_line
from bot.ports.storage.records import LivingProcess
from bot.queries.overview import Overview, Paid, overview
from bot.settings import Settings, load

TOKEN_HINT = "Set AVATARBOT_STATUS_TOKEN to see its connections, waits and last problems here, and at /status/."  # noqa: S105
MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What the service here says: why it is not ready (None where none answers), and what it knows of itself where it was asked."""

    reasons: Mapping[str, str] | None
    process: Mapping[str, Any] | None = None


async def status() -> tuple[str, bool]:
    """The screen, and whether all is well. Raises `AvatarbotError`."""
    settings = load(Settings)
    async with open_storage(settings, BESIDE_THE_SERVICE) as storage:
        found = await overview(storage, settings.limits, datetime.now(UTC))
    answered = await asyncio.to_thread(_asked, settings)
    return "\n".join(screen(settings, found, answered)), answered.reasons == {}


def _asked(settings: Settings) -> ServiceAnswer:
    why = reasons(settings)
    return ServiceAnswer(why, _process(settings) if why is not None and settings.status_token else None)


def _process(settings: Settings) -> Mapping[str, Any] | None:
    assert settings.status_token
    connection = connection_to(settings)
    try:
        token = settings.status_token.get_secret_value()
        connection.request("GET", "/status/now", headers={"authorization": f"Bearer {token}"})
        answer: Mapping[str, Any] = json.loads(connection.getresponse().read(MOST_BYTES))["process"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
    return answer


# ---------------------------------------------------------------- the screen


def screen(settings: Settings, found: Overview, answered: ServiceAnswer) -> list[str]:
    """Its lines."""
    return [*_service(settings, answered), "", *_work(found), "", *_money(found), *_process_lines(settings, answered)]


def _service(settings: Settings, answered: ServiceAnswer) -> list[str]:
    if answered.reasons is None:
        return [
            f"No service answers on port {settings.port} of this machine. What follows is from {settings.database_name}."
        ]
    if answered.reasons:
        return [f"The service on port {settings.port} runs and is not ready:", *_named(answered.reasons)]
    return [f"The service on port {settings.port} runs and is ready."]


def _named(reasons: Mapping[str, str]) -> list[str]:
    return [f"  {printable_line(name)}: {printable_line(why)}" for name, why in reasons.items()]


def _work(found: Overview) -> list[str]:
    sessions = ", ".join(f"{number} {status}" for status, number in found.sessions.items()) or "none"
    return [
        f"Sessions   {sessions} (at most {found.at_once} at once on your account)",
        f"Waiting    {found.waiting} message{'' if found.waiting == 1 else 's'} not taken yet",
        *([_process_row(each, found.at) for each in found.processes] or ["Processes  none holds a lease"]),
    ]


def _process_row(process: LivingProcess, now: datetime) -> str:
    roles = "+".join(sorted(process.roles))
    runs = f"runs {process.running} of {process.rooms}" if process.rooms else "runs no sessions"
    return f"Process    {roles}, {runs}, up {_span(now - process.since)}"


def _money(found: Overview) -> list[str]:
    lines = [f"Paid today {_paid(found.paid)}; a person may use {found.person_minutes} min a day"]
    return [*lines, *([f"Own keys   {_paid(found.own_keys)}"] if found.own_keys.bought else [])]


def _paid(paid: Paid) -> str:
    lost = f", {_minutes(paid.leaked)} lost" if paid.leaked else ""
    unknown = f", {_minutes(paid.unknown)} unknown" if paid.unknown > 0 else ""
    return f"{_minutes(paid.bought)} bought, {_minutes(paid.used)} used, {_minutes(paid.refunded)} given back{lost}{unknown}"


def _process_lines(settings: Settings, answered: ServiceAnswer) -> Iterator[str]:
    if answered.reasons is None:
        return
    if answered.process is None:
        yield ""
        yield TOKEN_HINT if settings.status_token is None else "The service here does not take AVATARBOT_STATUS_TOKEN."
        return
    process = answered.process
    yield ""
    yield "This process"
    well = [name for name in process["asked"] if name not in process["reasons"]]
    yield f"  Works      {', '.join(well) or 'nothing'}"
    calls = process["provider"]
    yield f"  {calls['name']}      {calls['calls']} calls, {calls['failed']} of them failed"
    if process["waits"]:
        rows = [
            (wait["what"], str(wait["count"]), _within(wait["half"]), _within(wait["most"]))
            for wait in process["waits"]
        ]
        yield from ("  " + line for line in in_columns(("WAITS", "TIMES", "HALF", "95 OF 100"), rows).splitlines())
    for problem in process["problems"]:
        last = datetime.fromisoformat(problem["last"])
        yield f"  {last:%H:%M} UTC  {problem['level']}: {printable_line(problem['event'])}{_times(problem['times'])}"


def _within(seconds: float | None) -> str:
    return f"< {seconds:g} s" if seconds is not None else "longer"


def _times(times: int) -> str:
    return f" ({times} times)" if times > 1 else ""


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.1f} min"


def _span(span: timedelta) -> str:
    minutes = max(0, round(span.total_seconds() / 60))
    return (
        f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"
    )
