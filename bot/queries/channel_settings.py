"""The settings of a channel: how avatars start, sound and listen here, who may start them, and which words they do not say."""

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from bot.commands.options import SERVER_VAD_ONLY, ChannelSettings, DefaultsChanges, defaults_changes, merged
from bot.commands.parser import listed, shown
from bot.commands.policy import AllowList
from bot.domain.api_tokens import NAME
from bot.domain.conversations import BY_API, File, Reply
from bot.domain.sessions import TurnDetection, VoiceParams
from bot.queries.context import Declined, Query, understood
from bot.runtime.provider_catalog import WorkspaceCatalog
from bot.runtime.resolve import NamedOffer, named_avatar, named_knowledge, named_language, named_voice, pick
from bot.speech.blocked_words import LONGEST_ENTRY, MOST_ENTRIES, words

N = TypeVar("N", bound=NamedOffer)

USUAL = ChannelSettings()
PERSON = re.compile(r"<@(\w+)>")
GROUP = re.compile(r"<@&(\w+)>")
PROGRAM = re.compile(rf"{BY_API}{NAME.pattern}")
TURN_FIELDS = dict(zip(SERVER_VAD_ONLY, ("threshold", "prefix_padding_ms", "silence_duration_ms"), strict=True))


async def save(request: Query, settings: ChannelSettings) -> None:
    """Sessions that start from now on, and what is heard from now on, go by them."""
    await request.context.services.storage.channels.save_settings(request.place.channel, settings)


# ---------------------------------------------------------------- showing


async def show(request: Query) -> Reply:
    return Reply("\n".join(["In this channel:", *await _described(request.settings, request.catalog)]))


async def _described(settings: ChannelSettings, catalog: WorkspaceCatalog) -> list[str]:
    """A line a setting; what is not set is the default."""
    lines = {
        "avatar": _called(settings.avatar, await catalog.avatars(), lambda row: row.id),
        "voice": _called(settings.voice, await catalog.voices(), lambda row: row.id),
        "voice_url": settings.voice_url,
        "language": _called(settings.language, await catalog.languages(), lambda row: row.code),
        "mode": settings.mode.name.lower() if settings.mode else "",
        "knowledge": _called(settings.knowledge, await catalog.knowledge(), lambda row: row.id),
        "background": settings.background,
        "minutes": str(settings.minutes or ""),
        "listening": settings.listening,
        "names": "on" if settings.names else "off",
        "greeting": settings.greeting,
        "prompt": settings.prompt,
        "sound": _sound(settings.voice_params),
        "who": _who(settings.allow)
        + (f" ({_unknown(settings.allow)} is nobody I know)" if settings.allow.unresolved else ""),
        "words": f"{len(settings.words)} blocked" if settings.words else "",
    }
    return [f"{name}: {value or 'default'}" for name, value in lines.items()]


def _called(wanted: str, offered: Sequence[N], key: Callable[[N], str]) -> str:
    """The name of what a setting stands for, or the setting itself when it is no longer offered."""
    found = pick(wanted, offered, key)
    return found.name if found else wanted


def _sound(voice: VoiceParams) -> str:
    turn = voice.turn_detection or TurnDetection(type="")
    values = {
        "speed": voice.speed,
        "pronunciation": ", ".join(f"{word}={sound}" for word, sound in voice.pronunciation.items()),
        "stt_language": voice.stt_language,
        "stt_type": voice.stt_type,
        "turn_detection": turn.type,
        **{name: getattr(turn, field) for name, field in TURN_FIELDS.items()},
        "ElevenLabs": "your own account" if voice.elevenlabs else "",
    }
    return "; ".join(f"{name} {value}" for name, value in values.items() if value not in {None, ""})


def _who(allow: AllowList) -> str:
    if allow.everybody:
        return "everybody"
    known = [_count(len(allow.people), "person", "people"), _count(len(allow.groups), "group", "groups")]
    return listed([*filter(None, known), "admins"], "and")


def _unknown(allow: AllowList) -> str:
    return listed([f"“{name}”" for name in allow.unresolved], "and")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""


