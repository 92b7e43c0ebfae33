"""Who takes part, and what they are to a workspace and a session."""

from dataclasses import dataclass
from enum import StrEnum


class Membership(StrEnum):
    """What the platform says about a person in a workspace."""

    UNKNOWN = "unknown"  # the platform has not told in time: no more than an outsider
    OUTSIDER = "outsider"  # of another organisation, guests
    MEMBER = "member"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is to one session: their standing, or its starter."""

    UNKNOWN = "unknown"
    OUTSIDER = "outsider"
    MEMBER = "member"
    STARTER = "starter"
    ADMIN = "admin"


BY_API = "api:"
"""With this the id of every program begins that has a token of the HTTP API, and no id of a platform's."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a program with a token may do: these commands of the catalogue, and so many minutes of the provider's in a day."""

    commands: frozenset[str]
    minutes_per_day: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a platform. `name` is for people and for speech; only `id` identifies. Who is not said to be more is not known.

    `human` is said of those whom the platform knows to be neither a bot nor a program with a token. An `allowance` narrows what their
    standing allows; people have none.
    """

    id: str
    name: str
    standing: Membership = Membership.UNKNOWN
    groups: frozenset[str] = frozenset()
    human: bool = False
    allowance: Allowance | None = None
