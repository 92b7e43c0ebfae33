"""Puts the parts of a chat together, however they come."""

from dataclasses import dataclass, field

from adapters.simulator.messages import ChatPart

UNFINISHED_LIMIT = 64
"""Chats of which parts are missing; the oldest is given up for a new one."""


@dataclass(slots=True)
class _Unfinished:
    parts: dict[int, str] = field(default_factory=dict)
    last: int | None = None

    def text(self) -> str | None:
        if self.last is None or any(idx not in self.parts for idx in range(self.last + 1)):
            return None
        return "".join(self.parts[idx] for idx in range(self.last + 1))


class ChatReassembly:
    """Remembers nothing of a chat that is complete: the same `mid` given again is a new chat."""

    def __init__(self) -> None:
        self._unfinished: dict[str, _Unfinished] = {}

    def hear(self, part: ChatPart) -> str | None:
        """The whole text, once its last missing part has come."""
        chat = self._unfinished.setdefault(part.mid, _Unfinished())
        chat.parts[part.idx] = part.text
        if part.fin:
            chat.last = part.idx
        text = chat.text()
        if text is not None:
            del self._unfinished[part.mid]
        elif len(self._unfinished) > UNFINISHED_LIMIT:
            del self._unfinished[next(iter(self._unfinished))]
        return text

    def forget(self) -> None:
        """Give up whatever is incomplete."""
        self._unfinished.clear()
