"""The names that a text needs before it can be said, from what Discord sent along and from what discord.py knows."""

from collections.abc import Iterable, Mapping
from typing import Any

import discord

from adapters.discord.words import Names, mentioned, plain_words


def words_of(text: str, guild: discord.Guild | None, own_id: str, people: Mapping[str, str]) -> str:
    """A text as plain words. `people` are the names of whom it mentions."""
    found = mentioned(text)
    roles, channels = {}, {}
    own = {own_id}
    if guild:
        roles = {id_: role.name for id_ in found.roles if (role := guild.get_role(int(id_)))}
        channels = {id_: there.name for id_ in found.channels if (there := guild.get_channel_or_thread(int(id_)))}
        own |= {str(guild.self_role.id)} if guild.self_role else set()
    return plain_words(text, Names(frozenset(own), people, roles, channels))


def names_in(users: Iterable[discord.User | discord.Member]) -> dict[str, str]:
    return {str(user.id): user.display_name for user in users}


def names_in_payload(users: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The same, from users as Discord sends them."""
    return {str(user["id"]): _name(user) for user in users}


def _name(user: Mapping[str, Any]) -> str:
    nick = (user.get("member") or {}).get("nick")
    return str(nick or user.get("global_name") or user.get("username") or "")
