"""Takes what people do on a page to the core, and tells them what came of it; and the catalogue as a client shows it."""

import asyncio
import re
import secrets
from datetime import timedelta
from functools import cache

from starlette.websockets import WebSocket

from adapters.playground.clients import Client, Clients, People
from adapters.playground.image_proxy import ImageProxy
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
    OptionShown,
    PeoplePresent,
    Pick,
    Press,
    Rename,
    Rewrite,
    RunCommand,
    Told,
    VerbShown,
    Welcome,
    Withdraw,
    Write,
    encode,
)
from bot.clock import Clock
from bot.commands.buttons import card_button, confirmed
from bot.commands.catalogue import Catalogue, Option, Verb
from bot.commands.parser import ParseError, parse
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Duplicate,
    Inbound,
    Membership,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageRef,
    NoSession,
    Person,
    Question,
    Refused,
    ReplyTo,
    Role,
)
from bot.domain.errors import MessageGone, PlaceGone, StoreUnavailable
from bot.ports.chat import CoreApi, ValueQuery

_OFFERED = {
    Membership.OUTSIDER: frozenset({Role.OUTSIDER}),
    Membership.MEMBER: frozenset({Role.OUTSIDER, Role.MEMBER, Role.STARTER}),
    Membership.ADMIN: frozenset(Role),
}
"""What somebody may not do is not offered; who started a session may stop it, so that is offered to every member."""

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


@cache
def shown_verbs(standing: Membership, catalogue: Catalogue = CATALOGUE) -> tuple[VerbShown, ...]:
    """The catalogue, as somebody of this standing may use it."""
    return tuple(_shown_verb(verb, withheld=verb.role not in _OFFERED[standing]) for verb in catalogue.verbs)


def _shown_verb(verb: Verb, *, withheld: bool) -> VerbShown:
    return VerbShown(
        verb.name,
        verb.summary,
        verb.example,
        tuple(_shown_option(option) for option in verb.options if not option.private),
        withheld=withheld,
    )


def _shown_option(option: Option) -> OptionShown:
    asks = option.completes is not None
    return OptionShown(
        option.name, option.summary, option.required, option.choices, asks=asks, rest=option.rest, secret=option.secret
    )


# ---------------------------------------------------------------- what people do


