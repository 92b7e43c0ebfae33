"""Whose account at the provider a workspace uses, and a key of its own."""

from bot.domain.conversations import Reply, ReplyTo
from bot.domain.errors import ProviderError, Verdict
from bot.queries.context import Declined, Query


async def show(request: Query) -> Reply:
    """The key's last four characters, and whether the provider takes it now."""
    accounts, name = request.context.services.accounts, request.provider.name
    own = await accounts.own(request.place)
    if own is None:
        whose = "the account of whoever runs Avatarbot" if request.workspace.funded else "no account"
        return Reply(f"This workspace uses {whose} at {name}. Give a key of your own with /avatar account key.")
    by = f", given by {own.giver.person.name}" if own.giver else ""
    try:
        await request.provider.sessions()
    except ProviderError as error:
        state = await accounts.explained(request.place, error)
    else:
        state = f"{name} accepts it."
    return Reply(f"This workspace uses its own {name} account, by the key {own.hint}{by}. {state}", private=True)


async def key(request: Query) -> Reply:
    """Checked at the provider before it is kept. Raises `Declined`."""
    name = request.provider.name
    try:
        own = await request.context.services.accounts.keep(
            request.place, request.text("account_key"), ReplyTo(request.place, request.person)
        )
    except ProviderError as error:
        raise Declined(not_kept(name, error), error.detail) from error
    return Reply(
        f"Kept, encrypted: from now on this workspace uses its own {name} account, by the key {own.hint}. Sessions that run end as they "
        "began.",
        private=True,
    )


def not_kept(name: str, error: ProviderError) -> str:
    """Why a key was not kept."""
    if error.verdict in {Verdict.FIX_SETTINGS, Verdict.FIX_INPUT}:
        return f"{name} does not accept this key, so it is not kept. Copy it again from your account there."
    return f"The key could not be checked, so it is not kept. Please try again in a minute. ({error.sentence})"


async def remove(request: Query) -> Reply:
    if not await request.context.services.accounts.drop(request.place):
        raise Declined("This workspace has no key of its own.")
    return Reply("The key is deleted. What it still runs is closed with it first.")


async def named_for_question(request: Query) -> str:
    """Raises `Declined` where there is none."""
    own = await request.context.services.accounts.own(request.place)
    if own is None:
        raise Declined("This workspace has no key of its own.")
    return f"the key {own.hint}"
