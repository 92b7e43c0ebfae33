"""Takes what people do in a window to the core, and tells them what came of it."""

import asyncio
import re
import secrets
from datetime import timedelta

from starlette.websockets import WebSocket

from adapters.playground.people import People
from adapters.playground.pictures import Pictures
from adapters.playground.shown import shown_verbs
from adapters.playground.windows import Window, Windows
from adapters.playground.wire import (
    Author,
    Channels,
    ChoiceShown,
    CloseChannel,
    Enter,
    Look,
    Message,
    Offered,
    OpenChannel,
    Pick,
    Present,
    Press,
    Rename,
    Rewrite,
    Run,
    Taken,
    Told,
    Welcome,
    Withdraw,
    Write,
    encode,
)
from bot.commands.buttons import card_button, confirmed
from bot.commands.misunderstood import Misunderstood
from bot.commands.parser import parse
from bot.errors import MessageGone, PlaceGone, StoreUnavailable
from bot.model import (
    Accepted,
    Command,
    Duplicate,
    Edited,
    Inbound,
    MessageRef,
    NoSession,
    Person,
    Place,
    Question,
    Refused,
    ReplyTo,
    Said,
    Standing,
    Withdrawn,
)
from bot.ports.chat import Ask, Reception
from bot.ports.clock import Clock

HANDLE_LIFE = timedelta(minutes=15)
HANDLE_USES = 5
LOOK_TIMEOUT_S = 1.5
TEXT_LIMIT = 8_000
NOT_TAKEN = "That was not taken. Please try again."

_CHANNEL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_MENTION = re.compile(r"\s*@avatar(?:bot)?\b[,:]?\s*", re.IGNORECASE)
_SLASH = re.compile(r"\s*/(?:avatar\b)?\s*")

Done = Write | Run | Pick | Press | Rewrite | Withdraw | Rename | OpenChannel | CloseChannel
"""What somebody does, in their order. `Look` is not among them: it waits for nobody."""


