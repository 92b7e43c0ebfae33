"""What was used, and what is left."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

from bot.commands.parser import listed
from bot.domain.conversations import File, Reply, Role
from bot.domain.errors import ProviderError
from bot.domain.provider import UsedMinutes, day_of
from bot.ports.storage.records import InboxOutcome
from bot.queries.context import Query, channel_names
from bot.queries.usage_chart import OTHERS, described, minutes_by_day
from bot.runtime.budget import Day, day_allowed

USUAL_DAYS = 30
LISTED = 8
"""Channels or avatars that a line names; the rest are summed up."""


async def show(request: Query) -> Reply:
    """Minutes by day, channel and avatar of this workspace, and the account's credit."""
    days, services, place = request.number("days", USUAL_DAYS), request.context.services, request.place
    since = day_of(request.now) - timedelta(days=days - 1)
    used = await services.storage.usage.minutes(place.platform, place.workspace_id, since)
    total = sum(run.minutes for run in used)
    span = "today" if days == 1 else f"in the last {days} days"
    lines = [
        f"{_minutes(total)} {span}.",
        await _paid(request, since),
        *await _breakdown(request, used),
        await _own_day(request),
        await _credit(request),
        await _moderated(request, since),
    ]
    picture = await _picture(used, since.date(), days) if used else None
    return Reply("\n".join(filter(None, lines)), file=picture, private=True)


async def _picture(used: Sequence[UsedMinutes], first: date, days: int) -> File:
    drawn = await asyncio.to_thread(minutes_by_day, used, first, days)
    return File("usage.png", "image/png", drawn, described(used, first, days))


async def _breakdown(request: Query, used: Sequence[UsedMinutes]) -> list[str]:
    if not used:
        return []
    names = await _channels(request, used)
    return [
        f"By day: {_shares(used, lambda run: f'{run.day:%b} {run.day.day}', most_first=False)}.",
        f"By channel: {_shares(used, lambda run: names.get(run.channel_id, OTHERS))}.",
        f"By avatar: {_shares(used, lambda run: run.avatar_name or 'unnamed')}.",
    ]


async def _paid(request: Query, since: datetime) -> str:
    """By the same books as `avatarbot ledger`."""
    place = request.place
    days = await request.context.services.storage.ledger.days(since, place.platform, place.workspace_id)
    bought, refunded, leaked, unknown = (
        sum((getattr(day, name) for day in days), timedelta()) / timedelta(minutes=1)
        for name in ("bought", "refunded", "leaked", "unknown")
    )
    if not (bought or unknown):
        return ""
    lost = f" {_minutes(leaked)} were paid after an avatar was to end." if leaked else ""
    missed = f" Perhaps {_minutes(unknown)} more: {request.provider.name}'s answer was missed." if unknown else ""
    return f"Bought in advance: {_minutes(bought)}, of which {_minutes(refunded)} were given back.{lost}{missed}"


async def _channels(request: Query, used: Sequence[UsedMinutes]) -> Mapping[str, str]:
    """The names of those used most: the platform is not asked about more than a line can hold."""
    minutes = _sums(used, lambda run: run.channel_id)
    return await channel_names(request, sorted(minutes, key=lambda channel_id: -minutes[channel_id])[:LISTED])


def _sums(used: Sequence[UsedMinutes], key: Callable[[UsedMinutes], str]) -> Mapping[str, float]:
    minutes: defaultdict[str, float] = defaultdict(float)
    for run in used:
        minutes[key(run)] += run.minutes
    return minutes


def _shares(used: Sequence[UsedMinutes], key: Callable[[UsedMinutes], str], *, most_first: bool = True) -> str:
    minutes = list(_sums(used, key).items())
    shares = sorted(minutes, key=lambda share: (share[0] == OTHERS, -share[1])) if most_first else minutes[::-1]
    named = [f"{name} {_minutes(amount)}" for name, amount in shares[:LISTED]]
    rest = sum(amount for _, amount in shares[LISTED:])
    return listed([*named, *([f"{OTHERS} {_minutes(rest)}"] if rest else [])], "and")


def _minutes(amount: float) -> str:
    if 0 < amount < 0.1:
        return "0.1 min"
    return f"{amount:,.0f} min" if amount >= 10 or not amount else f"{amount:.1f} min"


async def _own_day(request: Query) -> str:
    """Of whoever asks."""
    services = request.context.services
    use = await services.storage.usage.of_person(request.place, request.person.id)
    return Day.of(use, await day_allowed(services, request.person.id)).described()


async def _moderated(request: Query, since: datetime) -> str:
    """How often words were not spoken, for admins: never which."""
    if request.role is not Role.ADMIN:
        return ""
    place, inbox = request.place, request.context.services.storage.inbox
    outcomes = (InboxOutcome.MODERATED, InboxOutcome.ANSWER_MODERATED, InboxOutcome.UNCHECKED)
    counts = await inbox.count_outcomes(place.platform, place.workspace_id, since, outcomes)
    messages, answers, unchecked = (counts.get(outcome, 0) for outcome in outcomes)
    told = [
        _counted(messages, "message was refused", "messages were refused"),
        _counted(answers, "answer was cut or refused", "answers were cut or refused"),
        _counted(unchecked, "message was not checked in time", "messages were not checked in time"),
    ]
    return f"Moderation: {listed(list(filter(None, told)), 'and')}." if counts else ""


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""


async def _credit(request: Query) -> str:
    """Of the whole account: not for a workspace that nobody pays for."""
    account = request.provider.capabilities.credit
    if account is None or not request.workspace.funded:
        return ""
    try:
        return f"Credit left at {request.provider.name}: {await account.credit():,.0f}."
    except ProviderError as error:
        return f"How much credit is left is not known: {error.sentence}"
