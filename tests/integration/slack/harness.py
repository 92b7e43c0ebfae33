"""Slack for the platform contract: the adapter against the strict stand-in, over either transport."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from starlette.applications import Starlette

from adapters.slack.platform import SlackPlatform
from adapters.slack.settings import SlackSettings
from adapters.slack.text import escape, tokens, unescape
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.posts import CardAction
from bot.ports.chat import ChatPlatform, CoreApi
from bot.testing.vault import FakeSecretVault
from bot.web.app import mounted
from tests.contract.platform.harness import ANN, BEN, GUEST, Abilities, PlatformHarness, RecordingCore, Seen, able
from tests.integration.slack.fake import FakeSlack, Grant, Message, payloads
from tests.integration.slack.fake.server import APP_TOKEN
from tests.integration.slack.fake.workspace import BOT_ID, BOT_TOKEN, BOT_USER, TEAM, Ephemeral, Hook
from tests.patience import until

PEOPLE = {ANN: "U0ANN", BEN: "U0BEN", GUEST: "U0GUEST", "ada": "U0ADA"}
GENERAL = ConversationRef("slack", TEAM, "C0GENERAL")


@dataclass
class MovableClock:
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def slack_settings(fake: FakeSlack, **given: str) -> SlackSettings:
    """One workspace over HTTP, unless `given` says otherwise."""
    names = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": payloads.SIGNING_SECRET,
        "SLACK_API_URL": fake.api_url,
        "PUBLIC_URL": "https://bot.example",
        **given,
    }
    return SlackSettings.model_validate({name: value for name, value in names.items() if value})


class SlackHarness(PlatformHarness):
    """`front` is the core's `CoreApi` where the whole service is under test, else the contract's `RecordingCore`."""

    def __init__(self, fake: FakeSlack, *, socket: bool, front: CoreApi | None = None) -> None:
        self.fake = fake
        self.socket = socket
        self.core = RecordingCore()
        self._front = front or self.core
        self.abilities = Abilities()
        self.place = GENERAL
        self.place_name = "#general"
        self.clock = MovableClock()
        self.told: list[tuple[str, str]] = []  # who, what an answer to a delivery showed them
        self.last: tuple[str, dict[str, Any]] | None = None
        self._echoed: dict[str, int] = {}
        self._hooks = 0
        self._running: asyncio.Task[None] | None = None
        self.platform: ChatPlatform = self._platform()

    # ------------------------------------------------ life

    def _platform(self) -> SlackPlatform:
        given = {"SLACK_APP_TOKEN": APP_TOKEN} if self.socket else {}
        return SlackPlatform(slack_settings(self.fake, **given), self._front, FakeSecretVault(), self.clock)

    async def start(self) -> None:
        if not isinstance(self._front, RecordingCore):  # the service runs its platforms itself
            self.fake.deliver_http = None if self.socket else over(self.platform)
            return
        self._running = asyncio.create_task(self.platform.run())
        if self.socket:
            await until(lambda: len(self.fake.sockets) == 2)
        else:
            await until(lambda: self.fake.called("auth.test"))
            self.fake.deliver_http = over(self.platform)

    async def stop(self) -> None:
        assert self._running
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        if self.socket:
            await until(lambda: not self.fake.sockets)

    async def restart(self) -> None:
        await self.stop()
        self.platform = self._platform()
        await self.start()

    # ------------------------------------------------ what people do

    async def write(self, who: str, text: str, place: ConversationRef, *, mention: bool = False) -> MessageRef:
        await self._echo()
        workspace = self.fake.workspace
        said = f"<@{BOT_USER}> {escape(text)}" if mention else escape(text)
        message = workspace.add(
            Message(place.channel_id, workspace.next_ts(), PEOPLE[who], said, thread_ts=place.thread_id or None)
        )
        inner = payloads.message(PEOPLE[who], said, place.channel_id, message.ts)
        if place.thread_id:
            inner["thread_ts"] = place.thread_id
        if not self.socket:  # a client sends blocks beside the text; an app or an old client does not
            inner["blocks"] = _rich(text, mention=mention)
        await self._event(inner)
        return MessageRef(place, message.ts)

    async def rewrite(self, ref: MessageRef, text: str) -> None:
        message = self._message(ref)
        before, message.text = _bare(message), escape(text)
        await self._event(_changed(message, before))

    async def withdraw(self, ref: MessageRef) -> None:
        message = self._message(ref)
        self.fake.workspace.messages.remove(message)
        inner = payloads.message("", "", message.channel, self.fake.workspace.next_ts())
        gone = {"subtype": "message_deleted", "hidden": True, "deleted_ts": message.ts}
        await self._event(inner | gone | {"previous_message": _bare(message)})

    async def command(self, who: str, verb: str, options: dict[str, str], place: ConversationRef) -> None:
        given = " ".join(value if name == "text" else f'{name}:"{value}"' for name, value in options.items())
        await self.slash(who, f"{verb} {given}".strip(), place)

    async def slash(self, who: str, text: str, place: ConversationRef) -> None:
        url = self._hook(who, place)
        await self._deliver(who, payloads.COMMAND, payloads.command(PEOPLE[who], text, place.channel_id, url))

    def mention(self, who: str) -> str:
        return f"<@{PEOPLE[who]}|{who}>"

    async def press(self, who: str, card: MessageRef, action: CardAction) -> None:
        message = self._message(card)
        pressed = next(e for e in _elements(message.blocks) if e.get("action_id", "").startswith(f"run:{action}:"))
        body = payloads.press(PEOPLE[who], pressed, _bare(message), message.channel, self._hook(who, card.place))
        await self._deliver(who, payloads.INTERACTIVE, body)

    async def answer_buttons(self, who: str) -> Sequence[str]:
        return [button["text"]["text"] for button in self._answer_buttons(who)]

    async def press_answer(self, who: str, label: str) -> str:
        pressed = next(button for button in self._answer_buttons(who) if button["text"]["text"] == label)
        asked = pressed.get("confirm", {})
        message = {"type": "message", "ts": "3.000001", "text": ""}
        body = payloads.press(PEOPLE[who], pressed, message, self.place.channel_id, self._hook(who, self.place))
        await self._deliver(who, payloads.INTERACTIVE, body)
        return str(asked.get("text", {}).get("text", ""))

    def _answer_buttons(self, who: str) -> list[dict[str, Any]]:
        shown = [told for told in self.fake.workspace.ephemerals if told.user == PEOPLE[who]][-1]
        return [button for button in _elements(shown.blocks) if "url" not in button]

    async def type_ahead(self, who: str, verb: str, option: str, typed: str, place: ConversationRef) -> Sequence[str]:
        await self.slash(who, f"{verb} ?", place)
        view = self.fake.workspace.views[-1]
        body = payloads.options(PEOPLE[who], option, option, typed, view)
        answer = await self._deliver(who, payloads.INTERACTIVE, body)
        return [offered["text"]["text"] for offered in json.loads(answer)["options"]]

    async def redeliver(self) -> None:
        assert self.last
        await self._deliver(ANN, *self.last)

    # ------------------------------------------------ what people see

    async def messages(self, place: ConversationRef) -> Sequence[Seen]:
        found = [m for m in self.fake.workspace.messages if m.channel == place.channel_id]
        here = [m for m in found if (m.thread_ts or "") == place.thread_id]
        return [self._seen(message, place) for message in here]

    async def privately(self, who: str) -> Sequence[str]:
        user = PEOPLE[who]
        workspace = self.fake.workspace
        ephemeral = [rendered(shown) for shown in workspace.ephemerals if shown.user == user]
        direct = [m for m in workspace.messages if m.channel == workspace.direct(user).id]
        files = [" ".join((rendered(message), *message.files)) for message in direct]
        return [*(told for by, told in self.told if by == who), *ephemeral, *files]

    def _seen(self, message: Message, place: ConversationRef) -> Seen:
        return Seen(
            MessageRef(place, message.ts),
            rendered(message),
            message.author,
            tuple(notified(message)),
            tuple(element["text"]["text"] for element in _elements(message.blocks)),
            tuple(message.files),
            bool(message.reactions),
        )

    # ------------------------------------------------ what happens to the world

    def later(self, seconds: float) -> None:
        self.clock.ahead += timedelta(seconds=seconds)
        for hook in self.fake.workspace.hooks.values():
            hook.expired = hook.expired or seconds > 1_800

    async def lose_message(self, ref: MessageRef) -> None:
        self.fake.workspace.messages.remove(self._message(ref))

    async def make_private(self, place: ConversationRef) -> None:
        self.fake.workspace.channels[place.channel_id].kind = "group"

    async def lose_place(self, place: ConversationRef) -> None:
        self.fake.workspace.channels[place.channel_id].member = False
        await self._event({"type": "channel_left", "channel": place.channel_id, "event_ts": "1.000001"})

    # ------------------------------------------------ delivering

    async def _event(self, inner: dict[str, Any]) -> None:
        await self._deliver(ANN, payloads.EVENT, payloads.event(inner))

    async def _deliver(self, who: str, kind: str, payload: dict[str, Any]) -> str:
        self.last = (kind, payload)
        status, body = await self.fake.deliver(kind, payload)
        await self._settled()
        if kind == payloads.COMMAND and status == 200 and body:
            self.told.append((who, unescape(json.loads(body)["text"])))
        return body.decode()

    async def _settled(self) -> None:
        """Over HTTP the answer ends with what follows it; over a socket that goes on by itself."""
        if self.socket:
            await until(
                lambda: not [t for t in asyncio.all_tasks() if " _deliver()" in repr(t) or "coro=<_deliver" in repr(t)]
            )

    async def _echo(self) -> None:
        """Slack delivers our own messages and edits to us as well."""
        for message in list(self.fake.workspace.messages):
            if message.author != BOT_USER or self._echoed.get(message.ts) == message.edits:
                continue
            if message.ts not in self._echoed:
                inner = payloads.message(BOT_USER, message.text, message.channel, message.ts, bot_id=BOT_ID)
                await self._event(inner | ({"thread_ts": message.thread_ts} if message.thread_ts else {}))
            if message.edits:
                await self._event(_changed(message, _bare(message) | {"text": "before"}))
            self._echoed[message.ts] = message.edits

    def _hook(self, who: str, place: ConversationRef) -> str:
        self._hooks += 1
        self.fake.workspace.hooks[str(self._hooks)] = Hook(place.channel_id, PEOPLE[who])
        return f"{self.fake.url}/hooks/{self._hooks}"

    def _message(self, ref: MessageRef) -> Message:
        message = self.fake.workspace.message(ref.place.channel_id, ref.message_id)
        assert message
        return message


def over(platform: ChatPlatform) -> Any:
    """Posts a signed delivery to the platform's routes."""
    transport = httpx.ASGITransport(Starlette(routes=mounted(able(platform.features.http).mounts())))

    async def deliver(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as client:
            answer = await client.post("/slack/events", content=body, headers=headers)
        return answer.status_code, answer.content

    return deliver


@contextlib.asynccontextmanager
async def open_slack(*, socket: bool, grant: Grant | None = None) -> AsyncIterator[SlackHarness]:
    async with FakeSlack().running() as fake:
        fake.grants[BOT_TOKEN] = grant or Grant()
        harness = SlackHarness(fake, socket=socket)
        await harness.start()
        try:
            yield harness
        finally:
            await harness.stop()
        assert fake.complaints == []


# ---------------------------------------------------------------- reading like a person


def _rich(text: str, *, mention: bool) -> list[dict[str, Any]]:
    bot = [{"type": "user", "user_id": BOT_USER}, {"type": "text", "text": " "}] if mention else []
    section = {"type": "rich_text_section", "elements": [*bot, {"type": "text", "text": text}]}
    return [{"type": "rich_text", "elements": [section]}]


def _bare(message: Message) -> dict[str, Any]:
    body = {"type": "message", "user": message.author, "text": message.text, "ts": message.ts}
    if message.author == BOT_USER:
        body["bot_id"] = BOT_ID
    return body | ({"thread_ts": message.thread_ts} if message.thread_ts else {})


def _changed(message: Message, before: dict[str, Any]) -> dict[str, Any]:
    inner = payloads.message("", "", message.channel, message.ts)
    now = _bare(message) | {"edited": {"user": message.author, "ts": message.ts}}
    del inner["user"]
    return inner | {"subtype": "message_changed", "hidden": True, "message": now, "previous_message": before}


def rendered(message: Message | Ephemeral) -> str:
    """What stands there for a reader: the blocks where there are any, else the text; markup undone."""
    return "\n".join(_words(message.blocks)) if message.blocks else unescape(message.text)


def _words(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for block in blocks:
        match block["type"]:
            case "rich_text":
                for part in block["elements"]:
                    yield "".join(e.get("text", "") for e in part["elements"])
            case "section" | "header":
                yield _object_text(block["text"])
            case "context":
                yield " · ".join(_object_text(e) for e in block["elements"] if e["type"] != "image")
            case "actions":
                yield " ".join(f"[{e['text']['text']}] {e.get('url', '')}" for e in block["elements"])


def _object_text(found: Mapping[str, Any]) -> str:
    return str(found["text"]) if found["type"] == "plain_text" else unescape(str(found["text"]))


def notified(message: Message) -> Iterator[str]:
    """Whom Slack pings: mentions in markup, and user and broadcast elements of rich text."""
    for token in tokens(message.text):
        if token.sigil in ("@", "!") and not token.target.startswith("date"):
            yield token.target
    for node in _nodes(message.blocks):
        if node.get("type") == "mrkdwn":
            yield from (t.target for t in tokens(node["text"]) if t.sigil in ("@", "!") and t.target[:4] != "date")
        elif node.get("type") == "broadcast":
            yield node["range"]


def _nodes(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield found
        found = list(found.values())
    if isinstance(found, list | tuple):
        for below in found:
            yield from _nodes(below)


def _elements(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [node for node in _nodes(list(blocks)) if node.get("type") == "button"]
