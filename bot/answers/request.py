"""A question as its answer sees it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bot.answers.desk import Desk
from bot.commands.misunderstood import Misunderstood
from bot.commands.values import Values
from bot.errors import AvatarbotError
from bot.model import Inbound, Person, Place, Reply, Role
from bot.offers import Showcase
from bot.policy import Workspace, role_of
from bot.session.channel import ChannelSettings
from bot.session.sentences import nobody_here
from bot.store.records import SessionRecord

T = TypeVar("T")


class Declined(AvatarbotError):
    """A question that cannot be answered as asked; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks what, where, and what is there. `session` is the one of the place, or the one named."""

    desk: Desk
    inbound: Inbound
    values: Values
    session: SessionRecord | None
    settings: ChannelSettings
    workspace: Workspace

    @property
    def place(self) -> Place:
        return self.inbound.place

    @property
    def person(self) -> Person:
        return self.inbound.person

    @property
    def role(self) -> Role:
        return role_of(self.person, self.session.starter_id if self.session else None)

    @property
    def now(self) -> datetime:
        return self.desk.house.clock.now()

    @property
    def showcase(self) -> Showcase:
        """What the provider offers, as this workspace may see it."""
        return self.desk.house.offers.seen_from(self.place)

    def text(self, name: str) -> str:
        """An option as text, empty when it was not given."""
        return str(self.values.get(name) or "")

    def number(self, name: str, usual: int) -> int:
        """A whole number, `usual` when it was not given."""
        return int(self.values.get(name, usual))  # type: ignore[arg-type] # the catalogue says that it is one

    @property
    def live(self) -> SessionRecord:
        """The session here. Raises `Declined` when there is none."""
        if self.session is None:
            raise Declined(nobody_here(self.person))
        return self.session


Answer = Callable[[Request], Awaitable[Reply]]


def understood(found: T | Misunderstood) -> T:
    """Options that make sense together. Raises `Declined`."""
    if isinstance(found, Misunderstood):
        raise Declined(found.sentence)
    return found