# ---------------------------------------------------------------- changing


async def change(request: Query) -> Reply:
    """`defaults set`, `defaults voice` and `defaults elevenlabs`: what is named is checked to exist before it is kept."""
    changes = understood(defaults_changes(request.values))
    settings = await _resolved(_changed(request.settings, changes), changes, request.catalog)
    await save(request, settings)
    lines = await _described(settings, request.catalog)
    return Reply("\n".join(["Kept. Avatars that start here from now on go by it:", *lines]))


def _changed(settings: ChannelSettings, changes: DefaultsChanges) -> ChannelSettings:
    start = changes.start
    return replace(
        settings,
        avatar=start.avatar or settings.avatar,
        voice=start.voice or ("" if start.voice_url else settings.voice),
        voice_url=start.voice_url or ("" if start.voice else settings.voice_url),
        language=start.language or settings.language,
        mode=start.mode or settings.mode,
        knowledge=start.knowledge or settings.knowledge,
        background=start.background_url or settings.background,
        minutes=start.minutes or settings.minutes,
        listening=changes.listening or settings.listening,
        names=settings.names if changes.names is None else changes.names,
        greeting=changes.greeting or settings.greeting,
        prompt=changes.prompt or settings.prompt,
        voice_params=merged(settings.voice_params, changes.voice) if changes.voice else settings.voice_params,
    )


async def _resolved(settings: ChannelSettings, changes: DefaultsChanges, catalog: WorkspaceCatalog) -> ChannelSettings:
    """What was named anew as ids, so that a start later finds it. Raises `NotOffered`, `Declined`."""
    start = changes.start
    if start.avatar:
        settings = replace(settings, avatar=(await named_avatar(start.avatar, catalog)).id)
    if start.voice and settings.voice_params.elevenlabs is None:
        settings = replace(settings, voice=(await named_voice(start.voice, catalog)).id)
    if start.language:
        settings = replace(settings, language=(await named_language(start.language, catalog)).code)
    if start.knowledge:
        settings = replace(settings, knowledge=(await named_knowledge(start.knowledge, catalog)).id)
    if settings.background and settings.avatar:
        avatar = await named_avatar(settings.avatar, catalog)
        if not avatar.official:
            raise Declined(f"{avatar.name} is not an official avatar; backgrounds work on official avatars only.")
    return settings


# ---------------------------------------------------------------- who may


async def access(request: Query) -> Reply:
    """People and groups who are mentioned. Where anybody else is named, nothing is changed. Raises `Declined`."""
    allow = allow_list(understood(defaults_changes(request.values)).who or ())
    if allow.unresolved:
        raise Declined(f"I do not know {_unknown(allow)}, so nothing is changed. Mention people and groups with @.")
    await save(request, replace(request.settings, allow=allow))
    return Reply(f"Now {_who(allow)} may start avatars here.")


def allow_list(names: Sequence[str]) -> AllowList:
    """Mentions as ids, and programs as `api:release-bot`; `()` is everybody."""
    people = [found[1] for name in names if (found := PERSON.fullmatch(name))]
    groups = [found[1] for name in names if (found := GROUP.fullmatch(name))]
    programs = [name for name in names if PROGRAM.fullmatch(name)]
    strange = [name for name in names if not any(kind.fullmatch(name) for kind in (PERSON, GROUP, PROGRAM))]
    return AllowList(frozenset([*people, *programs]), frozenset(groups), tuple(strange))


# ---------------------------------------------------------------- resetting


async def named_for_question(request: Query) -> str:
    """What goes. Raises `Declined` where nothing is set."""
    if setting := request.text("setting"):
        return "who may start avatars, so that everybody may," if setting == "who" else f"“{setting}”"
    gone = set_here(request.settings)
    if not gone:
        raise Declined("Nothing is set in this channel: all is at the defaults already.")
    return f"everything that is set here ({listed(gone, 'and')})"


