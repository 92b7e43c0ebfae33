"""Twenty transcripts in one workspace for two minutes against Slack's limits: our pace beside fixed ones.

python -m benchmarks.slack_transcripts [--sessions 20] [--seconds 120]

In virtual time: our writer before the strict stand-in, which counts as Slack does (chat.update 50 a minute in a workspace,
chat.postMessage one a second in a channel).
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from adapters.slack.client import READS_FORMS, Answer, OneWorkspace, WebApi, refusal
from adapters.slack.publisher import SlackPublisher
from adapters.slack.text import unescape
from benchmarks.transcripts import API_DELAY_S, Shown, compare, parsed
from bot.domain import conversations
from bot.domain.conversations import ConversationRef
from bot.domain.errors import Throttled
from bot.ports.chat import ConnectionState, Features
from bot.testing.virtual_time import LoopClock
from tests.integration.slack.fake import FakeSlack
from tests.integration.slack.fake.reference import Refused, available
from tests.integration.slack.fake.workspace import BOT_TOKEN, TEAM, Channel


class InProcess(WebApi):
    """The stand-in's Web API without a socket, so that time can jump."""

    def __init__(self, fake: FakeSlack, shown: Shown) -> None:
        super().__init__("http://in.process/api/")
        self._fake = fake
        self._shown = shown

    async def call(self, token: str, method: str, **arguments: object) -> Answer:
        await asyncio.sleep(API_DELAY_S)
        given: dict[str, Any] = {name: value for name, value in arguments.items() if value is not None}
        self._shown.calls += 1
        self._shown.edits += method == "chat.update"
        try:
            answer = self._fake._answer(method, token, given, is_json=method not in READS_FORMS)  # noqa: SLF001
        except Refused as refused:
            if refused.error == "ratelimited":
                self._shown.refused += 1
                raise Throttled(refused.beside["retry_after"]) from None
            raise refusal(method, refused.error) from None
        if method in ("chat.postMessage", "chat.update"):
            text = unescape(given["text"]).partition(": ")[2]
            self._shown.texts[given["channel"]].append((asyncio.get_running_loop().time(), text))
        return answer


class OnlyWrites(SlackPublisher):
    def is_home(self, workspace_id: str) -> bool:  # noqa: ARG002
        return True

    async def channel(self, place: ConversationRef) -> conversations.Channel:
        return conversations.Channel(place.channel_id)

    @property
    def features(self) -> Features:
        return Features(edits=self, marks=self, typing=self)

    def connection(self) -> ConnectionState:
        return ConnectionState(datetime.now(UTC))

    async def run(self) -> None:
        await asyncio.Event().wait()


class SlackTown:
    def __init__(self, shown: Shown, *, ours: bool) -> None:  # noqa: ARG002 - only the pace differs here
        self._fake = FakeSlack()
        web = InProcess(self._fake, shown)
        self.writer = OnlyWrites(web, OneWorkspace(BOT_TOKEN, web), LoopClock())

    def place(self, number: int) -> ConversationRef:
        self._fake.workspace.channels[f"C{number}"] = Channel(f"C{number}")
        return ConversationRef("slack", TEAM, f"C{number}")

    def thread(self, place: ConversationRef) -> ConversationRef | None:
        posted = self._fake.workspace.in_channel(place.channel_id)
        return place.in_thread(posted[0].ts) if posted else None


if __name__ == "__main__":
    asked = parsed(__doc__, sessions=20)
    if not available():
        raise SystemExit("no Slack method reference (SPECS_DIR): the stand-in would know no limits")
    compare(SlackTown, asked, fixed=(0.5, 0.8, 1.0))
