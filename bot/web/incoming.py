"""What comes in over a page's WebSocket."""

from starlette.websockets import WebSocket, WebSocketDisconnect


async def text_of(socket: WebSocket) -> str:
    """The next message. Raises `ValueError` for a binary one, which no page of ours sends, and `WebSocketDisconnect`."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
    text: str | None = message.get("text")
    if text is None:
        raise ValueError("a binary message")
    return text
