"""Takes what people do in a window to the core, and tells them what came of it."""

import asyncio
import re
import secrets
from datetime import timedelta

from starlette.websockets import WebSocket

from adapters.playground.clients import Client, Clients
from adapters.playground.image_proxy import ImageProxy
from adapters.playground.people import People
from adapters.playground.protocol import (
    Acknowledged,
    Author,
    Channels,
    ChoiceShown,
    CloseChannel,
    Enter,
    ListValues,
    Message,
    Offered,
    OpenChannel,
    PeoplePresent,
    Pick,
    Press,
    Rename,
    Rewrite,
    RunCommand,
    Told,
    Welcome,
    Withdraw,
    Write,
    encode,
)
from adapters.playground.views import shown_verbs
from bot.commands.buttons import card_button, confirmed
from bot.commands.errors import ParseError
from bot.commands.parser import parse
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.errors import MessageGone, PlaceGone, StoreUnavailable
from bot.domain.messages import (
    Accepted,
    Command,
    Duplicate,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    NoSession,
    Question,
    Refused,
    ReplyTo,
)
from bot.domain.people import Membership, Person
from bot.ports.chat import CoreApi, ValueQuery
from bot.ports.clock import Clock

HANDLE_LIFE = timedelta(minutes=15)
HANDLE_USES = 5
LOOK_TIMEOUT_S = 1.5
TEXT_LIMIT = 8_000
NOT_TAKEN = "That was not taken. Please try again."

_CHANNEL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_MENTION = re.compile(r"\s*@avatar(?:bot)?\b[,:]?\s*", re.IGNORECASE)
_SLASH = re.compile(r"\s*/(?:avatar\b)?\s*")

Done = Write | RunCommand | Pick | Press | Rewrite | Withdraw | Rename | OpenChannel | CloseChannel
"""What somebody does, in their order. `ListValues` is not among them: it waits for nobody."""