class Desk:
    """One for all windows. What it takes it acknowledges with `Taken`, so that a window knows what to send again."""

    def __init__(
        self,
        reception: Reception,
        clock: Clock,
        windows: Windows,
        people: People,
        pictures: Pictures,
        *,
        notice: str = "",
    ) -> None:
        self._notice = notice
        self._clock = clock
        self._people = people
        self._windows = windows
        self.reception = reception
        self.board = windows.board
        self.pictures = pictures

    # ------------------------------------------------ coming and going

    def enter(self, socket: WebSocket, enter: Enter) -> Window:
        """Let somebody in, and show them around."""
        person = self._people.enter(enter)
        self._people.arrive(person)
        window = Window(socket, self.board, person, enter.seq)
        self._windows.open(window)
        window.note(encode(self._welcome(person)))
        self._announce_people()
        return window

    def leave(self, window: Window) -> None:
        self._windows.close(window)
        self._people.leave(window.person)
        self._announce_people()

    # ------------------------------------------------ what people do

    async def take(self, window: Window, done: Done) -> Inbound | None:
        """Do it; a question that is still to be answered is returned, so that nothing has to wait for the answer."""
        try:
            return await self._take(window, done)
        except (PlaceGone, MessageGone) as gone:
            window.note(encode(Told(secrets.token_hex(8), gone.sentence)))
            return None

    async def look(self, window: Window, look: Look) -> None:
        """Offer values; none, if the core does not know in time."""
        place = _place(look.channel, look.thread)
        ask = Ask(place, window.person, look.verb, look.option, look.typed)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                choices = await self.reception.ask(ask)
        except TimeoutError:
            choices = ()
        offered = (ChoiceShown(c.value, c.label, c.detail, self.pictures.ours(c.picture)) for c in choices)
        window.note(encode(Offered(look.look, tuple(offered))))

    # ------------------------------------------------ inside

    def _welcome(self, person: Person) -> Welcome:
        return Welcome(
            you=self._people.shown(person),
            proof=self._people.proof(person.id),
            now=self._clock.now(),
            channels=self.board.channels,
            people=self._people.everybody,
            verbs=shown_verbs(person.standing),
            notice=self._notice,
        )

    async def _take(self, window: Window, done: Done) -> Inbound | None:
        match done:
            case Write():
                return await self._write(window, done)
            case Run():
                return await self._run(window, done)
            case Pick(nonce=nonce, channel=channel, thread=thread, verb=verb, options=options):
                command = Command(verb, options)
                command = confirmed(command) if done.confirmed else command
                return await self._command(window, nonce, _place(channel, thread), command)
            case Press():
                return await self._press(window, done)
            case Rewrite() | Withdraw():
                return await self._correct(window, done)
            case Rename(name=name):
                window.person = self._people.rename(window.person, name)
                self._announce_people()
            case OpenChannel(name=name):
                if _CHANNEL_NAME.fullmatch(name):
                    self.board.open_channel(name)
                    self._announce_channels()
            case CloseChannel(name=name):
                self.board.close_channel(name)
                self._announce_channels()
                await self.reception.place_gone(_place(name, ""))
        return None

    async def _press(self, window: Window, press: Press) -> Inbound | None:
        card = self.board.message(press.message)
        place = _place(card.channel, card.thread or card.id)
        button = card_button(press.action, card.card.session_id if card.card else "")
        return await self._command(window, press.nonce, place, button.confirmed if press.confirmed else button.command)

    async def _write(self, window: Window, write: Write) -> Inbound | None:
        """A message stands in the channel first, as everywhere; sent again after a broken connection, it is not doubled."""
        person = window.person
        author = Author(person.id, person.name)
        message = self.board.sent(person.id, write.nonce) or self.board.add(
            Message("", write.channel, author, write.text[:TEXT_LIMIT], write.thread, nonce=write.nonce)
        )
        self._windows.wake()
        words = _MENTION.sub(" ", message.text, count=1).strip() if _MENTION.match(message.text) else message.text
        mentioned = words != message.text
        ref = MessageRef(_place(message.channel, message.thread), message.id)
        inbound = self._inbound(window, write.nonce, ref.place, Said(words, ref, mentioned), stamp=int(message.id))
        return await self._hand_in(window, inbound, write.nonce, spoken_to=mentioned)

    async def _run(self, window: Window, run: Run) -> Inbound | None:
        parsed = parse(_SLASH.sub("", run.text, count=1))
        if isinstance(parsed, Misunderstood):
            self._tell(window, _place(run.channel, run.thread), parsed.sentence, run.nonce)
            window.note(encode(Taken(run.nonce)))
            return None
        typed = self._people.mentioned(parsed)
        options = {**typed.options, **{name: run.picked[name] for name in parsed.options.keys() & run.picked.keys()}}
        return await self._command(window, run.nonce, _place(run.channel, run.thread), Command(parsed.verb, options))

    async def _command(self, window: Window, nonce: str, place: Place, command: Command) -> Inbound | None:
        inbound = self._inbound(window, nonce, place, command, stamp=self.board.stamp())
        return await self._hand_in(window, inbound, nonce, spoken_to=True)

    async def _correct(self, window: Window, done: Rewrite | Withdraw) -> Inbound | None:
        """Authors may edit and delete what they wrote; the admin may delete anything, also what the bot wrote."""
        message, person = self.board.message(done.message), window.person
        own = message.author.id == person.id
        if not own and (isinstance(done, Rewrite) or person.standing is not Standing.ADMIN):
            raise MessageGone("That is not yours to change.")
        ref = MessageRef(_place(message.channel, message.thread), message.id)
        body: Edited | Withdrawn = Withdrawn(ref)
        if isinstance(done, Rewrite):
            body = Edited(ref, done.text[:TEXT_LIMIT])
            self.board.change(message, text=body.text, edited=True)
        else:
            self.board.change(message, text="", deleted=True)
        self._windows.wake()
        if message.author.kind != "person":
            window.note(encode(Taken(done.nonce)))
            return None
        inbound = self._inbound(window, done.nonce, ref.place, body, stamp=self.board.stamp())
        return await self._hand_in(window, inbound, done.nonce, spoken_to=False)

    def _inbound(
        self, window: Window, nonce: str, place: Place, body: Said | Command | Edited | Withdrawn, *, stamp: int
    ) -> Inbound:
        person = window.person
        expires_at = self._clock.now() + HANDLE_LIFE
        reply_to = ReplyTo(place, person, handle=nonce, expires_at=expires_at, uses_left=HANDLE_USES)
        return Inbound(f"{person.id}:{nonce}", stamp, place, person, body, reply_to)

    async def _hand_in(self, window: Window, inbound: Inbound, nonce: str, *, spoken_to: bool) -> Inbound | None:
        try:
            outcome = await self.reception.accept(inbound)
        except StoreUnavailable:
            outcome = Refused(NOT_TAKEN)
        window.note(encode(Taken(nonce)))
        match outcome:
            case Question():
                return inbound
            case Refused(sentence):
                self._tell(window, inbound.place, sentence, nonce)
            case NoSession(sentence) if spoken_to:
                self._tell(window, inbound.place, sentence, nonce)
            case NoSession() | Accepted() | Duplicate():
                pass
        return None

    def _tell(self, window: Window, place: Place, sentence: str, nonce: str) -> None:
        window.note(encode(Told(secrets.token_hex(8), sentence, place.channel_id, place.thread_id, nonce)))

    def _announce_people(self) -> None:
        self._windows.announce(Present(self._people.everybody))

    def _announce_channels(self) -> None:
        self._windows.announce(Channels(self.board.channels))


def _place(channel: str, thread: str) -> Place:
    return Place("playground", "playground", channel, thread)
