"""What goes over the HTTP API as JSON: names and types as in its OpenAPI document, which is made of these; and why a request is refused."""

from datetime import datetime
from enum import Enum, StrEnum
from typing import Annotated, Literal

import msgspec

from bot.domain.errors import AvatarbotError
from bot.domain.sessions import SessionStatus
from bot.ports.storage.records import InboxOutcome, InboxState

ON_A_SESSION = ("stop", "interrupt", "act", "set", "extend")
"""Commands that are given to a session by its id."""

USUAL_DAYS, MOST_DAYS = 30, 90
"""Of a report of usage."""

LONGEST_NAME = 300
"""Characters of a place's name."""

OptionValue = str | int | float

PlaceName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=LONGEST_NAME,
        description="A place as people name it, `slack/T0123/C0456` (a thread behind a further slash), or the name of a channel that the "
        "token is for, as `#releases`.",
        examples=["slack/T0123456/C0123456"],
    ),
]


class SayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the avatar of a place is to say, or to answer. Where none is live one is started first, if the token is for `start` too."""

    place: PlaceName
    text: Annotated[str, msgspec.Meta(min_length=1, description="As somebody would write it in the channel.")]
    start: Annotated[
        dict[str, OptionValue],
        msgspec.Meta(
            description="How an avatar is started where none is live: the options of `/avatar start`. With `mode` `retelling` it speaks the "
            "text as it is, with `dialogue` it answers.",
            examples=[{"mode": "retelling"}],
        ),
    ] = {}


class RequestState(StrEnum):
    """What has become of a request."""

    WAITING = "waiting"  # accepted; its turn has not come
    SPEAKING = "speaking"  # the avatar has it
    SPOKEN = "spoken"
    INTERRUPTED = "interrupted"  # somebody stopped it
    UNHEARD = "unheard"  # it may not have been heard
    DONE = "done"  # a command was carried out
    REFUSED = "refused"

    @property
    def final(self) -> bool:
        return self not in {RequestState.WAITING, RequestState.SPEAKING}


_STATES = {
    InboxOutcome.NONE: RequestState.WAITING,
    InboxOutcome.DONE: RequestState.DONE,
    InboxOutcome.NOT_CONFIRMED: RequestState.DONE,
    InboxOutcome.SPOKEN: RequestState.SPOKEN,
    InboxOutcome.INTERRUPTED: RequestState.INTERRUPTED,
    InboxOutcome.UNHEARD: RequestState.UNHEARD,
    InboxOutcome.DROPPED: RequestState.UNHEARD,
    InboxOutcome.HANDED_BACK: RequestState.UNHEARD,
    InboxOutcome.LEFT: RequestState.UNHEARD,
}


def state_of(state: InboxState, outcome: InboxOutcome) -> RequestState:
    """Every outcome that is none of the above is a refusal, and its sentence says why."""
    return RequestState.SPEAKING if state is InboxState.CLAIMED else _STATES.get(outcome, RequestState.REFUSED)


class RequestStatus(msgspec.Struct, frozen=True):
    """What has become of something that was accepted. It is kept as long as its session is."""

    id: str
    status: RequestState
    command: str
    session: str
    place: str
    at: datetime
    sentence: str = ""
    """What a person would have been told."""
    answer: str = ""
    """What the avatar said to it, while it speaks as far as it has come."""


class SessionSummary(msgspec.Struct, frozen=True):
    """One session. `thread` is the place where its talk goes on; to say something there either name will do."""

    id: str
    place: str
    thread: str
    status: SessionStatus
    avatar: str
    mode: Literal["dialogue", "retelling"]
    started_by: str
    started_at: datetime
    ended_at: datetime | None = None


class SessionList(msgspec.Struct, frozen=True):
    """Sessions that have not ended, oldest first."""

    sessions: list[SessionSummary]


class OwnUsage(msgspec.Struct, frozen=True):
    """The day (UTC) of the token itself, in one workspace. Minutes."""

    workspace: str
    used: float
    set_aside: float
    allowed: int


class UsedTime(msgspec.Struct, frozen=True):
    """Minutes of one avatar in one channel on one day (UTC), whoever paid."""

    day: str
    place: str
    avatar: str
    minutes: float


class UsageReport(msgspec.Struct, frozen=True):
    today: list[OwnUsage]
    used: list[UsedTime]


class AvatarOffer(msgspec.Struct, frozen=True):
    """One avatar that can be started, by its name."""

    name: str
    detail: str
    picture: str


class AvatarList(msgspec.Struct, frozen=True):
    """A page of avatars; `text` says the same to people, and how to see more."""

    text: str
    avatars: list[AvatarOffer]


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457. `detail` is the sentence that a person would get."""

    type: str
    title: str
    status: int
    detail: str


class ProblemKind(Enum):
    """The status of the answer, its `title`, and by the member's name its `type`."""

    BAD_REQUEST = 400, "The request makes no sense"
    UNAUTHORIZED = 401, "No valid token"
    FORBIDDEN = 403, "The token does not allow that"
    NOT_FOUND = 404, "Not found"
    METHOD_NOT_ALLOWED = 405, "Not with this method"
    REQUEST_TIMEOUT = 408, "The body came too slowly"
    NO_SESSION = 409, "No session there"
    TOO_LARGE = 413, "The body is too large"
    UNSUPPORTED_MEDIA_TYPE = 415, "The body is not JSON"
    REFUSED = 422, "Refused"
    KEY_REUSED = 422, "The Idempotency-Key was used for something else"
    TOO_MANY_REQUESTS = 429, "Too many requests"
    BROKEN = 500, "A fault of ours"
    UNAVAILABLE = 503, "Not taken"

    def __init__(self, status: int, title: str) -> None:
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        return f"urn:avatarbot:problem:{self.name.lower().replace('_', '-')}"


class ApiProblem(AvatarbotError):
    """A request that is not done. `retry_after` are seconds, where it may be tried again."""

    def __init__(self, kind: ProblemKind, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.retry_after = retry_after