class PlaygroundInboundHandler:
    """One for all windows. What it takes it acknowledges with `Acknowledged`, so that a window knows what to send again."""

    def __init__(
        self,
        core: CoreApi,
        clock: Clock,
        windows: Clients,
        people: People,
        pictures: ImageProxy,
        *,
        notice: str = "",
    ) -> None:
        self._notice = notice
        self._clock = clock
        self._people = people
        self._windows = windows
        self.core = core
        self.store = windows.store
        self.pictures = pictures

    # ------------------------------------------------ coming and going

    def enter(self, socket: WebSocket, enter: Enter) -> Client:
        """Let somebody in, and show them around."""
        person = self._people.enter(enter)
        self._people.arrive(person)
        window = Client(socket, self.store, person, enter.seq)
        self._windows.open(window)
        window.note(encode(self._welcome(person)))
        self._announce_people()
        return window

    def leave(self, window: Client) -> None:
        self._windows.close(window)
        self._people.leave(window.person)
        self._announce_people()

    # ------------------------------------------------ what people do

    async def take(self, window: Client, done: Done) -> Inbound | None:
        """Do it; a question that is still to be answered is returned, so that nothing has to wait for the answer."""
        try:
            return await self._take(window, done)
        except (PlaceGone, MessageGone) as gone:
            window.note(encode(Told(secrets.token_hex(8), gone.sentence)))
            return None

    async def look(self, window: Client, look: ListValues) -> None:
        """Offer values; none, if the core does not know in time."""
        place = _place(look.channel, look.thread)
        ask = ValueQuery(place, window.person, look.verb, look.option, look.typed)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                choices = await self.core.ask(ask)
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
            channels=self.store.channels,
            people=self._people.everybody,
            verbs=shown_verbs(person.standing),
            notice=self._notice,
        )

    async def _take(self, window: Client, done: Done) -> Inbound | None:
        match done:
            case Write():
                return await self._write(window, done)
            case RunCommand():
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
                    self.store.open_channel(name)
                    self._announce_channels()
            case CloseChannel(name=name):
                self.store.close_channel(name)
                self._announce_channels()
                await self.core.channel_removed(_place(name, ""))
        return None

    async def _press(self, window: Client, press: Press) -> Inbound | None:
        card = self.store.message(press.message)
        place = _place(card.channel, card.thread or card.id)
        button = card_button(press.action, card.card.session_id if card.card else "")
        return await self._command(window, press.nonce, place, button.confirmed if press.confirmed else button.command)

    async def _write(self, window: Client, write: Write) -> Inbound | None:
        """A message stands in the channel first, as everywhere; sent again after a broken connection, it is not doubled."""
        person = window.person
        author = Author(person.id, person.name)
        message = self.store.sent(person.id, write.nonce) or self.store.add(
            Message("", write.channel, author, write.text[:TEXT_LIMIT], write.thread, nonce=write.nonce)
        )
        self._windows.wake()
        words = _MENTION.sub(" ", message.text, count=1).strip() if _MENTION.match(message.text) else message.text
        mentioned = words != message.text
        ref = MessageRef(_place(message.channel, message.thread), message.id)
        inbound = self._inbound(
            window, write.nonce, ref.place, MessagePosted(words, ref, mentioned), stamp=int(message.id)
        )
        return await self._hand_in(window, inbound, write.nonce, spoken_to=mentioned)

    async def _run(self, window: Client, run: RunCommand) -> Inbound | None:
        parsed = parse(_SLASH.sub("", run.text, count=1))
        if isinstance(parsed, ParseError):
            self._tell(window, _place(run.channel, run.thread), parsed.sentence, run.nonce)
            window.note(encode(Acknowledged(run.nonce)))
            return None
        typed = self._people.mentioned(parsed)
        options = {**typed.options, **{name: run.picked[name] for name in parsed.options.keys() & run.picked.keys()}}
        return await self._command(window, run.nonce, _place(run.channel, run.thread), Command(parsed.verb, options))

    async def _command(self, window: Client, nonce: str, place: ConversationRef, command: Command) -> Inbound | None:
        inbound = self._inbound(window, nonce, place, command, stamp=self.store.stamp())
        return await self._hand_in(window, inbound, nonce, spoken_to=True)

    async def _correct(self, window: Client, done: Rewrite | Withdraw) -> Inbound | None:
        """Authors may edit and delete what they wrote; the admin may delete anything, also what the bot wrote."""
        message, person = self.store.message(done.message), window.person
        own = message.author.id == person.id
        if not own and (isinstance(done, Rewrite) or person.standing is not Membership.ADMIN):
            raise MessageGone("That is not yours to change.")
        ref = MessageRef(_place(message.channel, message.thread), message.id)
        body: MessageEdited | MessageDeleted = MessageDeleted(ref)
        if isinstance(done, Rewrite):
            body = MessageEdited(ref, done.text[:TEXT_LIMIT])
            self.store.change(message, text=body.text, edited=True)
        else:
            self.store.change(message, text="", deleted=True)
        self._windows.wake()
        if message.author.kind != "person":
            window.note(encode(Acknowledged(done.nonce)))
            return None
        inbound = self._inbound(window, done.nonce, ref.place, body, stamp=self.store.stamp())
        return await self._hand_in(window, inbound, done.nonce, spoken_to=False)

    def _inbound(
        self,
        window: Client,
        nonce: str,
        place: ConversationRef,
        body: MessagePosted | Command | MessageEdited | MessageDeleted,
        *,
        stamp: int,
    ) -> Inbound:
        person = window.person
        expires_at = self._clock.now() + HANDLE_LIFE
        reply_to = ReplyTo(place, person, handle=nonce, expires_at=expires_at, uses_left=HANDLE_USES)
        return Inbound(f"{person.id}:{nonce}", stamp, place, person, body, reply_to)

    async def _hand_in(self, window: Client, inbound: Inbound, nonce: str, *, spoken_to: bool) -> Inbound | None:
        try:
            outcome = await self.core.accept(inbound)
        except StoreUnavailable:
            outcome = Refused(NOT_TAKEN)
        window.note(encode(Acknowledged(nonce)))
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

    def _tell(self, window: Client, place: ConversationRef, sentence: str, nonce: str) -> None:
        window.note(encode(Told(secrets.token_hex(8), sentence, place.channel_id, place.thread_id, nonce)))

    def _announce_people(self) -> None:
        self._windows.announce(PeoplePresent(self._people.everybody))

    def _announce_channels(self) -> None:
        self._windows.announce(Channels(self.store.channels))


def _place(channel: str, thread: str) -> ConversationRef:
    return ConversationRef("playground", "playground", channel, thread)
