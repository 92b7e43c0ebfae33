"""From what was typed and what the channel has set to what is asked of the provider: names first, then the ids they stand for."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Protocol, TypeVar

from bot.commands.options import ChannelSettings, StartOptions
from bot.commands.parser import listed, suggest
from bot.domain.conversations import Suggestion
from bot.domain.errors import AvatarbotError
from bot.domain.provider import Capability, Offer
from bot.domain.sessions import Mode, ParamChanges, SessionSpec, VoiceParams
from bot.ports.provider import AvatarInfo, Knowledge, LanguageInfo, VoiceInfo
from bot.runtime.provider_catalog import WorkspaceCatalog


class NotOffered(AvatarbotError):
    """What was asked for by name does not exist; `suggestions` are names that may have been meant."""

    def __init__(self, sentence: str, suggestions: tuple[Suggestion, ...] = ()) -> None:
        super().__init__(sentence)
        self.suggestions = suggestions


def suggested_by(error: AvatarbotError) -> tuple[Suggestion, ...]:
    return error.suggestions if isinstance(error, NotOffered) else ()


class NamedOffer(Protocol):
    """What has a name that people type."""

    @property
    def name(self) -> str: ...


T = TypeVar("T")
_ID = re.compile(r"[A-Za-z0-9_-]{16,100}")

N = TypeVar("N", bound=NamedOffer)
N_co = TypeVar("N_co", bound=NamedOffer, covariant=True)


def specified(options: StartOptions, settings: ChannelSettings) -> SessionSpec:
    """What was typed over what the channel has set over the usual.

    Avatar, voice, language and knowledge are still names; 0 minutes means as usual.
    """
    return SessionSpec(
        avatar_id=options.avatar or settings.avatar,
        voice_id=options.voice or (None if options.voice_url else settings.voice or None),
        voice_url=options.voice_url or (None if options.voice else settings.voice_url or None),
        language=options.language or settings.language or None,
        mode=options.mode or settings.mode or Mode.DIALOGUE,
        knowledge_id=options.knowledge or settings.knowledge or None,
        background_url=options.background_url or settings.background or None,
        minutes=options.minutes or settings.minutes or 0,
        voice=settings.voice_params,
    )


def as_settings(spec: SessionSpec) -> ChannelSettings:
    """An earlier session as the settings that the next one starts with."""
    return ChannelSettings(
        avatar=spec.avatar_id,
        voice=spec.voice_id or "",
        voice_url=spec.voice_url or "",
        language=spec.language or "",
        mode=spec.mode,
        knowledge=spec.knowledge_id or "",
        background=spec.background_url or "",
        minutes=spec.minutes,
        voice_params=spec.voice,
    )


def within(spec: SessionSpec, offer: Offer) -> SessionSpec:
    """What a session can have here of what was asked for: a channel's settings may be older than the provider."""
    can = offer.capabilities
    return replace(
        spec,
        avatar_id=spec.avatar_id if Capability.AVATARS in can else "",
        voice_id=spec.voice_id if Capability.VOICES in can else None,
        language=spec.language if Capability.LANGUAGES in can else None,
        knowledge_id=spec.knowledge_id if Capability.KNOWLEDGE in can else None,
        mode=spec.mode if Capability.DIALOGUE in can else Mode.RETELLING,
        voice_url=spec.voice_url if Capability.PARAMETERS in can else None,
        background_url=spec.background_url if Capability.PARAMETERS in can else None,
        voice=spec.voice if Capability.PARAMETERS in can else VoiceParams(),
    )


def at_provider(spec: SessionSpec, *, own_model: bool) -> SessionSpec:
    """The spec as the provider gets it: where a model of the team's own answers, the avatar only says what it is given."""
    return replace(spec, mode=Mode.RETELLING) if own_model else spec


def difference(has: SessionSpec, wanted: SessionSpec, *, own_model: bool) -> ParamChanges:
    """What has to be set in a session that was created with one spec, so that it is as if created with the other."""
    had, wants = at_provider(has, own_model=own_model), at_provider(wanted, own_model=own_model)
    return ParamChanges(
        voice_id=_if_new(had.voice_id, wants.voice_id),
        language=_if_new(had.language, wants.language),
        mode=_if_new(had.mode, wants.mode),
        background_url=_if_new(had.background_url, wants.background_url),
        voice=None if had.voice == wants.voice else _voice_difference(had.voice, wants.voice),
    )


def _voice_difference(had: VoiceParams, wants: VoiceParams) -> VoiceParams:
    news: dict[str, Any] = {f.name: _if_new(getattr(had, f.name), getattr(wants, f.name)) for f in fields(VoiceParams)}
    words = {word: sound for word, sound in wants.pronunciation.items() if had.pronunciation.get(word) != sound}
    return VoiceParams(**{**news, "pronunciation": words})


def _if_new(had: T, wants: T) -> T | None:
    return None if had == wants else wants


