"""The tools: each calls one operation of the HTTP API, as the program whose token it is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio
import msgspec

from bot.clock import new_id
from bot.domain.errors import StoreUnavailable
from bot.web.api.authentication import ApiCaller
from bot.web.api.openapi import PLACE, options_of
from bot.web.api.operations import ApiOperations
from bot.web.api.routes import text_of
from bot.web.api.wire import ApiProblem, ProblemKind, RequestState, RequestStatus

Json = dict[str, Any]
Progress = Callable[[float, str], Awaitable[None]]
"""Told how many seconds something takes so far, and what is going on."""

BETWEEN = 1.0
"""Seconds between two signs of progress."""

LONGEST_NEWS = 500
"""Characters of what the avatar has said so far that are told with a sign of progress."""

LONGEST = 600
"""Signs of progress after which what goes on is told as it is."""

INTERRUPT_WITHIN = 5.0
"""Seconds for stopping the avatar when nobody waits for it any more."""

GOING_ON = {RequestState.WAITING: "Waits for its turn.", RequestState.SPEAKING: "The avatar is speaking."}

SESSION: Json = {
    "type": "string",
    "maxLength": 64,
    "description": "The id of a session, as `status` and `say` tell it.",
}
TEXT: Json = {"type": "string", "minLength": 1, "description": "As somebody would write it in the channel."}
FORMAT: Json = {"type": "string", "enum": ["md", "json", "vtt", "srt"], "default": "md"}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call under way. `arguments` are what the tool's schema asks for, or not."""

    caller: ApiCaller
    arguments: Mapping[str, Any]
    progress: Progress

    def text(self, name: str, usual: str | None = None) -> str:
        """An argument. Raises `ApiProblem` where it is missing or no text."""
        value = self.arguments.get(name, usual)
        if not isinstance(value, str):
            raise ApiProblem(ProblemKind.BAD_REQUEST, f"“{name}” is a text, and has to be given.")
        return value

    def options(self, *but: str) -> dict[str, str]:
        """All arguments but these, as somebody would type them. Raises `ApiProblem`."""
        given = {name: value for name, value in self.arguments.items() if name not in but and value is not None}
        if wrong := [name for name, value in given.items() if not isinstance(value, str | int | float)]:
            raise ApiProblem(ProblemKind.BAD_REQUEST, f"“{wrong[0][:50]}” is a text, a number or a boolean.")
        return {name: text_of(value) for name, value in given.items()}


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool answers, for a model to read and for a program."""

    text: str
    content: Json


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A tool, and the command of a token that it needs."""

    name: str
    command: str
    description: str
    schema: Json
    call: Callable[[ToolCall], Awaitable[ToolAnswer]]
    reads_only: bool = False


