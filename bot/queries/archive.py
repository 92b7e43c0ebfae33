"""The transcript as it is stored: of a session that runs, and of one that has ended."""

from collections.abc import Mapping, Sequence

from bot.domain.conversations import File
from bot.domain.disclosure import Disclosure, Disclosures
from bot.domain.posts import Speaker
from bot.media.events import Caption, SessionView
from bot.ports.storage import Storage
from bot.ports.storage.records import InboxOutcome, SessionRecord, TurnRecord, UtteranceRecord
from bot.runtime.status_card import card_of
from bot.speech.speakable import clean_name
from bot.transcript.export import Entry, Transcript, export

SOMEBODY = "Somebody in the room"


CUT_SHORT = frozenset({InboxOutcome.INTERRUPTED, InboxOutcome.WITHDRAWN})
"""Outcomes of a turn that was not heard to its end."""


class StoredArchive:
    """Reads; every method takes the id of one session, which its caller has the right to see."""

    def __init__(self, storage: Storage, disclosures: Disclosures) -> None:
        self._storage = storage
        self._disclosures = disclosures

    async def disclosure(self, session_id: str) -> Disclosure:
        session = await self._storage.sessions.get(session_id)
        return self._disclosures.of(session.spec.language if session else None)

    async def view(self, session_id: str) -> SessionView | None:
        session = await self._storage.sessions.get(session_id)
        if session is None:
            return None
        past = await self._storage.sessions.past(session_id)
        card = card_of(session, self._disclosures.of(session.spec.language), past=past)
        return SessionView(
            session_id=session.id,
            status=session.status,
            avatar_name=card.avatar_name,
            picture=card.picture,
            mode=card.mode,
            note=card.note,
        )

    async def captions(self, session_id: str) -> Sequence[Caption]:
        said = await self._storage.transcripts.of_session(session_id)
        given = await self._storage.transcripts.given(session_id)
        turns = {turn.id: turn for turn in given}
        lines = [(line.started_at, _caption(line, turns)) for line in said if line.text]
        lines += [(turn.at, Caption(turn.id, Speaker.USER, turn.text, True, turn.name)) for turn in given]
        return [caption for _, caption in sorted(lines, key=lambda line: line[0])]

    async def export(self, session_id: str, format: str, channel: str = "") -> File | None:  # noqa: A002 - the word people type
        """As a file. `channel` is the name of its channel, where somebody knows it; else the channel's id stands in the file."""
        transcript = await self.transcript(session_id, channel)
        return None if transcript is None else export(transcript, format)

    async def transcript(self, session_id: str, channel: str = "") -> Transcript | None:
        """What was said to the avatar and what it said; None for a session that is not kept any more."""
        session = await self._storage.sessions.get(session_id)
        if session is None:
            return None
        said = await self._storage.transcripts.of_session(session_id)
        given = await self._storage.transcripts.given(session_id)
        return Transcript(
            session_id=session.id,
            avatar_name=session.spec.avatar_name,
            starter_name=session.starter_name,
            place_name=f"{session.place.platform} · {channel or session.place.channel_id}",
            started_at=session.created_at,
            disclosure=self._disclosures.of(session.spec.language),
            ended_at=session.ended_at,
            entries=(
                *(Entry(turn.at, turn.name, Speaker.USER, turn.text) for turn in given),
                *(_entry(session, line, {turn.id: turn for turn in given}) for line in said),
            ),
        )


def _caption(line: UtteranceRecord, turns: Mapping[str, TurnRecord]) -> Caption:
    turn = turns.get(line.mid) if line.speaker is Speaker.BOT else None
    return Caption(line.id, line.speaker, line.text, line.final, to=clean_name(turn.name) if turn else "")


def _entry(session: SessionRecord, line: UtteranceRecord, turns: Mapping[str, TurnRecord]) -> Entry:
    """`turns` are those that people wrote, by their ids."""
    name = session.spec.avatar_name if line.speaker is Speaker.BOT else SOMEBODY
    duration = line.ended_at - line.started_at if line.ended_at else None
    turn = turns.get(line.mid) if line.speaker is Speaker.BOT else None
    if turn is None:
        return Entry(line.started_at, name, line.speaker, line.text, duration)
    cut_short = turn.outcome in CUT_SHORT
    return Entry(line.started_at, name, line.speaker, line.text, duration, cut_short, turn.name)
