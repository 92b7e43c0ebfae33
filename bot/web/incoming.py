"""What comes in over a page's WebSocket."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.websockets import WebSocket, WebSocketDisconnect


async def text_of(socket: WebSocket) -> str:
    """The next message, after everybody else had a turn: thousands may be here already.

    Raises `ValueError` for a binary one, and `WebSocketDisconnect`.
    """
    message = await message_of(socket)
    if isinstance(message, bytes):
        raise ValueError("a binary message")  # noqa: TRY004 - of what somebody sent, not of ours
    return message


async def message_of(socket: WebSocket) -> str | bytes:
    """The next message, text or binary, after everybody else had a turn. Raises `WebSocketDisconnect`."""
    await asyncio.sleep(0)
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
    text: str | None = message.get("text")
    data: bytes = message.get("bytes") or b""
    return data if text is None else text


@contextmanager
def ended_by(*kinds: type[Exception]) -> Iterator[None]:
    """Around a task group that ends by what its tasks raise: of several at once, the first of these kinds, by itself.

    What is none of them leaves as the group that it came in.
    """
    ends: list[Exception] = []
    try:
        yield
    except* kinds as group:
        ends = list(_leaves(group))
    for kind in kinds:
        for end in ends:
            if isinstance(end, kind):
                raise end from None


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
