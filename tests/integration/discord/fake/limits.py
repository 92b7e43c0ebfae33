"""Discord's rate limits as they have been seen; it does not publish them. Fixed windows that begin with their first call."""

import asyncio
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

EVERYTHING = "everything"
UNLIMITED = re.compile(r"\w+ /(interactions|webhooks)/.*")
"""Answers to interactions are outside of the limit for all of a bot."""

Buckets = Mapping[str, tuple[str, int, float]]
"""By name: which calls, in which channel (or of which interaction); how many, in how many seconds."""

LONG: Buckets = {
    "threads": (r"POST /channels/(\d+)/messages/\d+/threads", 10, 300.0),
    "direct": (r"POST /(users/@me)/channels", 10, 600.0),
    "commands": (r"\w+ /applications/(\d+)(?:/guilds/\d+)?/commands", 10, 60.0),
    "callback": (r"POST /interactions/(\d+)/.*", 5, 60.0),
}
"""Their windows are longer than anybody would wait, and there is room in them."""

SHORT: Buckets = {
    "post": (r"POST /channels/(\d+)/messages", 5, 5.0),
    "edit": (r"PATCH /channels/(\d+)/messages/\d+", 5, 5.0),
    "typing": (r"POST /channels/(\d+)/typing", 5, 5.0),
    "react": (r"PUT /channels/(\d+)/messages/\d+/reactions/.*", 1, 0.25),
}


@dataclass
class Window:
    limit: int
    seconds: float
    began: float = float("-inf")
    used: int = 0

    def take(self, now: float, late: float = 0.0) -> bool:
        """`late`: for so many seconds of the window, or before it, calls came that are counted only now."""
        if now >= self.began + self.seconds:
            self.began, self.used = now, 0
        self.used += 1
        return self.used <= self.limit * (1 + late / self.seconds)

    def left(self, now: float) -> float:
        return max(0.0, self.began + self.seconds - now)


LOOKS_EVERY_S, LATE_S = 0.01, 0.05


@dataclass
class Stalls:
    """When the stand-in itself stood still, and for how long, in seconds of the loop: Discord counts calls as they come, and what came
    meanwhile is read here in one moment. While nobody `watch`es it never did.
    """

    seen: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=100))

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(LOOKS_EVERY_S)
            if (late := loop.time() - before - LOOKS_EVERY_S) > LATE_S:
                self.seen.append((loop.time(), late))

    def within(self, seconds: float) -> float:
        """How long the stalls were that ended in the last seconds, each in full: all that came during one is read at its end."""
        since = asyncio.get_running_loop().time() - seconds
        return sum(late for ended, late in self.seen if ended >= since)


@dataclass(frozen=True)
class Verdict:
    """What the headers say, and, where the call may not be made, what the body of the 429 does."""

    headers: dict[str, str]
    refused: dict[str, object] | None = None


@dataclass
class Limits:
    buckets: Buckets = field(default_factory=lambda: {**LONG, **SHORT})
    windows: dict[tuple[str, str], Window] = field(default_factory=dict)
    stalls: Stalls = field(default_factory=Stalls)

    def judge(self, call: str) -> Verdict:
        """`call` as in `POST /channels/1/messages`; counts it. Time is the running loop's."""
        now = asyncio.get_running_loop().time()
        if not UNLIMITED.fullmatch(call):
            whole = self.windows.setdefault((EVERYTHING, ""), Window(50, 1.0))
            if not whole.take(now, self.stalls.within(whole.seconds)):
                return _refusal(whole, now, {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"})
        for name, channel, limit, seconds in self._buckets(call):
            window = self.windows.setdefault((name, channel), Window(limit, seconds))
            taken = window.take(now)
            headers = _headers(name, window, now)
            return Verdict(headers) if taken else _refusal(window, now, headers | {"X-RateLimit-Scope": "user"})
        return Verdict({})

    def _buckets(self, call: str) -> Iterator[tuple[str, str, int, float]]:
        for name, (pattern, limit, seconds) in self.buckets.items():
            if found := re.fullmatch(pattern, call):
                yield name, found[1], limit, seconds


def _headers(name: str, window: Window, now: float) -> dict[str, str]:
    return {
        "X-RateLimit-Bucket": name,
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(max(0, window.limit - window.used)),
        "X-RateLimit-Reset-After": f"{window.left(now):.3f}",
    }


def _refusal(window: Window, now: float, headers: dict[str, str]) -> Verdict:
    wait = round(window.left(now), 3)
    body = {"message": "You are being rate limited.", "retry_after": wait, "global": "X-RateLimit-Global" in headers}
    return Verdict(headers | {"Via": "1.1 google", "Retry-After": str(wait)}, body)
