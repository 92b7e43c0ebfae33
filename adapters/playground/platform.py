"""The playground as a chat platform: a team channel in the browser. What it keeps follows what the service keeps."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

import structlog
from msgspec.structs import replace

from adapters.playground.clients import Clients, People
from adapters.playground.image_proxy import ImageProxy
from adapters.playground.inbound import PlaygroundInboundHandler
from adapters.playground.message_store import History, MessageStore
from adapters.playground.protocol import (
    Author,
    ButtonShown,
    CardShown,
    DisclosureShown,
    FileShown,
    ItemShown,
    LinkShown,
    Message,
    SectionShown,
    Thinking,
    Told,
)
from adapters.playground.routes import PlaygroundAuth, playground_mount
from adapters.playground.settings import PlaygroundSettings
from bot.clock import Clock
from bot.commands.buttons import button_of, next_button
from bot.commands.catalogue import Catalogue
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Channel, ConversationRef, File, Item, MessageRef, Reply, ReplyTo
from bot.domain.errors import MessageGone, StoreUnavailable
from bot.domain.posts import Card, Delivery, Opened, TranscriptLine
from bot.ports.chat import ChatPlatform, ConnectionState, CoreApi, Features, HttpMount, RateLimits
from bot.ports.web import Pictures as PictureSource

LOOK_EVERY_S = 60.0
TOMBSTONE_LIFE = timedelta(days=1)
"""How long clients that were away can learn that a message was deleted."""

log = structlog.get_logger(__name__)

BOT = Author("avatarbot", "Avatarbot", "bot")
NOT_DELIVERED = "I had an answer for you alone, and you were not here."


class Forgetting:
    """Looks by itself, so that it does not matter who forgot a session, when, and whether we were running."""

    def __init__(self, core: CoreApi, clock: Clock, clients: Clients, retention: timedelta) -> None:
        self._core = core
        self._clock = clock
        self._clients = clients
        self._retention = retention

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.tidy()
            except StoreUnavailable as error:
                log.warning("the playground could not ask what was forgotten", reason=error.detail)
            await asyncio.sleep(LOOK_EVERY_S)

    async def tidy(self) -> None:
        """Raises `StoreUnavailable`."""
        store, now = self._clients.store, self._clock.now()
        shown = store.sessions
        store.forget(shown - await self._core.kept(shown))
        store.expire(now - self._retention)
        store.compact(now - TOMBSTONE_LIFE)
        self._clients.wake()


# ---------------------------------------------------------------- the platform


class PlaygroundPlatform(ChatPlatform):
    """Raises `SettingsError` when it would listen beyond this machine without having been told to."""

    name = "playground"
    pace = RateLimits(calls_per_second=200, edit_interval=0.12, first_post=0.1)
    text_limit = 4_000

    def __init__(
        self,
        core: CoreApi,
        clock: Clock,
        settings: PlaygroundSettings,
        pictures: PictureSource | None = None,
        *,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        settings.require_loopback()
        secret = settings.secret.get_secret_value()
        self._clock = clock
        self._since = clock.now()
        self._pictures = ImageProxy(secret, pictures)
        self._store = MessageStore(History(settings.history), clock, settings.channels)
        self._clients = Clients(self._store)
        handler = PlaygroundInboundHandler(
            core,
            clock,
            self._clients,
            People(self._store, secret),
            self._pictures,
            notice=settings.notice,
            catalogue=catalogue,
        )
        self._forgetting = Forgetting(core, clock, self._clients, settings.retention)
        self._settings = settings
        self._gate = PlaygroundAuth(settings)
        self._mount = playground_mount(handler, self, self._gate)

    def invitation(self, port: int) -> str:
        """The page's address with a key that opens it once: a browser's arguments can be read by everybody on a machine."""
        return self._settings.address(port, self._gate.key_for_once())

    @property
    def features(self) -> Features:
        return Features(edits=self, search=self, marks=self, typing=self, files=True, http=self)

    def is_home(self, workspace_id: str) -> bool:  # noqa: ARG002 - the operator's own page
        return True

    def measure(self, text: str) -> int:
        return len(text)

    async def channel(self, place: ConversationRef) -> Channel:
        return Channel(f"#{place.channel_id}")

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:
        standing = await self.find(place, card.key, since) if since else None
        ref = await self.update_card(standing, place, card) if standing else self._post_card(place, card)
        return Opened(ref, place if place.thread_id else place.in_thread(ref.message_id))

    def _post_card(self, place: ConversationRef, card: Card) -> MessageRef:
        shown = self._shown(card)
        posted = self._post(Message("", place.channel_id, BOT, thread=place.thread_id, card=shown, key=card.key))
        return MessageRef(place, posted.id)

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        try:
            message = self._store.message(card_ref.message_id)
        except MessageGone:
            return self._post_card(thread, card)
        self._change(message, card=self._shown(card))
        return card_ref

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        author = self._author(thread, line.speaker)
        growing = line.delivery is Delivery.GROWING
        message = Message("", thread.channel_id, author, line.text, thread.thread_id, growing=growing, key=key)
        answers = line.answers.name if line.answers else ""
        posted = self._post(replace(message, disclosure=DisclosureShown.of(line.disclosure), to=answers))
        return MessageRef(thread, posted.id)

    async def find(self, thread: ConversationRef, key: str, since: datetime) -> MessageRef | None:  # noqa: ARG002 - it keeps them by key
        found = self._store.keyed(thread.channel_id, thread.thread_id, key)
        return MessageRef(thread, found.id) if found else None

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        message = self._store.message(ref.message_id)
        growing, disclosure = line.delivery is Delivery.GROWING, DisclosureShown.of(line.disclosure)
        self._change(message, text=line.text, growing=growing, disclosure=disclosure)

    async def mark_spoken(self, ref: MessageRef) -> None:
        self._change(self._store.message(ref.message_id), heard=True)

    async def start_typing(self, thread: ConversationRef) -> None:
        self._clients.announce(Thinking(thread.channel_id, thread.thread_id))

    async def notify(self, thread: ConversationRef, text: str) -> None:
        self._post(Message("", thread.channel_id, BOT, text, thread.thread_id))

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        """Into the person's open clients, below what they did where the handle says what that was; else by a mention."""
        further = next_button(reply)
        told = Told(
            id=secrets.token_hex(8),
            channel=to.place.channel_id,
            thread=to.place.thread_id,
            text=reply.text,
            nonce=to.handle if to.usable_at(self._clock.now()) else "",
            items=tuple(map(self._item, reply.items)),
            link=LinkShown(reply.link.label, reply.link.url) if reply.link else None,
            file=_shown_file(reply.file, self._store.hold_file(reply.file)) if reply.file else None,
            next=ButtonShown.of(further) if further else None,
            sections=tuple(SectionShown(each.title, each.lines) for each in reply.sections),
        )
        if not await self._clients.whisper(to.person.id, told):
            self._mention(to, told if not reply.private else Told(told.id, NOT_DELIVERED, told.channel, told.thread))

    def mounts(self) -> Sequence[HttpMount]:
        return [self._mount]

    def connection(self) -> ConnectionState:
        return ConnectionState(self._since)  # its clients come to us

    async def run(self) -> None:
        """Everything comes in through the routes; what the service forgets is forgotten here too."""
        await self._forgetting.run()

    # ------------------------------------------------ inside

    def _author(self, thread: ConversationRef, speaker: str | None) -> Author:
        """The avatar on the thread's card; anybody else who speaks there is a person, from the viewer or the room."""
        if speaker is None:
            return BOT
        card = self._store.card(thread.channel_id, thread.thread_id)
        if card is None or card.avatar_name == speaker:
            return Author("avatar", speaker, "avatar")
        return Author(f"voice {speaker}", speaker)

    def _post(self, message: Message) -> Message:
        posted = self._store.add(message)
        self._clients.wake()
        return posted

    def _change(self, message: Message, **changes: object) -> None:
        self._store.change(message, **changes)
        self._clients.wake()

    def _mention(self, to: ReplyTo, told: Told) -> None:
        words = [
            f"@{to.person.name} {told.text}",
            *(line for section in told.sections for line in (section.title, *section.lines)),
        ]
        words += [f"{item.title}: {item.detail}" for item in told.items]
        if told.link:
            words.append(f"{told.link.label}: {told.link.url}")
        mentions = (to.person.id,)
        self._post(Message("", told.channel, BOT, "\n".join(words), told.thread, mentions=mentions, file=told.file))

    def _shown(self, card: Card) -> CardShown:
        return CardShown.of(card, self._pictures.ours(card.picture))

    def _item(self, item: Item) -> ItemShown:
        button = button_of(item)
        return ItemShown(
            item.title,
            item.detail,
            self._pictures.ours(item.picture),
            item.preview if item.preview.startswith(("https://", "http://")) else "",
            ButtonShown.of(button) if button else None,
            item.status,
            item.starter_name,
            item.ends_at,
        )


def _shown_file(file: File, file_id: str) -> FileShown:
    return FileShown(file.name, f"/playground/files/{file_id}/{quote(file.name, safe='')}", len(file.content), file.alt)
