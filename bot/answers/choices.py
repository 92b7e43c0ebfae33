"""Values to choose from while somebody types."""

from collections.abc import Sequence

from bot.answers.desk import Desk
from bot.commands.nearest import nearest
from bot.commands.verb import Completion
from bot.model import Choice
from bot.ports.chat import Ask


async def choices(desk: Desk, ask: Ask) -> Sequence[Choice]:
    """What fits what was typed so far, best first; everything, in its order, when nothing was."""
    verb = desk.house.policy.catalogue.verb(ask.verb)
    option = verb.option(ask.option) if verb else None
    if option is None:
        return []
    if option.choices:
        return _fitting([Choice(value, value) for value in option.choices], ask)
    return _fitting(await _offered(desk, option.completes), ask) if option.completes else []


async def _offered(desk: Desk, what: Completion) -> list[Choice]:
    provider = desk.house.provider
    match what:
        case Completion.AVATARS:
            return [Choice(a.name, a.name, a.gender, a.picture) for a in await provider.avatars()]
        case Completion.VOICES:
            return [Choice(v.id, v.name, f"{v.language} {v.gender}".strip()) for v in await provider.voices()]
        case Completion.LANGUAGES:
            return [
                Choice(language.code, language.name, "", language.picture) for language in await provider.languages()
            ]
        case Completion.KNOWLEDGE:
            return [Choice(base.id, base.name) for base in await provider.knowledge_bases()]


def _fitting(offered: list[Choice], ask: Ask) -> list[Choice]:
    if not ask.typed.strip():
        return offered[: ask.limit]
    order = {label: place for place, label in enumerate(nearest(ask.typed, [c.label for c in offered], len(offered)))}
    exact = [choice for choice in offered if choice.value.casefold().startswith(ask.typed.casefold())]
    likely = sorted((choice for choice in offered if choice.label in order), key=lambda choice: order[choice.label])
    return list(dict.fromkeys([*exact, *likely]))[: ask.limit]
