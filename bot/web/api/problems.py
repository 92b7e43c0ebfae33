"""What a request is refused with: RFC 9457 problem details, with the sentence that a person would get."""

from enum import Enum

from bot.domain.errors import AvatarbotError


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
