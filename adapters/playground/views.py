"""Values of the core as a client shows them."""

from functools import cache

from adapters.playground.protocol import OptionShown, VerbShown
from bot.commands.catalogue import Catalogue, Option, Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Membership, Role

_OFFERED = {
    Membership.OUTSIDER: frozenset({Role.OUTSIDER}),
    Membership.MEMBER: frozenset({Role.OUTSIDER, Role.MEMBER, Role.STARTER}),
    Membership.ADMIN: frozenset(Role),
}
"""What somebody may not do is not offered; who started a session may stop it, so that is offered to every member."""


@cache
def shown_verbs(standing: Membership, catalogue: Catalogue = CATALOGUE) -> tuple[VerbShown, ...]:
    """The catalogue, as somebody of this standing may use it."""
    return tuple(_shown_verb(verb, withheld=verb.role not in _OFFERED[standing]) for verb in catalogue.verbs)


def _shown_verb(verb: Verb, *, withheld: bool) -> VerbShown:
    return VerbShown(
        verb.name,
        verb.summary,
        verb.example,
        tuple(_shown_option(option) for option in verb.options if not option.private),
        withheld=withheld,
    )


def _shown_option(option: Option) -> OptionShown:
    asks = option.completes is not None
    return OptionShown(
        option.name, option.summary, option.required, option.choices, asks=asks, rest=option.rest, secret=option.secret
    )
