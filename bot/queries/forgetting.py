"""Deleting what is kept of what was said: one person's words, or a whole session."""

from bot.domain.conversations import Reply
from bot.domain.sessions import SessionStatus
from bot.ports.storage.records import SessionRecord
from bot.queries.context import Declined, Query, whereabouts

POSTS_STAY = "Messages in channels are not mine to delete: delete yours there."
ANSWERS_STAY = "What avatars answered stays, even where it repeats you."

# ---------------------------------------------------------------- one person's words


async def person_for_question(request: Query) -> str:
    """How much there is of whoever asks. Raises `Declined` where there is nothing."""
    words = await request.context.services.storage.transcripts.count_of_person(request.place, request.person.id)
    if not words:
        raise Declined(f"Nothing that you wrote to an avatar is kept here. {POSTS_STAY}")
    return f"your {counted(words)}"


async def person(request: Query) -> Reply:
    """The words of whoever asks, in this workspace."""
    words = await request.context.services.storage.transcripts.forget_person(request.place, request.person.id)
    return Reply(f"Forgotten: {counted(words)} of yours. {ANSWERS_STAY} {POSTS_STAY}")


def counted(words: int) -> str:
    return "1 message" if words == 1 else f"{words:,} messages"


# ---------------------------------------------------------------- a session


async def session_for_question(request: Query) -> str:
    """The session, as whoever asks may know it. Raises `Declined` for one that has not ended."""
    return await _called(request, _ended(request))


async def session(request: Query) -> Reply:
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