def set_here(settings: ChannelSettings) -> list[str]:
    """The settings of a channel that are not at the default, in people's words."""
    own = [
        field.name for field in fields(ChannelSettings) if getattr(settings, field.name) != getattr(USUAL, field.name)
    ]
    words = {"voice_params": "the voice's own settings", "allow": "who may start avatars", "words": "blocked words"}
    return [words.get(name, name) for name in own]


async def reset(request: Query) -> Reply:
    """All settings of the channel, or one."""
    setting = request.text("setting")
    await save(request, _without(request.settings, setting) if setting else USUAL)
    return Reply(
        f"“{setting}” is the default again." if setting else "All settings of this channel are the defaults again."
    )


def _without(settings: ChannelSettings, setting: str) -> ChannelSettings:
    if setting == "who":
        return replace(settings, allow=USUAL.allow)
    if setting in {field.name for field in fields(ChannelSettings)}:
        return replace(settings, **{setting: getattr(USUAL, setting)})
    return replace(settings, voice_params=_without_sound(settings.voice_params, setting))


def _without_sound(voice: VoiceParams, setting: str) -> VoiceParams:
    if setting in TURN_FIELDS:
        kept = {name: field for name, field in TURN_FIELDS.items() if name != setting}
        turn = voice.turn_detection or TurnDetection()
        values = {field: getattr(turn, field) for field in kept.values()}
        return replace(voice, turn_detection=TurnDetection(turn.type, **values))
    return replace(voice, **{setting: getattr(USUAL.voice_params, setting)})


# ---------------------------------------------------------------- words that avatars here do not say

MOST_LISTED = 1_000
"""Characters of a list that stands in the answer; a longer one comes as a file."""

_BETWEEN = re.compile(r"[,;\n]")


async def change_blocked_words(request: Query) -> Reply:
    """Add words and phrases, take some away, and show what there is then."""
    try:
        entries = _removed(request.settings.words, _entries(request.text("remove")))
        entries = _with(entries, _entries(request.text("add")))
    except Declined as declined:  # it repeats what others need not read
        return Reply(declined.sentence, private=True)
    if entries != request.settings.words:
        await save(request, replace(request.settings, words=entries))
    return _listed(entries)


def _entries(text: str) -> Sequence[str]:
    return [" ".join(entry.split()) for entry in _BETWEEN.split(text) if entry.strip()]


def _removed(entries: tuple[str, ...], gone: Sequence[str]) -> tuple[str, ...]:
    """Entries that say the same are the same, however they are written."""
    known = {words(entry) for entry in entries}
    for entry in gone:
        if words(entry) not in known:
            raise Declined(f"{shown(entry)} is not blocked in this channel, so nothing is changed.")
    unwanted = set(map(words, gone))
    return tuple(entry for entry in entries if words(entry) not in unwanted)


def _with(entries: tuple[str, ...], added: Sequence[str]) -> tuple[str, ...]:
    found = {words(entry): entry for entry in entries}
    for entry in added:
        if not words(entry):
            raise Declined(f"{shown(entry)} has no letters or digits to look for, so nothing is changed.")
        if len(entry) > LONGEST_ENTRY:
            raise Declined(f"{shown(entry)} is too long: a word or phrase has at most {LONGEST_ENTRY} characters.")
        found.setdefault(words(entry), entry)
    if len(found) > MOST_ENTRIES:
        raise Declined(f"At most {MOST_ENTRIES} words and phrases can be blocked in a channel, not {len(found)}.")
    return tuple(found.values())


def _listed(entries: tuple[str, ...]) -> Reply:
    """For whoever asked alone: others need not read them."""
    if not entries:
        return Reply(
            "No words are blocked in this channel. Block some with: defaults words add:heck, darn", private=True
        )
    count = "1 word or phrase is" if len(entries) == 1 else f"{len(entries)} words and phrases are"
    together = ", ".join(entries)
    if len(together) <= MOST_LISTED:
        return Reply(f"{count} blocked in this channel: {together}", private=True)
    file = File("blocked-words.txt", "text/plain", "\n".join(entries).encode())
    return Reply(f"{count} blocked in this channel.", file=file, private=True)