async def resolved(spec: SessionSpec, catalog: WorkspaceCatalog) -> SessionSpec:
    """Names turned into the provider's ids, before anything is paid for. Raises `NotOffered` or `ProviderError`."""
    avatar = await _free_avatar(spec.avatar_id, catalog)
    spec = replace(
        spec,
        avatar_id=avatar.id,
        avatar_name=avatar.name,
        avatar_picture=avatar.picture,
        official=avatar.official,
    )
    return await spelled_out(spec, catalog)


async def spelled_out(spec: SessionSpec, catalog: WorkspaceCatalog) -> SessionSpec:
    """Voice, language and knowledge as ids, for an avatar that is chosen already. Raises `NotOffered` or `ProviderError`."""
    if spec.background_url and not spec.official:
        raise NotOffered(f"{spec.avatar_name} is not an official avatar; backgrounds work on official avatars only.")
    if spec.voice_id and spec.voice.elevenlabs is None:  # else it is the team's own, which the provider does not list
        voice = await named_voice(spec.voice_id, catalog)
        spec = replace(spec, voice_id=voice.id, voice_name=voice.name)
    if spec.language:
        language = await named_language(spec.language, catalog)
        spec = replace(spec, language=language.code, language_name=language.name)
    if spec.knowledge_id:
        spec = replace(spec, knowledge_id=(await named_knowledge(spec.knowledge_id, catalog)).id)
    return spec


# ---------------------------------------------------------------- by id or by name


async def named_avatar(wanted: str, catalog: WorkspaceCatalog) -> AvatarInfo:
    """One of the lists, or one that is in none and that the provider knows by its id."""
    return await _called("avatar", wanted, catalog.avatars, lambda avatar: avatar.id, catalog.avatar)


async def named_voice(wanted: str, catalog: WorkspaceCatalog) -> VoiceInfo:
    """One of the lists. What looks like an id is left to the provider to judge, which has no look-up for voices."""
    return await _called("voice", wanted, catalog.voices, lambda voice: voice.id, _voice_by_id)


async def _voice_by_id(wanted: str) -> VoiceInfo:
    return VoiceInfo(wanted, wanted)


def looks_like_id(wanted: str) -> bool:
    """Whether somebody copied that from a web page: long, without blanks, with a digit in it."""
    return _ID.fullmatch(wanted) is not None and any(map(str.isdecimal, wanted))


async def named_language(wanted: str, catalog: WorkspaceCatalog) -> LanguageInfo:
    return await _called("language", wanted, catalog.languages, lambda language: language.code)


async def named_knowledge(wanted: str, catalog: WorkspaceCatalog) -> Knowledge:
    return await _called("knowledge base", wanted, catalog.knowledge, lambda base: base.id)


async def _unknown(_wanted: str) -> None:
    """No look-up by an id."""


class Reads(Protocol[N_co]):
    """One list of the provider's catalog, searched by name."""

    def __call__(self, *, fresh: bool = False) -> Awaitable[Sequence[N_co]]: ...


async def _called(
    kind: str,
    wanted: str,
    read: Reads[N],
    key: Callable[[N], str],
    by_id: Callable[[str], Awaitable[N | None]] = _unknown,
) -> N:
    """What is called so; what is not known may be new, so the provider is asked before it is refused. Raises `NotOffered`."""
    found = pick(wanted, await read(), key)
    if found is not None:
        return found
    offered = await read(fresh=True)
    found = pick(wanted, offered, key)
    if found is not None:
        return found
    found = await by_id(wanted) if looks_like_id(wanted) else None
    if found is not None:
        return found
    close = suggest(wanted, [row.name for row in offered], 3)
    hint = f" Did you mean {listed(close)}?" if close else ""
    option = kind.partition(" ")[0]
    raise NotOffered(f"There is no {kind} called “{wanted}”.{hint}", tuple(Suggestion(option, name) for name in close))


def pick(wanted: str, offered: Sequence[N], key: Callable[[N], str]) -> N | None:
    """The one with that id, else the first with that name, whatever the case."""
    folded = wanted.casefold()
    by_id = (row for row in offered if key(row).casefold() == folded)
    by_name = (row for row in offered if row.name.casefold() == folded)
    return next(by_id, None) or next(by_name, None)


async def _free_avatar(wanted: str, catalog: WorkspaceCatalog) -> AvatarInfo:
    """The avatar that was asked for, or any. Raises `NotOffered` when it is busy, which may be news, so it is asked again."""
    avatar = await named_avatar(wanted, catalog) if wanted else _free(await catalog.avatars())
    if avatar and avatar.available:
        return avatar
    offered = await catalog.avatars(fresh=True)
    free = _free(offered)
    if free is None:
        raise NotOffered("No avatar is free at the moment. Please try again in a minute.")
    now = next((row for row in offered if avatar and row.id == avatar.id), free)
    if not now.available:
        raise NotOffered(f"{now.name} is busy at the moment. {free.name} is free.")
    return now


def _free(offered: Sequence[AvatarInfo]) -> AvatarInfo | None:
    return next((avatar for avatar in offered if avatar.available), None)
