"""Slack's rate limits: per method and token in a minute, and messages per channel in a second."""

from collections import defaultdict, deque
from collections.abc import Callable

from tests.integration.slack.fake.reference import per_minute

WINDOW_S = 60.0
CHANNEL_BURST = 10
"""Messages a channel takes at once; after that one a second."""


class Throttle:
    """`stricter` gives a method another limit and window in seconds: Slack's own are often longer than its pages say."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.stricter: dict[str, tuple[int, float]] = {}
        self._channels: dict[tuple[str, str], tuple[float, float]] = {}

    def retry_after(self, token: str, method: str, channel: str = "") -> float:
        """0 when the call may be made, and counts it; else the seconds to wait."""
        wait = self._minute(token, method)
        if not wait and method == "chat.postMessage":
            wait = self._channel(token, channel)
        return wait

    def _minute(self, token: str, method: str) -> float:
        limit, window = self.stricter.get(method, (per_minute(method), WINDOW_S))
        if limit is None:
            return 0.0
        calls, now = self._calls[token, method], self._now()
        while calls and calls[0] <= now - window:
            calls.popleft()
        if len(calls) >= limit:
            return (calls[0] if calls else now) + window - now
        calls.append(now)
        return 0.0

    def _channel(self, token: str, channel: str) -> float:
        now = self._now()
        left, at = self._channels.get((token, channel), (float(CHANNEL_BURST), now))
        left = min(CHANNEL_BURST, left + (now - at))
        if left < 1:
            return 1 - left
        self._channels[token, channel] = (left - 1, now)
        return 0.0