class PlaygroundInboundHandler:
    """One for all clients. What it takes it acknowledges with `Acknowledged`, so that a client knows what to send again."""

    def __init__(
        self,
        core: CoreApi,
        clock: Clock,
        clients: Clients,
        people: People,
        pictures: ImageProxy,
        *,
        notice: str = "",
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self._catalogue = catalogue
        self._notice = notice
        self._clock = clock
        self._people = people
        self._clients = clients
        self.core = core
        self.store = clients.store
        self.pictures = pictures

    # ------------------------------------------------ coming and going

    def enter(self, socket: WebSocket, enter: Enter) -> Client:
        """Let somebody in, and show them around."""
        person = self._people.enter(enter)
        self._people.arrive(person)
        client = Client(socket, self.store, person, enter.seq)
        self._clients.open(client)
        client.note(encode(self._welcome(person)))
        self._announce_people()
        return client

    def leave(self, client: Client) -> None:
        self._clients.close(client)
        self._people.leave(client.person)
        self._announce_people()

    # ------------------------------------------------ what people do

    async def take(self, client: Client, done: Done) -> Inbound | None:
        """Do it; a question that is still to be answered is returned, so that nothing has to wait for the answer."""
        try:
            return await self._take(client, done)
        except (PlaceGone, MessageGone) as gone:
            client.note(encode(Told(secrets.token_hex(8), gone.sentence)))
            return None

    async def look(self, client: Client, look: ListValues) -> None:
        """Offer values; none, if the core does not know in time."""
        place = _place(look.channel, look.thread)
        ask = ValueQuery(place, client.person, look.verb, look.option, look.typed)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                choices = await self.core.ask(ask)
        except TimeoutError:
            choices = ()
        offered = (ChoiceShown(c.value, c.label, c.detail, self.pictures.ours(c.picture)) for c in choices)
        client.note(encode(Offered(look.look, tuple(offered))))

    # ------------------------------------------------ inside

    def _welcome(self, person: Person) -> Welcome:
        return Welcome(
            you=self._people.shown(person),
            proof=self._people.proof(person.id),
            now=self._clock.now(),
            channels=self.store.channels,
            people=self._people.everybody,
            verbs=shown_verbs(person.standing, self._catalogue),
            notice=self._notice,
        )

    async def _take(self, client: Client, done: Done) -> Inbound | None:
        match done:
            case Write():
                return await self._write(client, done)
            case RunCommand():
                return await self._run(client, done)
            case Pick(nonce=nonce, channel=channel, thread=thread, verb=verb, options=options):
                command = Command(verb, options)
                command = confirmed(command) if done.confirmed else command
                return await self._command(client, nonce, _place(channel, thread), command)
            case Press():
                return await self._press(client, done)
            case Rewrite() | Withdraw():
                return await self._correct(client, done)
            case Rename(name=name):
                client.person = self._people.rename(client.person, name)
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

    async def _press(self, client: Client, press: Press) -> Inbound | None:
        card = self.store.message(press.message)
        place = _place(card.channel, card.thread or card.id)
        button = card_button(press.action, card.card.session_id if card.card else "")
        return await self._command(client, press.nonce, place, button.confirmed if press.confirmed else button.command)

    async def _write(self, client: Client, write: Write) -> Inbound | None:
        """A message stands in the channel first, as everywhere; sent again after a broken connection, it is not doubled."""
        person = client.person
        author = Author(person.id, person.name)
        message = self.store.sent(person.id, write.nonce) or self.store.add(
            Message("", write.channel, author, write.text[:TEXT_LIMIT], write.thread, nonce=write.nonce)
        )
        self._clients.wake()
        words = _MENTION.sub(" ", message.text, count=1).strip() if _MENTION.match(message.text) else message.text
        mentioned = words != message.text
        ref = MessageRef(_place(message.channel, message.thread), message.id)
        inbound = self._inbound(
            client, write.nonce, ref.place, MessagePosted(words, ref, mentioned), sequence=int(message.id)
        )
        return await self._hand_in(client, inbound, write.nonce, spoken_to=mentioned)

    async def _run(self, client: Client, run: RunCommand) -> Inbound | None:
        parsed = parse(_SLASH.sub("", run.text, count=1))
        if isinstance(parsed, ParseError):
            self._tell(client, _place(run.channel, run.thread), parsed.sentence, run.nonce)
            client.note(encode(Acknowledged(run.nonce)))
            return None
        typed = self._people.mentioned(parsed)
        options = {**typed.options, **{name: run.picked[name] for name in parsed.options.keys() & run.picked.keys()}}
        return await self._command(client, run.nonce, _place(run.channel, run.thread), Command(parsed.verb, options))

    async def _command(self, client: Client, nonce: str, place: ConversationRef, command: Command) -> Inbound | None:
        inbound = self._inbound(client, nonce, place, command, sequence=self.store.next_sequence())
        return await self._hand_in(client, inbound, nonce, spoken_to=True)

    async def _correct(self, client: Client, done: Rewrite | Withdraw) -> Inbound | None:
        """Authors may edit and delete what they wrote; the admin may delete anything, also what the bot wrote."""
        message, person = self.store.message(done.message), client.person
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
        self._clients.wake()
        if message.author.kind != "person":
            client.note(encode(Acknowledged(done.nonce)))
            return None
        inbound = self._inbound(client, done.nonce, ref.place, body, sequence=self.store.next_sequence())
        return await self._hand_in(client, inbound, done.nonce, spoken_to=False)

    def _inbound(
        self,
        client: Client,
        nonce: str,
        place: ConversationRef,
        body: MessagePosted | Command | MessageEdited | MessageDeleted,
        *,
        sequence: int,
    ) -> Inbound:
        person = client.person
        expires_at = self._clock.now() + HANDLE_LIFE
        reply_to = ReplyTo(place, person, handle=nonce, expires_at=expires_at, uses_left=HANDLE_USES)
        return Inbound(f"{person.id}:{nonce}", sequence, place, person, body, reply_to)

    async def _hand_in(self, client: Client, inbound: Inbound, nonce: str, *, spoken_to: bool) -> Inbound | None:
        try:
            outcome = await self.core.accept(inbound)
        except StoreUnavailable as error:
            outcome = Refused(error.told(NOT_TAKEN))
        client.note(encode(Acknowledged(nonce)))
        match outcome:
            case Question():
                return inbound
            case Refused(sentence):
                self._tell(client, inbound.place, sentence, nonce)
            case NoSession(sentence) if spoken_to:
                self._tell(client, inbound.place, sentence, nonce)
            case NoSession() | Accepted() | Duplicate():
                pass
        return None

    def _tell(self, client: Client, place: ConversationRef, sentence: str, nonce: str) -> None:
        client.note(encode(Told(secrets.token_hex(8), sentence, place.channel_id, place.thread_id, nonce)))

    def _announce_people(self) -> None:
        self._clients.announce(PeoplePresent(self._people.everybody))

    def _announce_channels(self) -> None:
        self._clients.announce(Channels(self.store.channels))


def _place(channel: str, thread: str) -> ConversationRef:
    return ConversationRef("playground", "playground", channel, thread)
