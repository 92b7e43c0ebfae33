"""Values to choose from while somebody types."""

from collections import Counter
from collections.abc import Sequence

from bot.commands.catalogue import Completion
from bot.commands.validation import suggest
from bot.domain.conversations import Choice
from bot.ports.chat import ValueQuery
from bot.ports.provider import AvatarInfo
from bot.queries.context import QueryContext
from bot.runtime.provider_catalog import WorkspaceCatalog


async def choices(context: QueryContext, ask: ValueQuery) -> Sequence[Choice]:
    """What fits what was typed so far, best first; everything, in its order, when nothing was."""
    verb = context.services.policy.catalogue.verb(ask.verb)
    option = verb.option(ask.option) if verb else None
    if option is None:
        return []
    if option.choices:
        return _fitting([Choice(value, value) for value in option.choices], ask)
    if option.completes is None:
        return []
    return _fitting(await _offered(await context.services.accounts.catalog(ask.place), option.completes), ask)


async def _offered(catalog: WorkspaceCatalog, what: Completion) -> list[Choice]:
    match what:
        case Completion.AVATARS:
            return _avatars(await catalog.avatars())
        case Completion.VOICES:
            return [Choice(row.id, row.name, f"{row.language} {row.gender}".strip()) for row in await catalog.voices()]
        case Completion.LANGUAGES:
            return [Choice(row.code, row.name, "", row.picture) for row in await catalog.languages()]
        case Completion.KNOWLEDGE:
            return [Choice(row.id, row.name) for row in await catalog.knowledge()]


def _avatars(offered: Sequence[AvatarInfo]) -> list[Choice]:
    """By name, which is nicer to read in a command line; by id where a name stands for several."""
    times = Counter(row.name for row in offered)
    return [Choice(row.name if times[row.name] == 1 else row.id, row.name, row.gender, row.picture) for row in offered]


def _fitting(offered: list[Choice], ask: ValueQuery) -> list[Choice]:
    if not ask.typed.strip():
        return offered[: ask.limit]
    order = {label: place for place, label in enumerate(suggest(ask.typed, [c.label for c in offered], len(offered)))}
    exact = [choice for choice in offered if choice.value.casefold().startswith(ask.typed.casefold())]
    likely = sorted((choice for choice in offered if choice.label in order), key=lambda choice: order[choice.label])
    return list(dict.fromkeys([*exact, *likely]))[: ask.limit]
