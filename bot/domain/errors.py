"""One tree of errors. Each carries the sentence for the person and, apart from it, the detail for the log."""

from enum import StrEnum


class AvatarbotError(Exception):
    """`sentence` may be shown to anybody; `detail` goes to the log only and never holds a secret."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail or sentence


class SettingsError(AvatarbotError):
    """The service cannot start as it is set up: exit code 2."""


class StoreUnavailable(AvatarbotError):
    """Nothing was written, and nothing will be of this call, unless it is `WriteInDoubt`."""

    def told(self, sentence: str) -> str:
        """What is said to whoever handed something in: `sentence` where it was certainly not taken."""
        return sentence


class StoreAway(StoreUnavailable):
    """The storage is not reached, or too busy: what it did not take now it takes later."""


class StoreBusy(StoreAway):
    """The storage is there and did not come to an end of this in time. Another try may, unless it is this that always takes too long."""


class StoreRefused(StoreUnavailable):
    """The storage is there and takes this at no time, as it is: a fault of whoever asked."""


class BeingAnswered(StoreUnavailable):
    """Not taken: another delivery of the same is being answered, by whoever may still die of it."""


IN_DOUBT = "That may not have been taken. Please look before you do it again."


class WriteInDoubt(StoreAway):
    """The storage was lost while it committed: it may have been written all the same. Writing it again changes nothing then."""

    def __init__(self, detail: str) -> None:
        super().__init__(IN_DOUBT, detail)

    def told(self, sentence: str) -> str:  # noqa: ARG002
        return self.sentence


class Verdict(StrEnum):
    """What to do about a provider's refusal."""

    RETRY_LATER = "retry later"
    FIX_INPUT = "fix the input"
    FIX_SETTINGS = "fix the settings"
    PAY = "pay"
    GONE = "gone"


class ProviderError(AvatarbotError):
    """The avatar provider refused, is down, is slow or answers nonsense.

    `certain` is False when the call may have had its effect all the same (a time-out after the request was sent).
    """

    def __init__(
        self, sentence: str, detail: str = "", *, verdict: Verdict, code: int | None = None, certain: bool = True
    ) -> None:
        super().__init__(sentence, detail)
        self.verdict = verdict
        self.code = code
        self.certain = certain


class NotPublic(AvatarbotError):
    """An address leads to somewhere that the internet cannot reach."""


class RoomError(AvatarbotError):
    """The room could not be joined or spoken to."""


class CommandRefused(AvatarbotError):
    """The avatar did not take a command, or did not say that it did."""


class PlatformError(AvatarbotError):
    """A chat platform did not do what it was asked; trying again may help, unless it is `final`."""

    final = False


class Throttled(PlatformError):
    """Too fast: nothing was done; try again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("The chat platform asks us to slow down.", f"throttled for {retry_after:g} s")
        self.retry_after = retry_after


class PlaceGone(PlatformError):
    """The place cannot be posted to any more: removed, archived, deleted, not allowed."""

    final = True


class MessageGone(PlatformError):
    """The one message to edit is gone or can no longer be edited; the place is fine."""
