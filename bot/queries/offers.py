"""What the provider offers: avatars, voices, languages."""

from collections.abc import Mapping, Sequence

from bot.domain.conversations import Command, Consent, Item, Reply
from bot.ports.provider import AvatarInfo, LanguageInfo, VoiceInfo
from bot.queries.context import Query
from bot.queries.pagination import facts, like, listing
from bot.runtime.resolve import pick

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
