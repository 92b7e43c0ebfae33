"""Whether Slack reaches us: what each part of the adapter has noticed, and what follows from it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from adapters.slack.client import WebApi
from adapters.slack.manifest import SCOPES
from bot.clock import Clock
from bot.domain.errors import PlaceGone, PlatformError
from bot.ports.chat import ConnectionState

ECHO_WITHIN_S = 300.0
"""Slack delivers our own posts to us too, within a second as a rule; one connection may lag behind by minutes (python-slack-sdk #1280)."""

POSTS_WITHOUT_ECHO = 2
"""So many posts at least have to be without an echo."""

CHECK_EVERY_S = 300.0
"""How often Slack is asked whether it takes our token."""

LACKS = (
    "The Slack app lacks scopes: {}. Add them at api.slack.com/apps, OAuth & Permissions, and install the app again."
)

log = structlog.get_logger(__name__)

Seconds = Callable[[], float]


class HealthPart(StrEnum):
    """What can be wrong, worst first."""

    TOKEN = "token"  # noqa: S105
    API = "api"
    SOCKET = "socket"
    SCOPES = "scopes"
    SHARED = "shared"
    EVENTS = "events"


SENTENCES = {
    HealthPart.TOKEN: "Slack does not accept SLACK_BOT_TOKEN any more: copy the Bot User OAuth Token from Install App again.",
    HealthPart.API: "Slack does not answer; it is asked again by itself.",
    HealthPart.SOCKET: "There is no connection to Slack; it is tried again by itself.",
    HealthPart.SHARED: "Another program is connected with the same SLACK_APP_TOKEN and gets a share of what people write: "
    "stop it, or give it an app of its own.",
    HealthPart.EVENTS: "Slack delivers no messages, not even our own: look at Event Subscriptions at api.slack.com/apps, or paste "
    "`avatarbot slack manifest` there again.",
}


class Health:
    """The troubles of one app. `seconds` is a clock that nobody sets.

    `alone` says whether all that Slack delivers comes to this process; what others are delivered says nothing about Slack.
    """

    def __init__(
        self, clock: Clock, seconds: Seconds = time.monotonic, alone: Callable[[], bool] = lambda: True
    ) -> None:
        self.alone = alone
        self._clock = clock
        self._seconds = seconds
        self._well_since = clock.now()
        self._troubles: dict[HealthPart, ConnectionState] = {}
        self._unheard = 0
        self._unheard_since = 0.0

    def trouble(self, part: HealthPart, sentence: str = "") -> None:
        """Something is wrong, since now if it was not before."""
        told = sentence or SENTENCES[part]
        before = self._troubles.get(part)
        self._troubles[part] = ConnectionState(before.since if before else self._clock.now(), told)

    def well(self, part: HealthPart) -> None:
        if self._troubles.pop(part, None) and not self._troubles:
            self._well_since = self._clock.now()

    def posted(self) -> None:
        """We wrote something that Slack delivers to us as well."""
        if not self._unheard:
            self._unheard_since = self._seconds()
        self._unheard += 1

    def heard(self) -> None:
        """A message was delivered, ours or anybody's."""
        self._unheard = 0
        self.well(HealthPart.EVENTS)

    def state(self) -> ConnectionState:
        """The worst trouble, or none."""
        silent = self._unheard >= POSTS_WITHOUT_ECHO and self._seconds() - self._unheard_since > ECHO_WITHIN_S
        if silent and self.alone():
            self.trouble(HealthPart.EVENTS)
        worst = (self._troubles[part] for part in HealthPart if part in self._troubles)
        return next(worst, ConnectionState(self._well_since))


async def check_token(web: WebApi, token: str, health: Health) -> None:
    """Ask Slack whether it takes a token, and note what it says."""
    try:
        _, granted = await web.call_with_scopes(token, "auth.test")
    except PlaceGone:
        health.trouble(HealthPart.TOKEN)
    except PlatformError as error:
        log.info("Slack did not answer a check-up", detail=error.detail)
        health.trouble(HealthPart.API)
    else:
        health.well(HealthPart.TOKEN)
        health.well(HealthPart.API)
        missing = sorted(set(SCOPES) - granted) if granted else []  # a proxy may take the header away
        if missing:
            health.trouble(HealthPart.SCOPES, LACKS.format(", ".join(missing)))
        else:
            health.well(HealthPart.SCOPES)


@dataclass(frozen=True, slots=True)
class Looks:
    """Seconds. Others are reported when they have been connected for `certain_after`: during a deployment the old process is for
    a while, and so is a socket that was just closed. Until then and after it, one connection is made anew to hear how many there
    are, `pause` after it was closed.
    """

    certain_after: float = 240.0
    until_then: float = 60.0
    after: float = 300.0
    pause: float = 10.0


class Peers:
    """Our connections of Socket Mode, and whether others use the same app: Slack gives each payload to one of all."""

    def __init__(self, health: Health, seconds: Seconds = time.monotonic, looks: Looks = Looks()) -> None:
        self.looks = looks
        self._health = health
        self._seconds = seconds
        self._ours = 0
        self._shared_since: float | None = None
        self._look_at = 0.0
        health.trouble(HealthPart.SOCKET)

    def ours(self, connections: int) -> None:
        """How many of ours are open."""
        self._ours = connections
        if connections:
            self._health.well(HealthPart.SOCKET)
        else:
            self._health.trouble(HealthPart.SOCKET)

    def told(self, connections: int) -> float | None:
        """What a `hello` says: all connections of the app. Returns the seconds after which to ask for another one, if at all."""
        if connections <= self._ours or not self._health.alone():
            self._shared_since = None
            self._health.well(HealthPart.SHARED)
            return None
        now = self._seconds()
        if self._shared_since is None:
            self._shared_since = now
        certain = now - self._shared_since >= self.looks.certain_after
        if certain:
            self._health.trouble(HealthPart.SHARED)
        return self._look(now, self.looks.after if certain else self.looks.until_then)

    def _look(self, now: float, after: float) -> float | None:
        """One look at a time, or two connections would be closed at once."""
        if now < self._look_at:
            return None
        self._look_at = now + after
        return after
