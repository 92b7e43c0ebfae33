"""Whether the chat platforms hear people: asked every few seconds, logged when that changes, shown by `/readyz` and a gauge."""

import asyncio
from collections.abc import Mapping

import structlog

from bot.clock import Clock
from bot.domain.errors import PlatformError
from bot.ports.chat import ChatPlatform, ConnectionState
from bot.telemetry import Metrics

LOOK_EVERY_S = 5.0

TOLERATED_S = 30.0
"""How long a platform may have a problem before it is reported: reconnecting takes seconds, and happens every few hours."""

log = structlog.get_logger(__name__)


class Connections:
    """The connections of all platforms of this process. Time is the running loop's, so a clock that is set alarms nobody."""

    def __init__(self, platforms: Mapping[str, ChatPlatform], clock: Clock, metrics: Metrics) -> None:
        self._platforms = platforms
        self._clock = clock
        self._metrics = metrics
        self._stopped: dict[str, ConnectionState] = {}
        self._begun: dict[str, float] = {}  # when a problem was first seen
        self._reported: dict[str, ConnectionState] = {}

    def stopped(self, name: str, problem: str) -> None:
        """A platform does not run any more, for a reason that only the operator can mend."""
        self._stopped[name] = ConnectionState(self._clock.now(), problem)

    def require(self, name: str) -> None:
        """Raises `PlatformError` while a platform has a problem that was reported."""
        if state := self._reported.get(name):
            raise PlatformError(_sentence(name, state))

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            for name in self._platforms:
                self._look(name)
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self, name: str) -> None:
        state = self._stopped.get(name) or self._platforms[name].connection()
        if state.problem:
            self._trouble(name, state)
        else:
            self._well(name)
        self._metrics.connected.labels(name).set(name not in self._reported)

    def _trouble(self, name: str, state: ConnectionState) -> None:
        now = asyncio.get_running_loop().time()
        lasts = now - self._begun.setdefault(name, now)
        if lasts < TOLERATED_S and name not in self._stopped:
            return
        if name not in self._reported:
            log.warning("platform not connected", platform=name, reason=state.problem, since=state.since.isoformat())
        self._reported[name] = state

    def _well(self, name: str) -> None:
        begun = self._begun.pop(name, 0.0)
        if self._reported.pop(name, None):
            lasted = round(asyncio.get_running_loop().time() - begun)
            log.info("platform connected again", platform=name, after_s=lasted)


def _sentence(name: str, state: ConnectionState) -> str:
    return f"{name.capitalize()}, since {state.since:%Y-%m-%d %H:%M} UTC: {state.problem}"
