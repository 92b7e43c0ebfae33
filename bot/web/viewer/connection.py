"""One page that watches a session."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from starlette.websockets import WebSocket

from bot.domain.disclosure import Disclosed
from bot.domain.sessions import Mode, SessionStatus
from bot.media.events import Caption, SessionEvent, SessionEvents, SessionView
from bot.media.floor import Floor
from bot.media.voices import Microphone
from bot.ports.grants import Grant
from bot.web.viewer.archive import Archive
from bot.web.viewer.presence import Presence
from bot.web.viewer.sending import NewestFrames
from bot.web.viewer.speaking import PageMicrophone
from bot.web.viewer.wire import Audience, Outcome, OwnWords, SaidLine, Session, ToPage, VoiceNote, encode

OUTCOMES_LIMIT = 64
"""Outcomes that a page has not been sent yet; while there are so many, nothing more is read of it."""

REMEMBERED = 200
"""Utterances of which is known how the page has them."""

MakeMicrophone = Callable[[Callable[[str], None], Callable[[str], None]], Microphone | None]
"""Makes one that shows its person their words, and tells them sentences, this way; none for who may only watch."""


class ViewerConnection:
    """Sends what changed since it last sent: the newest view, the newest text of each utterance."""

    def __init__(  # noqa: PLR0917
        self,
        socket: WebSocket,
        grant: Grant,
        events: SessionEvents,
        archive: Archive,
        audiences: Presence,
        microphone: MakeMicrophone,
    ) -> None:
        self._grant = grant
        self._events = events
        self._archive = archive
        self._audiences = audiences
        self._sent = asyncio.Event()
        self._outcomes = 0
        self._said: dict[str, tuple[str, bool]] = {}
        self._frames = NewestFrames[ToPage](socket, events.media.of(grant.session_id), encode, sent=self._note_sent)
        self.player = self._frames.player
        self.show, self.write = self._frames.show, self._frames.write
        self.microphone = PageMicrophone(
            events.voices.of(grant.session_id), microphone(lambda text: self.show("heard", OwnWords(text)), self.tell)
        )

    def answer(self, outcome: Outcome) -> None:
        """Have it sent, beside all others."""
        name = f"outcome {outcome.nonce}"
        self._outcomes += not self._frames.holds(name)
        self.show(name, outcome)

    def tell(self, sentence: str) -> None:
        """Say something about their voice to whoever looks at the page."""
        self.show("note", VoiceNote(sentence))

    def close(self) -> None:
        """The page is gone."""
        self.microphone.leave()

    async def room(self) -> None:
        """Wait until there is room for one more outcome."""
        while self._outcomes >= OUTCOMES_LIMIT:
            self._sent.clear()
            await self._sent.wait()

    def _note_sent(self, frame: ToPage) -> None:
        if isinstance(frame, Outcome):
            self._outcomes -= 1
            self._sent.set()

    async def follow(self, disclosed: Disclosed, *, plays: bool) -> None:
        """Be a viewer until cancelled. What was said before comes from the archive, what is said from now on from the events."""
        session_id = self._grant.session_id
        watched = self.player.media.watching(self.player, disclosed) if plays else nullcontext()
        with self._present(), watched, self._events.watch(session_id, disclosed) as events:
            view = self._events.view(session_id) or await self._archive.view(session_id)
            self._show_event(view or _over(session_id))
            self.show("floor", self.microphone.floor)
            for caption in await self._archive.captions(session_id):
                self._show_caption(caption, replayed=True)
            async for event in events:
                self._show_event(event)

    def _present(self) -> AbstractContextManager[None]:
        name = self._grant.person.name if self._grant.person else ""
        return self._audiences.present(self._grant.session_id, self._grant.viewer, name, self._show_audience)

    def _show_audience(self, audience: Audience) -> None:
        self.show("audience", audience)

    def _show_event(self, event: SessionEvent) -> None:
        match event:
            case SessionView():
                self.show("session", Session.of(event))
            case Caption():
                self._show_caption(event)
            case Floor():
                self.show("floor", self.microphone.shown(event))

    def _show_caption(self, caption: Caption, *, replayed: bool = False) -> None:
        """Unless the page has it already: what was said while another process could not be reached is read from the archive."""
        said = (caption.text, caption.final)
        if self._said.pop(caption.id, None) != said:
            self.show(f"said {caption.id}", SaidLine.of(caption, replayed=replayed))
        self._said[caption.id] = said
        if len(self._said) > REMEMBERED:
            del self._said[next(iter(self._said))]


def _over(session_id: str) -> SessionView:
    """A session of which only the link is left."""
    return SessionView(session_id, SessionStatus.ENDED, "", "", Mode.DIALOGUE, "")
