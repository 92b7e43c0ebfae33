"""`avatarbot status`: one screen, of the database and of the service that runs here."""

import asyncio
import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from bot.app.operations import in_columns
from bot.app.running import connection_to, reasons
from bot.app.wiring import BESIDE_THE_SERVICE, open_storage
from bot.domain.text import printable_line
from bot.ports.storage.records import LivingProcess
from bot.queries.overview import Overview, Paid, overview
from bot.settings import Settings, load
from bot.web.status.routes import ProcessStatus

TOKEN_HINT = "Set AVATARBOT_STATUS_TOKEN to see its connections, waits and last problems here, and at /status/."  # noqa: S105
NOT_TAKEN = "The service here does not take AVATARBOT_STATUS_TOKEN."
NO_ANSWER = "The service here does not say how it is doing. Please try again."
OTHER_VERSION = "The service here is of another version: what it says of itself is on its own page, /status/."
MOST_BYTES = 1_000_000


class _StatusAnswer(msgspec.Struct, frozen=True):
    """What is read of the answer of the service that runs here."""

    process: ProcessStatus


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What the service here says: why it is not ready (None where none answers), and what it knows of itself, or why that is not known."""

    reasons: Mapping[str, str] | None
    process: ProcessStatus | str = ""


async def status() -> tuple[str, bool]:
    """The screen, and whether all is well. Raises `AvatarbotError`."""
    settings = load(Settings)
    async with open_storage(settings, BESIDE_THE_SERVICE) as storage:
        found = await overview(storage, settings.limits, datetime.now(UTC))
    answered = await asyncio.to_thread(asked, settings)
    return "\n".join(screen(settings, found, answered)), answered.reasons == {}


def asked(settings: Settings) -> ServiceAnswer:
    why = reasons(settings)
    return ServiceAnswer(why, _process(settings) if why is not None else "")


def _process(settings: Settings) -> ProcessStatus | str:
    """As the service tells it, or a sentence why not."""
    if settings.status_token is None:
        return TOKEN_HINT
    connection = connection_to(settings)
    try:
        token = settings.status_token.get_secret_value()
        connection.request("GET", "/status/now", headers={"authorization": f"Bearer {token}"})
        return _read(connection.getresponse())
    except (OSError, http.client.HTTPException):
        return NO_ANSWER
    except ValueError:  # a token that no header can carry
        return NOT_TAKEN
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse) -> ProcessStatus | str:
    if answer.status == http.client.NOT_FOUND:
        return NOT_TAKEN
    if answer.status != http.client.OK:
        return NO_ANSWER
    try:
        return msgspec.json.decode(answer.read(MOST_BYTES), type=_StatusAnswer).process
    except (msgspec.DecodeError, UnicodeDecodeError):
        return OTHER_VERSION


# ---------------------------------------------------------------- the screen


def screen(settings: Settings, found: Overview, answered: ServiceAnswer) -> list[str]:
    """Its lines."""
    return [*_service(settings, answered), "", *_work(found), "", *_money(found), *_process_lines(answered.process)]


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


def _process_lines(process: ProcessStatus | str) -> Iterator[str]:
    if process:
        yield ""
    if isinstance(process, str):
        yield from [process] if process else []
        return
    yield "This process"
    well = [name for name in process.asked if name not in process.reasons]
    yield printable_line(f"  Works      {', '.join(well) or 'nothing'}")
    calls = process.provider
    yield printable_line(f"  {calls.name}      {calls.calls} calls, {calls.failed} of them failed")
    if process.waits:
        rows = [(wait.what, str(wait.count), _within(wait.half), _within(wait.most)) for wait in process.waits]
        yield from ("  " + line for line in in_columns(("WAITS", "TIMES", "HALF", "95 OF 100"), rows).splitlines())
    for problem in process.problems:
        yield f"  {problem.last:%H:%M} UTC  {problem.level}: {printable_line(problem.event)}{_times(problem.times)}"


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
