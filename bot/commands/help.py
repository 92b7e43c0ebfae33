"""Help from the catalogue, as plain lines: all verbs on one screen, or one verb in detail."""

from bot.commands.catalogue import CATALOGUE, GROUPS, Catalogue
from bot.commands.errors import shown
from bot.commands.suggestions import did_you_mean, listed
from bot.commands.verb import Option, OptionType, Verb
from bot.domain.people import Role

_WHO = {
    Role.STARTER: "For whoever started the session, and admins.",
    Role.ADMIN: "For admins.",
}


def help_text(command: str = "/avatar", topic: str = "", catalogue: Catalogue = CATALOGUE) -> str:
    """All verbs, or the one verb or group named by `topic`; for an unknown one the nearest, and all verbs.

    `command` is what people type before a verb on their platform.
    """
    wanted = " ".join(topic.casefold().replace("_", "-").split())
    if not wanted:
        return "\n".join(_overview(command, catalogue))
    if len(group := catalogue.entries.get(wanted, ())) > 1:
        return "\n".join(_group(command, wanted, group))
    verb = catalogue.verb(wanted)
    if verb is None:
        hint = did_you_mean(topic, [*catalogue.names, *catalogue.entries])
        return "\n".join([f"I do not know {shown(topic)}.{hint}", "", *_overview(command, catalogue)])
    return "\n".join(_detail(command, verb))


def _overview(command: str, catalogue: Catalogue) -> list[str]:
    lines = [f"{command} {entry}: {_summary(entry, verbs)}" for entry, verbs in catalogue.entries.items()]
    return [*lines, f"More about one of them: {command} help {next(iter(catalogue.entries), 'help')}"]


def _summary(entry: str, verbs: tuple[Verb, ...]) -> str:
    if not verbs[0].group:
        return verbs[0].summary
    return f"{GROUPS.get(entry, entry)} ({', '.join(verb.action for verb in verbs)})"


def _group(command: str, name: str, verbs: tuple[Verb, ...]) -> list[str]:
    return [
        f"{command} {name}: {GROUPS.get(name, name)}",
        *(f"{command} {verb.name}: {verb.summary}" for verb in verbs),
    ]


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
