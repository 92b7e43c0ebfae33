"""Status, watch, sessions, transcript, help, forget: what is live here, and what was; and deleting what is kept of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.commands.help import help_on
from bot.commands.policy import at_least, role_of
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, Item, Link, Reply, Role
from bot.domain.errors import ProviderError
from bot.domain.posts import MODES
from bot.domain.sessions import NOTHING_SHOWN, Outlook, SessionStatus
from bot.ports.provider import ProviderState
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus, SessionRecord
from bot.queries.context import Declined, Query, channel_name, is_open_here, whereabouts
from bot.queries.offers import facts
from bot.runtime.budget import Day, day_allowed
from bot.transcript.export import export

PROVIDER_SAYS = {
    ProviderState.QUEUEING: "is preparing it",
    ProviderState.LIVE: "says that it is live",
    ProviderState.OVER: "says that it is over",
    ProviderState.FAILED: "says that it failed",
}

LOOKED_AT = 50
"""Sessions of a channel that are looked through for one whose transcript may be seen from here."""

PROVIDER_LISTS = {
    ProviderState.QUEUEING: "being prepared",
    ProviderState.LIVE: "live",
    ProviderState.OVER: "over",
    ProviderState.FAILED: "failed",
}

AWAKE = frozenset({SessionStatus.STARTING, SessionStatus.LIVE, SessionStatus.RECONNECTING})

STATES = {
    SessionStatus.STARTING: "on its way",
    SessionStatus.LIVE: "live",
    SessionStatus.RECONNECTING: "reconnecting",
    SessionStatus.STOPPING: "just leaving",
    SessionStatus.SLEEPING: "asleep",
    SessionStatus.ENDED: "gone",
}


async def show_help(request: Query) -> Reply:
    """What whoever asks may do here; one command in detail whoever may use it."""
    services, topic = request.context.services, request.text("verb")
    platform = services.platforms.get(request.place.platform)
    policy = services.policy.on_platform(platform.features.commands if platform else ())
    named = CATALOGUE.verb(topic)
    if named and (absent := policy.absent(named)):
        return Reply(absent)
    if topic:
        return help_on(topic, policy.catalogue)
    refused = policy.may("start", Role.MEMBER, request.workspace)
    reply = help_on(catalogue=policy.offered(_may_become(request), request.workspace))
    if refused is None or request.role is Role.OUTSIDER:
        return reply
    return replace(reply, text=f"{refused.sentence}\n{reply.text}")


def _may_become(request: Query) -> Role:
    """Where nothing is live, a member may be the next to start something, and then to stop it."""
    return Role.STARTER if request.session is None and request.role is Role.MEMBER else request.role


# ---------------------------------------------------------------- the one that runs here


async def status(request: Query) -> Reply:
    session, services = request.live, request.context.services
    waiting = await services.storage.inbox.count_waiting(session.id)
    shown = session.shown if session.status in AWAKE else NOTHING_SHOWN
    name = session.spec.avatar_name or "An avatar"
    sentences = [
        f"{name} is {STATES[session.status]}, started by {session.starter_name} {_ago(session.created_at, request.now)}.",
        shown.note,
        _ends(shown.outlook, request.now),
        f"{waiting} {'message waits' if waiting == 1 else 'messages wait'}." if waiting else "",
        _answers_after(request, session),
        await _cost(request, session),
        await _state_at_provider(request, session),
    ]
    row = Item(name, MODES[session.spec.mode], session.spec.avatar_picture, status=session.status)
    return Reply(" ".join(filter(None, sentences)), (row,))


def _answers_after(request: Query, session: SessionRecord) -> str:
    answers = request.context.services.turn_times.answers_after(session.id)
    if answers is None:
        return ""
    return f"Answers after {_seconds(answers.total)}, of which ours {_seconds(answers.ours)}."


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds > 0.095 else f"{max(seconds, 0.001):.3f} s"


def _ago(moment: datetime, now: datetime) -> str:
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} hours ago"


def _ends(outlook: Outlook, now: datetime) -> str:
    """What will end it, and in how many minutes where that is known."""
    if outlook.at is None:
        return outlook.ends
    minutes = max(1, round((outlook.at - now).total_seconds() / 60))
    return f"{outlook.ends.removesuffix('.')}, in {minutes} min."


async def _cost(request: Query, session: SessionRecord) -> str:
    """What the session has used, and for members the day of whoever pays for it."""
    services, usage = request.context.services, request.context.services.storage.usage
    minutes = (await usage.of_session(session.id)).used / 60
    used_today = await usage.of_person(session.place, session.payer_id)
    day = Day.of(used_today, await day_allowed(services, session.payer_id))
    sleeping = session.status is SessionStatus.SLEEPING
    used = f"It has used {minutes:.1f} minutes{', and uses none while it is asleep' if sleeping else ' so far'}."
    return f"{used} {day.described(_payer(request, session))}" if at_least(request.role, Role.MEMBER) else used


def _payer(request: Query, session: SessionRecord) -> str:
    if session.payer_id == request.person.id:
        return "you"
    return session.starter_name if session.payer_id == session.starter_id else "Whoever extended it"


async def _state_at_provider(request: Query, session: SessionRecord) -> str:
    """What the provider itself says of what is open there."""
    rows = await _open_there(request, session)
    if not rows:
        return ""
    try:
        provider = await request.context.services.accounts.made_with(session.place, rows[-1].account)
        state = await provider.state(rows[-1].provider_id)
    except ProviderError as error:
        return error.sentence
    return f"{request.provider.name} {PROVIDER_SAYS[state]}."


async def _open_there(request: Query, session: SessionRecord) -> list[ProviderSessionRecord]:
    """What we believe to be open there, oldest first."""
    rows = await request.context.services.storage.provider_sessions.unclosed(session.id)
    return [row for row in rows if row.status is ProviderSessionStatus.OPEN]


async def watch(request: Query) -> Reply:
    session = request.live
    url = await request.context.links.speaking(session.id, request.person)
    return Reply(
        "This link is yours: whoever has it speaks as you.", link=Link(f"Watch {session.spec.avatar_name}", url)
    )


# ---------------------------------------------------------------- all of a workspace


async def list_sessions(request: Query) -> Reply:
    """Ours in this workspace, those of whoever asks first; everybody sees them, and whoever may stop one can."""
    services, place = request.context.services, request.place
    found = await services.storage.sessions.in_workspace(place.platform, place.workspace_id)
    if not found:
        return Reply("No avatar is live in this workspace. Start one with /avatar start.")
    found.sort(key=lambda session: session.starter_id != request.person.id)
    order = ", yours first" if len(found) > 1 and found[0].starter_id == request.person.id else ""
    text = f"{'1 session' if len(found) == 1 else f'{len(found)} sessions'} in this workspace{order}."
    rows = {session.id: await _open_there(request, session) for session in found}
    try:
        listed = await _listed(request, {row.account for there in rows.values() for row in there})
    except ProviderError as error:
        text, rows, listed = f"{text} {error.sentence}", {}, {}
    return Reply(text, tuple([await _session(request, each, rows.get(each.id, []), listed) for each in found]))


async def _listed(request: Query, accounts: Collection[str]) -> Mapping[str, ProviderState]:
    """Everything in these accounts at the provider. Raises `ProviderError`."""
    listed: dict[str, ProviderState] = {}
    for account in accounts:
        provider = await request.context.services.accounts.made_with(request.place, account)
        listed |= {info.id: info.state for info in await provider.sessions()}
    return listed


async def _session(
    request: Query, session: SessionRecord, rows: Sequence[ProviderSessionRecord], listed: Mapping[str, ProviderState]
) -> Item:
    """`rows` is what should be open there, nothing where the provider did not say."""
    services = request.context.services
    use = await services.storage.usage.of_session(session.id)
    state = listed.get(rows[-1].provider_id, ProviderState.OVER) if rows else ProviderState.LIVE
    view = services.events.view(session.id)
    detail = facts(
        await whereabouts(request, session),
        f"started {_ago(session.created_at, request.now)}",
        f"{use.used / 60:.1f} minutes used",
        f"{PROVIDER_LISTS[state]} at {request.provider.name}" if state is not ProviderState.LIVE else "",
    )
    may_stop = at_least(role_of(request.person, session.starter_id), Role.STARTER)
    return Item(
        session.spec.avatar_name or "An avatar",
        detail,
        session.spec.avatar_picture,
        command=Command("stop", {"session": session.id}) if may_stop else None,
        status=session.status,
        starter_name=_starter(request, session),
        ends_at=view.ends_at if view else None,
    )


def _starter(request: Query, session: SessionRecord) -> str:
    return "you" if session.starter_id == request.person.id else session.starter_name


async def named_for_question(request: Query) -> str:
    """The session that is to be stopped. Raises `Declined` where it has ended."""
    session = request.live
    name, where = session.spec.avatar_name or "the avatar", await whereabouts(request, session)
    return name if where == "here" else f"{name} {where}"


# ---------------------------------------------------------------- what was said


async def transcript(request: Query) -> Reply:
    """Of the session here, the one named, or the last one of this place. Another channel's only for admins, a private one's for nobody."""
    session = await _meant(request)
    channel = await channel_name(request, session.place.channel_id)
    said = await request.context.archive.transcript(session.id, channel)
    if said is None:
        raise Declined("What was said in that session is no longer kept.")
    if not said.in_order:
        raise Declined(f"Nothing has been said with {session.spec.avatar_name or 'the avatar'} yet.")
    days = request.context.services.timeouts.retention.days
    file = export(said, request.text("format") or "md")
    return Reply(f"The transcript of {session.spec.avatar_name}. It is kept for {days} days.", file=file)


async def _meant(request: Query) -> SessionRecord:
    named = request.text("session")
    if request.session is None and named:
        raise Declined(f"There is no session {named} in this workspace; /avatar sessions shows those that run.")
    if request.session is None:
        raise Declined("No avatar has talked here yet. Start one with /avatar start.")
    if named and not await is_open_here(request, request.session):
        raise Declined("What was said there is private: ask for it in that very channel or thread.")
    if request.session.place.channel != request.place.channel and request.role is not Role.ADMIN:
        raise Declined("That session belongs to another channel: ask for it there.")
    return request.session


async def last_talked(request: Query) -> SessionRecord | None:
    """The newest session here in which something was said and which may be seen from here."""
    for session in await request.context.services.storage.sessions.talked_in(request.place, LOOKED_AT):
        if await is_open_here(request, session):
            return session
    return None


POSTS_STAY = "Messages in channels are not mine to delete: delete yours there."
ANSWERS_STAY = "What avatars answered stays, even where it repeats you."

# ---------------------------------------------------------------- one person's words


async def forget_person_for_question(request: Query) -> str:
    """How much there is of whoever asks. Raises `Declined` where there is nothing."""
    words = await request.context.services.storage.transcripts.count_of_person(request.place, request.person.id)
    if not words:
        raise Declined(f"Nothing that you wrote to an avatar is kept here. {POSTS_STAY}")
    return f"your {counted(words)}"


async def forget_person(request: Query) -> Reply:
    """The words of whoever asks, in this workspace."""
    words = await request.context.services.storage.transcripts.forget_person(request.place, request.person.id)
    return Reply(f"Forgotten: {counted(words)} of yours. {ANSWERS_STAY} {POSTS_STAY}")


def counted(words: int) -> str:
    return "1 message" if words == 1 else f"{words:,} messages"


# ---------------------------------------------------------------- a session


async def forget_session_for_question(request: Query) -> str:
    """The session, as whoever asks may know it. Raises `Declined` for one that has not ended."""
    return await _called(request, _ended(request))


async def forget_session(request: Query) -> Reply:
    """All of a session that has ended."""
    found = _ended(request)
    await request.context.services.storage.sessions.forget([found.id])
    return Reply(f"Forgotten: {await _called(request, found)}. {POSTS_STAY}")


async def _called(request: Query, found: SessionRecord) -> str:
    where = await whereabouts(request, found)
    there = "" if where == "here" else f" {where}"
    return f"the session with {found.spec.avatar_name or 'the avatar'}{there} of {found.created_at:%Y-%m-%d %H:%M} UTC"


def _ended(request: Query) -> SessionRecord:
    """Raises `Declined` where there is none, and for one that goes on."""
    if request.session is None:
        raise Declined("Nothing that was said with an avatar here is kept.")
    if request.session.status is not SessionStatus.ENDED:
        name = request.session.spec.avatar_name or "The avatar"
        raise Declined(f"{name}'s session has not ended: stop it first with /avatar stop.")
    return request.session
