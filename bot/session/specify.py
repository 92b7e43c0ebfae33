"""From what was typed and what the channel has set to what is asked of the provider: names first, then the ids they stand for."""

from collections.abc import Sequence
from dataclasses import replace

from bot.commands.nearest import nearest
from bot.commands.options import StartOptions
from bot.errors import AvatarbotError
from bot.model import Mode, SessionSpec
from bot.ports.provider import AvatarInfo, AvatarProvider
from bot.session.channel import ChannelSettings


class NotOffered(AvatarbotError):
    """What was asked for by name does not exist."""


def specified(options: StartOptions, settings: ChannelSettings) -> SessionSpec:
    """What was typed over what the channel has set over the usual.

    Avatar, voice, language and knowledge are still names; 0 minutes means as usual.
    """
    return SessionSpec(
        avatar_id=options.avatar or settings.avatar,
        voice_id=options.voice or settings.voice or None,
        language=options.language or settings.language or None,
        mode=options.mode or settings.mode or Mode.DIALOGUE,
        knowledge_id=options.knowledge or settings.knowledge or None,
        background_url=options.background_url or settings.background or None,
        minutes=options.minutes or settings.minutes or 0,
        voice=settings.voice_params,
    )


async def resolved(spec: SessionSpec, provider: AvatarProvider) -> SessionSpec:
    """Names turned into the provider's ids, before anything is paid for. Raises `NotOffered` or `ProviderError`."""
    avatar = _avatar(spec.avatar_id, await provider.avatars())
    spec = replace(
        spec,
        avatar_id=avatar.id,
        avatar_name=avatar.name,
        avatar_picture=avatar.picture,
        official=avatar.official,
    )
    if spec.background_url and not avatar.official:
        raise NotOffered(f"{avatar.name} is one of your own avatars; backgrounds work on official avatars only.")
    if spec.voice_id and spec.voice.elevenlabs is None:
        voices = [(voice.id, voice.name) for voice in await provider.voices()]
        spec = replace(spec, voice_id=_id_of("voice", spec.voice_id, voices))
    if spec.language:
        languages = [(language.code, language.name) for language in await provider.languages()]
        spec = replace(spec, language=_id_of("language", spec.language, languages))
    if spec.knowledge_id:
        bases = [(base.id, base.name) for base in await provider.knowledge_bases()]
        spec = replace(spec, knowledge_id=_id_of("knowledge base", spec.knowledge_id, bases))
    return spec


def _avatar(wanted: str, offered: Sequence[AvatarInfo]) -> AvatarInfo:
    available = [avatar for avatar in offered if avatar.available]
    if not available:
        raise NotOffered("No avatar is free at the moment. Please try again in a minute.")
    if not wanted:
        return available[0]
    chosen = _id_of("avatar", wanted, [(avatar.id, avatar.name) for avatar in offered])
    avatar = next(avatar for avatar in offered if avatar.id == chosen)
    if not avatar.available:
        raise NotOffered(f"{avatar.name} is busy at the moment. {available[0].name} is free.")
    return avatar


def _id_of(kind: str, wanted: str, offered: list[tuple[str, str]]) -> str:
    """The id of what is called so, by id or by name, whatever the case."""
    folded = wanted.casefold()
    for id_, name in offered:
        if folded in {id_.casefold(), name.casefold()}:
            return id_
    close = nearest(wanted, [name for _, name in offered], 3)
    hint = f" The nearest are {', '.join(close)}." if close else ""
    raise NotOffered(f"There is no {kind} called “{wanted}”.{hint}")
