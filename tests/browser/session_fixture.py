"""The real pages with a scripted core behind them: every state can be shown, at once and always the same."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

import adapters.simulator as portraits
from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from adapters.simulator.media_source import FRAME_RATE, HEIGHT, WIDTH, clips_of, is_key
from bot.clock import SystemClock
from bot.commands.policy import Policy, role_of
from bot.domain.conversations import (
    Accepted,
    Choice,
    Command,
    ConversationRef,
    File,
    Inbound,
    Item,
    Link,
    MessagePosted,
    MessageRef,
    Outcome,
    Person,
    Question,
    Refused,
    Reply,
    Role,
)
from bot.domain.disclosure import SAID_BEFORE, Disclosure
from bot.domain.posts import Card, CardAction, Delivery, Opened, Speaker, TranscriptLine
from bot.domain.sessions import Mode, SessionStatus
from bot.media.events import Caption, SessionEvents, SessionView
from bot.ports.chat import CoreApi, Give, ValueQuery
from bot.ports.grants import Grant, Grants, Scope
from bot.ports.room import Codec, VideoFrame
from bot.ports.web import Pictures
from bot.telemetry import new_metrics
from bot.web.app import create_app, serve
from bot.web.http_limits import Bounds
from bot.web.viewer.archive import Archive
from bot.web.viewer.presence import Presence
from bot.web.viewer.routes import viewer_mount
from tests.disclosing import AI

PORTRAITS = Path(portraits.__file__).parent / "portraits"
SECRET = "a-secret-for-tests"
SESSION = "0199aa00-0000-7000-8000-000000000001"
AVATARS = [
    ("mei", "Mei", "clear, Mandarin and English"),
    ("alma", "Alma", "warm, English"),
    ("theo", "Theo Glass", "dry, English"),
]


class KeptGrants(Grants):
    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}

    async def mint(self, session_id: str, scope: Scope, person: Person | None, expires_at: datetime) -> str:
        secret = uuid4().hex
        place = ConversationRef("playground", "playground", "lobby")
        role = role_of(person) if person else Role.OUTSIDER
        self.grants[secret] = Grant(secret[:8], session_id, scope, place, person, role, expires_at)
        return secret

    async def find(self, secret: str) -> Grant | None:
        return self.grants.get(secret)


class KeptArchive(Archive):
    def __init__(self) -> None:
        self.said: dict[str, Caption] = {}
        self.last: SessionView | None = None
        self.slow = 0.0  # seconds until the database answers
        self.shown = AI

    async def disclosure(self, session_id: str) -> Disclosure:
        return self.shown

    async def view(self, session_id: str) -> SessionView | None:
        return self.last

    async def captions(self, session_id: str) -> Sequence[Caption]:
        await asyncio.sleep(self.slow)
        return tuple(self.said.values())

    async def export(self, session_id: str, format: str) -> File | None:  # noqa: A002
        words = "\n".join(f"**Mei**: {caption.text}" for caption in self.said.values())
        return File(f"transcript.{format}", "text/markdown", words.encode())


class KeptPictures(Pictures):
    """The portraits of the demo's cast, by name."""

    async def picture(self, url: str) -> File | None:
        found = list(PORTRAITS.glob(f"*{url}*.svg"))
        return File("picture", "image/svg+xml", found[0].read_bytes()) if found else None