class AgentTools:
    """All there are. `call` raises `ApiProblem`, with the sentence that a person would get, and `StoreUnavailable`."""

    def __init__(self, operations: ApiOperations) -> None:
        self._operations = operations
        self._tools = {tool.name: tool for tool in self._all()}

    def offered(self, caller: ApiCaller) -> Sequence[AgentTool]:
        """Those that a token is for."""
        return [tool for tool in self._tools.values() if tool.command in caller.token.commands]

    async def call(self, name: str, call: ToolCall) -> ToolAnswer:
        tool = self._tools.get(name)
        if tool is None:
            raise ApiProblem(
                ProblemKind.NOT_FOUND, f"There is no tool “{name[:50]}”: there are {', '.join(self._tools)}."
            )
        known = tool.schema["properties"]
        if strange := [each for each in call.arguments if each not in known]:
            raise ApiProblem(
                ProblemKind.BAD_REQUEST, f"{name} takes {', '.join(known) or 'nothing'}, not “{strange[0][:50]}”."
            )
        return await tool.call(call)

    def _all(self) -> Sequence[AgentTool]:
        on_session = {"session": SESSION}
        return (
            AgentTool(
                "list_avatars",
                "avatars",
                "Show the avatars that can be started in a place.",
                _schema({"place": PLACE, "name": {"type": "string"}, "page": {"type": "integer"}}, "place"),
                self._list_avatars,
                reads_only=True,
            ),
            AgentTool(
                "start", "start", "Start a live video avatar in a place.", options_of("start", place=True), self._start
            ),
            AgentTool(
                "say",
                "say",
                "Say something to the avatar of a place, wait until it was spoken, and get what the avatar answered. "
                "Where none is live one is started, if the token is for that. Cancelling stops the avatar.",
                _schema({"place": PLACE, "text": TEXT}, "place", "text"),
                self._say,
            ),
            AgentTool(
                "interrupt",
                "interrupt",
                "Stop what an avatar is saying.",
                _schema(on_session, "session"),
                self._command("interrupt"),
            ),
            AgentTool(
                "act", "act", "Have an avatar make a gesture.", _on_session(options_of("act")), self._command("act")
            ),
            AgentTool(
                "status",
                "sessions",
                "Show one session, or all sessions that have not ended.",
                _schema(on_session),
                self._status,
                reads_only=True,
            ),
            AgentTool(
                "transcript",
                "transcript",
                "Get what was said in a session.",
                _schema({"session": SESSION, "format": FORMAT}, "session"),
                self._transcript,
                reads_only=True,
            ),
            AgentTool(
                "stop",
                "stop",
                "End a session: its avatar leaves.",
                _schema(on_session, "session"),
                self._command("stop"),
            ),
        )

    # ------------------------------------------------------------ what changes a session

    async def _say(self, call: ToolCall) -> ToolAnswer:
        place, text = call.text("place"), call.text("text")
        return await self._heard_out(call, await self._operations.say(call.caller, place, text, new_id()))

    async def _start(self, call: ToolCall) -> ToolAnswer:
        place, options = call.text("place"), call.options("place")
        return await self._followed(call, await self._operations.start(call.caller, place, options, new_id()))

    def _command(self, verb: str) -> Callable[[ToolCall], Awaitable[ToolAnswer]]:
        async def command(call: ToolCall) -> ToolAnswer:
            session, options = call.text("session"), call.options("session")
            return await self._followed(
                call, await self._operations.command(call.caller, session, verb, options, new_id())
            )

        return command

    async def _heard_out(self, call: ToolCall, done: RequestStatus) -> ToolAnswer:
        try:
            return await self._followed(call, done)
        except asyncio.CancelledError:
            with anyio.move_on_after(INTERRUPT_WITHIN, shield=True), suppress(ApiProblem, StoreUnavailable):
                await self._interrupt(call.caller, done)
            raise

    async def _interrupt(self, caller: ApiCaller, done: RequestStatus) -> None:
        """What is being said to this very request; what waits is somebody's turn yet, and the avatar may be saying something else."""
        if (await self._operations.request(caller, done.id)).status is RequestState.SPEAKING:
            await self._operations.command(caller, done.session, "interrupt", {}, new_id())

    async def _followed(self, call: ToolCall, done: RequestStatus) -> ToolAnswer:
        """Until it is over. Raises `ApiProblem` for what was refused then."""
        for second in range(LONGEST):
            if done.status.final or self._operations.closed:
                break
            await call.progress(float(second), done.answer[-LONGEST_NEWS:] or GOING_ON[done.status])
            done = await self._a_moment_later(call.caller, done)
        if done.status is RequestState.REFUSED:
            raise ApiProblem(ProblemKind.REFUSED, done.sentence or "That was not done.")
        return ToolAnswer(done.answer or done.sentence or f"{done.status}.", msgspec.to_builtins(done))

    async def _a_moment_later(self, caller: ApiCaller, done: RequestStatus) -> RequestStatus:
        """As soon as it is over, else after `BETWEEN`, even where too many wait already. It was taken: a database that is away is waited for."""
        now = asyncio.get_running_loop().time
        until = now() + BETWEEN
        with suppress(StoreUnavailable):
            done = await self._operations.request(caller, done.id, BETWEEN)
        if not done.status.final and not self._operations.closed:
            await asyncio.sleep(until - now())
        return done

    # ------------------------------------------------------------ questions

    async def _list_avatars(self, call: ToolCall) -> ToolAnswer:
        reply = await self._operations.avatars(call.caller, call.text("place"), call.options("place"))
        found = [{"name": item.title, "detail": item.detail} for item in reply.items]
        lines = (f"- {each['name']}: {each['detail']}" for each in found)
        return ToolAnswer("\n".join(filter(None, (reply.text, *lines))), {"text": reply.text, "avatars": found})

    async def _status(self, call: ToolCall) -> ToolAnswer:
        if session_id := call.text("session", ""):
            found = [await self._operations.session(call.caller, session_id)]
        else:
            found = await self._operations.sessions(call.caller)
        lines = [f"{each.avatar} in {each.place}: {each.status} (session {each.id})" for each in found]
        return ToolAnswer("\n".join(lines) or "No session is live.", {"sessions": msgspec.to_builtins(found)})

    async def _transcript(self, call: ToolCall) -> ToolAnswer:
        text = await self.transcript(call.caller, call.text("session"), call.text("format", "md"))
        return ToolAnswer(text, {"transcript": text})

    async def transcript(self, caller: ApiCaller, session_id: str, form: str) -> str:
        if form not in FORMAT["enum"]:
            raise ApiProblem(ProblemKind.BAD_REQUEST, f"A transcript is kept as {', '.join(FORMAT['enum'])}.")
        return (await self._operations.transcript(caller, session_id, form)).content.decode()

    async def transcripts(self, caller: ApiCaller) -> Sequence[tuple[str, str]]:
        """(session id, title) of those that a token may read now; none where it is not for them."""
        if not {"sessions", "transcript"} <= set(caller.token.commands):
            return []
        found = await self._operations.sessions(caller)
        return [(each.id, f"{each.avatar} in {each.place}") for each in found]


def _schema(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _on_session(options: Json) -> Json:
    return _schema({"session": SESSION, **options["properties"]}, "session")
