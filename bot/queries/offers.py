"""What there is to choose from: lists in pages, and values while somebody types."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bot.commands.catalogue import Completion
from bot.commands.parser import suggest
from bot.domain.conversations import Choice, Command, Consent, Item, Reply
from bot.ports.chat import ValueQuery
from bot.ports.provider import AvatarInfo, LanguageInfo, VoiceInfo
from bot.queries.context import Declined, Query, QueryContext
from bot.runtime.provider_catalog import WorkspaceCatalog
from bot.runtime.resolve import NamedOffer, pick

PAGE = 10

T = TypeVar("T")
N = TypeVar("N", bound=NamedOffer)


def listing(request: Query, rows: Sequence[T], item: Callable[[T], Item], *, noun: str, hint: str) -> Reply:
    """The page that was asked for, with the command for the next. Raises `Declined` for one behind the last, and for an empty list."""
    if not rows:
        raise Declined(f"There are no {noun}s like that.")
    page, pages = request.number("page", 1), -(-len(rows) // PAGE)
    if page > pages:
        raise Declined(f"There {'is only one page' if pages == 1 else f'are only {pages} pages'}.")
    shown = rows[(page - 1) * PAGE : page * PAGE]
    count = f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}"
    where = f", page {page} of {pages}" if pages > 1 else ""
    return Reply(
        f"{count}{where}. {hint}", tuple(map(item, shown)), next=_next(request, page) if page < pages else None
    )


def _next(request: Query, page: int) -> Command | None:
    """The same list, a page further."""
    asked = request.inbound.body
    return Command(asked.verb, {**asked.options, "page": str(page + 1)}) if isinstance(asked, Command) else None


def like(wanted: str, rows: Sequence[N]) -> Sequence[N]:
    """Those whose name is like what was typed, best first; all when nothing was."""
    if not wanted:
        return rows
    order = {name: place for place, name in enumerate(suggest(wanted, [row.name for row in rows], len(rows)))}
    return sorted((row for row in rows if row.name in order), key=lambda row: order[row.name])


def facts(*words: str) -> str:
    """Those that are not empty, in a row."""
    return ", ".join(filter(None, words))


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


# ---------------------------------------------------------------- avatars


async def avatars(request: Query) -> Reply:
    """All, those like a name, or the one that is called exactly so."""
    offered, wanted = await request.catalog.avatars(), request.text("name")
    consents = await request.context.services.storage.ownership.consents(request.place)
    if one := pick(wanted, offered, lambda avatar: avatar.id):
        return await _one_avatar(request, one, consents)
    rows, hint = like(wanted, offered), "Start one with /avatar start NAME."
    return listing(request, rows, lambda avatar: _avatar(avatar, consents), noun="avatar", hint=hint)


def _avatar(avatar: AvatarInfo, consents: Mapping[str, Consent]) -> Item:
    own = "" if avatar.official else _consent(consents.get(avatar.id))
    what = facts(
        "official" if avatar.official else "your own", avatar.gender, "" if avatar.available else "busy now", own
    )
    return Item(avatar.name, what, avatar.picture, avatar.preview, Command("start", {"avatar": avatar.id}))


def _consent(consent: Consent | None) -> str:
    """Of the person whom an avatar of the team's own shows."""
    if consent is None:
        return "nobody has said here that the person shown agreed"
    return f"the person shown agreed, as {consent.name} said on {consent.at:%Y-%m-%d}"


async def _one_avatar(request: Query, avatar: AvatarInfo, consents: Mapping[str, Consent]) -> Reply:
    voice = pick(avatar.voice_id or "", await request.catalog.voices(), lambda voice: voice.id)
    sentences = [
        f"{avatar.name} is {'an official avatar' if avatar.official else 'one of your own avatars'}.",
        f"Its voice is {voice.name}." if voice else "",
        "It is free." if avatar.available else "It is busy at the moment.",
        "" if avatar.official else "It has no backgrounds; only official avatars do.",
        f"Its id is {avatar.id}.",
    ]
    return Reply(" ".join(filter(None, sentences)), (_avatar(avatar, consents),))


# ---------------------------------------------------------------- voices


async def voices(request: Query) -> Reply:
    """Filtered by name, language and gender."""
    offered = like(request.text("name"), await request.catalog.voices())
    gender, language = request.text("gender"), request.text("language")
    if language:
        spellings = _spellings(language, await request.catalog.languages())
        offered = [voice for voice in offered if _speaks(voice, spellings)]
    offered = [voice for voice in offered if not gender or voice.gender.casefold() == gender]
    live = request.session is not None
    hint = "Take one with /avatar set voice:NAME." if live else "Start with one: /avatar start voice:NAME."
    return listing(request, offered, lambda voice: _voice(voice, live=live), noun="voice", hint=hint)


def _spellings(wanted: str, languages: Sequence[LanguageInfo]) -> set[str]:
    """A language as voices may name it: by its name or its code."""
    known = pick(wanted, languages, lambda language: language.code)
    return {wanted.casefold(), *([known.code.casefold(), known.name.casefold()] if known else [])}


def _speaks(voice: VoiceInfo, spellings: set[str]) -> bool:
    spoken = voice.language.casefold()
    return spoken in spellings or spoken.partition("-")[0] in spellings


def _voice(voice: VoiceInfo, *, live: bool) -> Item:
    what = facts(voice.language, voice.gender, "your own" if voice.own else "")
    return Item(voice.name, what, preview=voice.preview, command=_use("voice", voice.id, live=live))


# ---------------------------------------------------------------- languages


async def languages(request: Query) -> Reply:
    offered, live = like(request.text("name"), await request.catalog.languages()), request.session is not None
    hint = "Take one with /avatar set language:CODE." if live else "Start with one: /avatar start language:CODE."
    return listing(request, offered, lambda language: _language(language, live=live), noun="language", hint=hint)


def _language(language: LanguageInfo, *, live: bool) -> Item:
    return Item(language.name, language.code, language.picture, command=_use("language", language.code, live=live))


def _use(option: str, value: str, *, live: bool) -> Command:
    """In the session that runs, or in a new one."""
    return Command("set" if live else "start", {option: value})