class ScriptedCore(CoreApi):
    """A core of a few lines: `start` opens a card, what is written in its thread is answered word by word."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.events = SessionEvents()
        self.presence = Presence()
        self.grants = KeptGrants()
        self.archive = KeptArchive()
        self.pictures = KeptPictures()
        self.came: list[Inbound] = []
        self.pause = 0.09
        self.goes_on = asyncio.Event()
        """While it is cleared, whoever speaks stops in mid-sentence."""
        self.goes_on.set()
        self.away = False
        self.first = AI  # of the next line
        self.opened: Opened | None = None
        self.base = ""
        self.card = Card(
            SESSION,
            "Mei",
            "",
            SessionStatus.STARTING,
            Mode.DIALOGUE,
            "Ann",
            "Mei is on her way.",
            AI,
            actions=(CardAction.STOP,),
        )
        self._folder = folder
        self._tasks: set[asyncio.Task[None]] = set()
        self.raise_curtain()

    def raise_curtain(self) -> None:
        """As at the start of a process: nothing in memory but what the history file says."""
        settings = PlaygroundSettings(secret=SecretStr(SECRET), history=self._folder / "history.jsonl")
        self.platform = PlaygroundPlatform(self, self.clock, settings)
        viewer = viewer_mount(
            self.grants, self.events, self, self.archive, self.clock, Policy(), self.pictures, self.presence
        )
        self._app = create_app(new_metrics(), {}, [*self.platform.mounts(), viewer])

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if self.away and scope["type"] == "websocket":
            return
        await self._app(scope, receive, send)

    async def drop_windows(self) -> None:
        """Every open window loses its connection."""
        for window in list(self.platform._clients._open):
            await window._socket.close(1012)

    @property
    def address(self) -> str:
        return f"{self.base}/playground#key={SECRET}"

    # ------------------------------------------------ the scripted core

    async def accept(self, inbound: Inbound) -> Outcome:
        self.came.append(inbound)
        match inbound.body:
            case Command(verb="start"):
                self.play(self.start(inbound.place, inbound.person))
            case Command(verb="stop"):
                self.play(self.end())
            case Command(verb="interrupt" | "extend" | "set"):
                pass
            case Command(verb="say"):
                return Refused("At most 10 may wait, and 10 do. Try again when Mei has caught up.")
            case Command():
                return Question()
            case MessagePosted(text=text) if self.opened and inbound.place == self.opened.thread:
                self.play(self.answer_aloud(text))
            case _:
                pass
        return Accepted(f"row-{len(self.came)}", SESSION)

    async def own_accounts(self, platform: str) -> frozenset[str]:
        return frozenset()

    async def first_to_answer(self, inbound: Inbound, give: Give) -> Give | None:
        return give

    async def answer(self, inbound: Inbound) -> Reply:
        assert isinstance(inbound.body, Command)
        match inbound.body.verb:
            case "watch":
                secret = await self.grants.mint(SESSION, Scope.SPEAK, inbound.person, self.in_minutes(60))
                return Reply(
                    "This link is yours alone: whoever has it speaks as you.",
                    link=Link("Watch Mei", f"{self.base}/v/#{secret}"),
                )
            case "avatars":
                items = tuple(
                    Item(name, detail, command=Command("start", {"avatar": key})) for key, name, detail in AVATARS
                )
                return Reply("Three avatars can come.", items=items, next=Command("avatars", {"page": "2"}))
            case "sessions":
                row = Item("Alma", "in #standup", command=Command("stop", {"session": "s1"}))
                return Reply("One session runs.", items=(replace(row, status=SessionStatus.LIVE, starter_name="Ben"),))
            case "help":
                return Reply("\n".join(f"Line {number} of the help." for number in range(1, 61)))
            case "transcript":
                return Reply(
                    "Here is everything so far.",
                    file=File("transcript.md", "text/markdown", b"**Mei**: Good morning!\n"),
                )
            case _:
                return Reply("Mei is live here. 9 minutes left, nobody waits.")

    async def ask(self, ask: ValueQuery) -> Sequence[Choice]:
        if ask.option == "avatar":
            return [Choice(key, name, detail) for key, name, detail in AVATARS if ask.typed.lower() in name.lower()]
        return [Choice("en", "English"), Choice("fr", "French"), Choice("de", "German")]

    async def concerns(self, place: ConversationRef) -> bool:
        return True

    async def talks(self, platform: str) -> Mapping[ConversationRef, str]:
        return {}

    async def channel_removed(self, place: ConversationRef, *, whole_workspace: bool = False) -> None:
        pass

    async def kept(self, session_ids: Collection[str]) -> frozenset[str]:
        return frozenset(session_ids)

    async def person_gone(self, place: ConversationRef, person_id: str) -> None:
        pass

    # ------------------------------------------------ what can be staged

    def play(self, scene: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(scene)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def lower_curtain(self) -> None:
        """End what still plays."""
        for task in self._tasks:
            task.cancel()

    def in_minutes(self, minutes: float) -> datetime:
        return self.clock.now() + timedelta(minutes=minutes)

    async def start(self, place: ConversationRef, person: Person) -> None:
        self.card = replace(self.card, starter_name=person.name)
        self.opened = await self.platform.post_card(place, self.card)
        await asyncio.sleep(self.pause * 4)
        await self.show(
            status=SessionStatus.LIVE,
            note="Write in the thread; Mei answers aloud.",
            ends_at=self.in_minutes(9.7),
            actions=(CardAction.WATCH, CardAction.INTERRUPT, CardAction.EXTEND, CardAction.STOP),
        )
        await self.say("Good morning! I am Mei. Ask me anything, or tell me what to say.")

    async def show(self, **changes: object) -> None:
        self.card = replace(self.card, **changes)  # type: ignore[arg-type]
        self.context(speaking=False)
        if self.opened:
            await self.platform.update_card(self.opened.card, self.opened.thread, self.card)

    def context(self, *, speaking: bool) -> None:
        card = self.card
        view = SessionView(
            SESSION,
            card.status,
            card.avatar_name,
            card.avatar_name,
            card.mode,
            card.note,
            card.ends_at,
            speaking,
            card.waiting,
            card.ends,
        )
        self.archive.last = view
        self.events.publish(SESSION, view)

    async def answer_aloud(self, text: str) -> None:
        assert self.opened is not None
        await self.platform.start_typing(self.opened.thread)
        await asyncio.sleep(self.pause * 3)
        await self.say(f"You said “{text}”. Let me think about that for a moment, because it is a fine question.")

    async def say(self, text: str, until: int = 1_000) -> None:
        """Speak at a pace one can watch; `until` leaves it unfinished after so many words."""
        key = uuid4().hex[:12]
        words = text.split()
        ref: MessageRef | None = None
        self.context(speaking=True)
        first, self.first = self.first, SAID_BEFORE
        for count in range(1, min(until, len(words)) + 1):
            final = count == len(words)
            said = " ".join(words[:count])
            caption = Caption(key, Speaker.BOT, said, final)
            self.archive.said[key] = caption
            self.events.publish(SESSION, caption)
            if self.opened:
                delivery = Delivery.FINAL if final else Delivery.GROWING
                line = TranscriptLine(self.card.avatar_name, said, delivery, first)
                if ref is None:
                    ref = await self.platform.post(self.opened.thread, line, key)
                else:
                    await self.platform.edit(ref, line)
            await asyncio.sleep(self.pause)
            if count == len(words) // 2:
                await self.goes_on.wait()
        if until >= len(words):
            self.context(speaking=False)

    async def film(self, portrait: str) -> None:
        """Put a film on the screen, over and over."""
        for number, frame in enumerate(itertools.cycle(clips_of(portrait).frames)):
            picture = VideoFrame("1", Codec.VP8, is_key(frame), WIDTH, HEIGHT, number * 50_000, frame)
            self.events.media.of(SESSION).show(picture)
            await asyncio.sleep(1 / FRAME_RATE)

    async def end(self) -> None:
        await self.show(
            status=SessionStatus.ENDED, note="Stopped by Ann after 2 minutes.", ends_at=None, actions=(), waiting=0
        )


@asynccontextmanager
async def scripted_core(folder: Path, port: int = 0, bounds: Bounds | None = None) -> AsyncIterator[ScriptedCore]:
    context = ScriptedCore(folder)
    async with serve(context, "127.0.0.1", port, bounds=bounds) as bound:
        context.base = f"http://127.0.0.1:{bound}"
        yield context
        context.lower_curtain()
