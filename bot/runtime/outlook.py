"""What will end a session as things are: the one answer that the card, the viewer's page and `status` show."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.sessions import EndReason

WARNED_BEFORE = timedelta(minutes=5)
"""Before it falls asleep, when that is shown with its time; until then every message would move it."""

TOGETHER = timedelta(minutes=1)
"""An end that comes so soon after falling asleep is the one to name: who wakes it then would not have it for long."""

LAST = {
    EndReason.EXPIRED: "Ends when its time is up.",
    EndReason.BUDGET: "Ends when the minutes for today are used up.",
    EndReason.NOT_ALLOWED: "Ends: avatars are no longer allowed in this workspace.",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """`ends` is one sentence; `at` is when, where that is known. `quiet` says that somebody who writes or watches moves it."""

    ends: str = ""
    at: datetime | None = None
    quiet: bool = True


NOTHING_KNOWN = Outlook()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When a session falls asleep if nobody writes or watches, and when what is paid ends, for `last` where nothing follows."""

    asleep_at: datetime
    paid_until: datetime | None
    last: EndReason | None = None

    def outlook(self, now: datetime, sleep_after: timedelta) -> Outlook:
        soon = self.asleep_at - now <= WARNED_BEFORE < sleep_after
        if self.last and self.paid_until and (self.paid_until - self.asleep_at <= TOGETHER or not soon):
            return Outlook(LAST[self.last], self.paid_until, quiet=False)
        if soon:
            return Outlook("Falls asleep unless somebody writes or watches.", self.asleep_at)
        minutes = max(1, round(sleep_after / timedelta(minutes=1)))
        quiet = "a quiet minute" if minutes == 1 else f"{minutes} quiet minutes"
        return Outlook(f"Renews by itself while people talk; falls asleep after {quiet}.")
