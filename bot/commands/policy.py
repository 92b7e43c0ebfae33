"""Who may do what, and how much: one pure object. Every decision is None, or a sentence that says why not."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.commands.catalogue import Catalogue, Verb
from bot.commands.parser import ParseError, Values, listed, validate
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Membership, Person, PlatformFeature, Refused, Role
from bot.domain.provider import WHATEVER, Capability, Offer
from bot.redaction import holds_key

_SECRETS = [(verb.name, option.name) for verb in CATALOGUE.verbs for option in verb.options if option.secret]
_VERBS = "|".join(verb.replace(" ", r"[\s_-]+") for verb, _ in _SECRETS)
_NAMES = "|".join(option.replace("_", "[_-]?") for _, option in _SECRETS)
_GIVEN = re.compile(
    rf"\A\s*(?:/\S+\s+)?(?:{_VERBS})\s+\S"  # defaults elevenlabs …
    rf"|\b(?:{_NAMES})\s?[:=]\s?\S"  # api_key:…
    rf"|--(?:{_NAMES})\s+\S",
    re.IGNORECASE,
)


def shows_secret(text: str) -> bool:
    """Whether a secret option is given in `text`, named or behind its verb, or something in it has the shape of a key."""
    return _GIVEN.search(text) is not None or holds_key(text)


SECRET = Refused(
    "That looks like a key: I neither speak it nor keep it. Delete the message, change the key if others could read it, "
    "and give keys to the slash command only."
)

NOT_KNOWN = Refused("I could not find out yet whether you are a member here. Please try again in a moment.")

FULL = Refused("All places for live avatars are taken at the moment. Try again in a few minutes.")

_RANK = {Role.UNKNOWN: 0, Role.OUTSIDER: 0, Role.MEMBER: 1, Role.STARTER: 2, Role.ADMIN: 3}


def at_least(role: Role, needed: Role) -> bool:
    """Whether `role` may do all that `needed` may."""
    return _RANK[role] >= _RANK[needed]


def role_of(person: Person, starter_id: str | None = None) -> Role:
    """What a person is to the session that `starter_id` started. An outsider stays one whatever they started, and so does who is not known."""
    if person.standing is Membership.ADMIN:
        return Role.ADMIN
    if person.standing is Membership.OUTSIDER:
        return Role.OUTSIDER
    if person.standing is Membership.UNKNOWN:
        return Role.UNKNOWN
    return Role.STARTER if person.id == starter_id else Role.MEMBER


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is allowed. Money is spent per provider session, so its minutes bound what a crash can waste.

    `sessions` are those of one workspace at once; `account_sessions` those of all workspaces on the operator's account, and
    `sessions_in_all` those of all workspaces, on accounts of their own too.
    """

    provider_minutes: int = 10  # per provider session, unless asked otherwise; the provider's own maximum holds too
    person_minutes: int = 60  # per person and day
    sessions: int = 5
    account_sessions: int = 20
    sessions_in_all: int = 500
    waiting: int = 10  # turns of one session; of people whose first one it is, as many as that
    waiting_per_person: int = 3
    characters: int = 1_500  # per message
    message_expires: timedelta = timedelta(seconds=60)
    sleep_after: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AllowList:
    """Who may start, by ids of people and groups; with nothing in it, everybody who is no outsider.

    `unresolved` are names that stand for nobody we know: with one of them in it the list is never taken for empty.
    """

    people: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    unresolved: tuple[str, ...] = ()

    def has(self, person: Person) -> bool:
        return person.id in self.people or not self.groups.isdisjoint(person.groups)

    @property
    def everybody(self) -> bool:
        return not (self.people or self.groups or self.unresolved)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace of a platform. `funded`: it is known that it may use the operator's account at the provider."""

    platform: str
    id: str
    funded: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """What is taken already: minutes of this person today, `held_minutes` of which are set aside and not used yet; sessions
    that run now in the workspace, on the operator's account, and in all workspaces together. `allowed_minutes` are a day's, where that
    is less than everybody's.
    """

    person_minutes: float = 0
    held_minutes: float = 0
    sessions: int = 0
    account_sessions: int = 0
    sessions_in_all: int = 0
    allowed_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The table verb x role is the catalogue's; the limits are the operator's; what there is to ask for is the provider's.

    `catalogue` holds what is shown to people as possible: with `at` an offer, without what that lacks.
    """

    limits: Limits = Limits()
    catalogue: Catalogue = CATALOGUE
    offer: Offer = WHATEVER

    def at(self, offer: Offer) -> "Policy":
        """The same where a provider with this offer hosts the avatars."""
        return replace(self, catalogue=self.catalogue.offered_by(offer), offer=offer)

    def on_platform(self, features: Collection[PlatformFeature]) -> "Policy":
        """The same on a chat platform that has these features."""
        return replace(self, catalogue=self.catalogue.on_platform(features))

    def values(self, verb: Verb, options: Mapping[str, str]) -> Values | ParseError:
        """The options of a command, checked; or what is wrong first, and be it that the provider does not have what they need."""
        absent = self.absent(verb, options)
        return ParseError(absent) if absent else validate(verb, options)

    def absent(self, verb: Verb, options: Collection[str] = ()) -> str:
        """A sentence where the provider does not have what a verb, or one of these options of it, needs; else `''`."""
        needed = [verb.needs, *(option.needs for name in options if (option := verb.option(name)))]
        return next((self.offer.absent(each) for each in needed if each and not self.offer.has(each)), "")

    def may(self, verb: str, role: Role, workspace: Workspace) -> Refused | None:
        """Whether that role may use that verb there. What costs is for workspaces that are funded."""
        entry = self.catalogue.verb(verb)
        return self._role(verb, role) or (self._funding(workspace) if entry and entry.costs else None)

    def may_call(self, person: Person, verb: str) -> Refused | None:
        """Whether somebody's token, where it is one that they come by, is for that verb."""
        allowance = person.allowance
        if allowance is None or verb in allowance.commands:
            return None
        return Refused(
            f"This token is not for “{verb}”, only for {listed(sorted(allowance.commands), 'and')}. Whoever runs Avatarbot makes "
            "another with: avatarbot tokens create"
        )

    def _role(self, verb: str, role: Role) -> Refused | None:
        """What is not in the catalogue nobody may."""
        entry = self.catalogue.verb(verb)
        if entry is None:
            return Refused(f"“{verb}” is not available here.")
        if at_least(role, entry.role):
            return None
        if role is Role.UNKNOWN:
            return NOT_KNOWN
        match entry.role:
            case Role.STARTER:
                return Refused(f"Only whoever started the session, or an admin, can use “{entry.name}”.")
            case Role.ADMIN:
                return Refused(f"Only an admin can use “{entry.name}”.")
            case _:
                return Refused("As a guest you can write to the avatar and watch it, but not more.")

    def offered(self, role: Role, workspace: Workspace) -> Catalogue:
        """The verbs that somebody of that role may use there: what is shown to them as possible."""
        return Catalogue(verb for verb in self.catalogue.verbs if self.may(verb.name, role, workspace) is None)

    def may_start(
        self, person: Person, workspace: Workspace, *, allow: AllowList = AllowList(), spent: Spent = Spent()
    ) -> Refused | None:
        """Whether a person may start or wake a session."""
        return (
            self.may_call(person, "start")
            or self.may_extend(person, workspace, allow=allow, spent=spent)
            or self._room(person, spent)
        )

    def may_extend(
        self, person: Person, workspace: Workspace, *, allow: AllowList = AllowList(), spent: Spent = Spent()
    ) -> Refused | None:
        """Whether a person may pay for a session that runs already: it has its room."""
        return self.may("start", role_of(person), workspace) or self._on_the_list(person, allow) or self._budget(spent)

    @property
    def account_sessions(self) -> int:
        """Sessions of all workspaces together: what the operator allows, and no more than the provider has room for."""
        return min(self.limits.account_sessions, self.offer.sessions or self.limits.account_sessions)

    def minutes_per_day(self, allowed: int | None = None) -> int:
        """What one person may use in a day, `allowed` so much by a token of theirs."""
        everybody = self.limits.person_minutes
        return everybody if allowed is None else min(everybody, allowed)

    def minutes(self, asked: int | None, spent: Spent = Spent()) -> int:
        """The minutes of the next provider session: what was asked for or the default, and no more than the day still has."""
        left = int(self.minutes_per_day(spent.allowed_minutes) - spent.person_minutes)
        return max(0, min(asked or self.limits.provider_minutes, self.offer.longest_minutes, left))

    def may_write(self, text: str) -> Refused | None:
        """Whether what others can read may go any further; a secret may not. Looks at as many characters as a message may have."""
        return SECRET if shows_secret(text[: self.limits.characters]) else None

    def may_say(
        self, role: Role, text: str, *, waiting: int = 0, authors: int = 0, waiting_of_person: int = 0
    ) -> Refused | None:
        """Whether one more message may wait for the avatar, behind those of so many authors.

        Whoever has none waiting is kept out by ten other people, not by ten messages of a few.
        """
        if refused := self.may_write(text) or self._role("say", role):
            return refused
        limits = self.limits
        if len(text) > limits.characters:
            return Refused(
                f"That is too long for the avatar: {len(text):,} characters, and at most {limits.characters:,} fit. "
                "Send it in shorter messages."
            )
        if waiting_of_person >= limits.waiting_per_person:
            return Refused(f"{waiting_of_person} of your messages wait already. Let the avatar catch up.")
        if (waiting if waiting_of_person else authors) >= limits.waiting:
            return Refused(f"{waiting} messages wait already. Try again in a moment.")
        return None

    def too_old(self, said_at: datetime, now: datetime) -> Refused | None:
        """Whether a message has waited so long that it should not be spoken any more."""
        if now - said_at <= self.limits.message_expires:
            return None
        seconds = self.limits.message_expires.total_seconds()
        return Refused(
            f"Your message waited for more than {seconds:g} seconds and was not spoken. Say it again if it still matters."
        )

    def _funding(self, workspace: Workspace) -> Refused | None:
        if workspace.funded:
            return None
        own = f" An admin can give the key of an account of your own at {self.offer.provider}: /avatar account key."
        return Refused(
            f"Avatars are not allowed in this workspace yet.{own if self.offer.has(Capability.ACCOUNTS) else ''} Whoever runs Avatarbot "
            f"allows them with: avatarbot workspaces allow {workspace.platform} {workspace.id}"
        )

    def _on_the_list(self, person: Person, allow: AllowList) -> Refused | None:
        if allow.everybody or allow.has(person) or person.standing is Membership.ADMIN:
            return None
        if allow.unresolved:
            names = ", ".join(f"“{name}”" for name in allow.unresolved)
            return Refused(
                f"Who may start avatars here names {names}, which is nobody I know. Ask an admin to correct it."
            )
        return Refused("You are not among those who may start avatars here. Ask an admin to add you.")

    def _budget(self, spent: Spent) -> Refused | None:
        if self.minutes(None, spent):
            return None
        limit = self.minutes_per_day(spent.allowed_minutes)
        if spent.allowed_minutes == 0:
            return Refused("This token may start nothing: no minutes of the day are its own.")
        if self.minutes(None, replace(spent, person_minutes=spent.person_minutes - spent.held_minutes)):
            return Refused(
                f"Your {limit} minutes for today are used or set aside for sessions that run. What a session has not used "
                "when it is stopped is given back."
            )
        return Refused(f"You have used your {limit} minutes for today. New ones come at midnight UTC.")

    def _room(self, person: Person, spent: Spent) -> Refused | None:
        if spent.sessions >= self.limits.sessions:
            stop = "Stop one first" if person.standing is Membership.ADMIN else "Try again when one has ended"
            return Refused(
                f"{spent.sessions} avatars are live in this workspace already, which is the limit. {stop}: /avatar sessions "
                "shows them."
            )
        if spent.account_sessions >= self.account_sessions:
            return FULL
        if spent.sessions_in_all >= self.limits.sessions_in_all:
            return FULL
        return None
