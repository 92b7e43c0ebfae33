"""Help from the catalogue: all commands by topic on one page, or one command in detail."""

from bot.commands.catalogue import Catalogue, Option, OptionType, Verb
from bot.commands.parser import did_you_mean, listed, shown
from bot.commands.verbs import CATALOGUE, GROUPS, TOPICS
from bot.domain.conversations import Reply, Role, Section

_WHO = {
    Role.STARTER: "For whoever started the session, and admins.",
    Role.ADMIN: "For admins.",
}


def help_on(topic: str = "", catalogue: Catalogue = CATALOGUE, command: str = "/avatar") -> Reply:
    """All verbs by topic, or the one verb or group named by `topic`; for an unknown one the nearest, and all verbs.

    `command` is what people type before a verb on their platform.
    """
    wanted = " ".join(topic.casefold().replace("_", "-").split())
    if not wanted:
        return Reply(f"More about a command: {command} help COMMAND", sections=_overview(command, catalogue))
    if len(group := catalogue.entries.get(wanted, ())) > 1:
        lines = tuple(f"{command} {verb.name}: {verb.summary}" for verb in group)
        return Reply("", sections=(Section(GROUPS.get(wanted, wanted), lines),))
    verb = catalogue.verb(wanted)
    if verb is None:
        hint = did_you_mean(topic, [*catalogue.names, *catalogue.entries])
        return Reply(f"I do not know {shown(topic)}.{hint}", sections=_overview(command, catalogue))
    return Reply("\n".join(_detail(command, verb)))


def _overview(command: str, catalogue: Catalogue) -> tuple[Section, ...]:
    topics = ((title, [entry for entry in entries if entry in catalogue.entries]) for title, entries in TOPICS.items())
    return tuple(
        Section(title, tuple(_line(command, catalogue.entries[entry]) for entry in entries))
        for title, entries in topics
        if entries
    )


def _line(command: str, verbs: tuple[Verb, ...]) -> str:
    """An entry by its first verb, which can be typed as it stands."""
    first, *others = verbs
    if not first.group:
        return f"{command} {first.name}: {first.summary}"
    also = f" (also {', '.join(verb.action for verb in others)})" if others else ""
    return f"{command} {first.name}: {GROUPS[first.group]}{also}"


def _detail(command: str, verb: Verb) -> list[str]:
    return [
        f"{command} {verb.name}: {verb.summary}",
        *(f"  {option.name}: {_option(option)}" for option in verb.options),
        *filter(None, [_WHO.get(verb.role)]),
        f"Example: {command} {verb.example}",
    ]


def _option(option: Option) -> str:
    parts = [option.summary]
    if option.type is OptionType.CHOICE:
        parts.append(listed(option.choices))
    if option.required:
        parts.append("needed")
    return "; ".join(parts)
