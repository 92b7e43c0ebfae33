"""Members and users as people."""

import discord

from bot.model import Person, Standing

NOBODY = Person("", "somebody")
"""Who deleted or edited something, where Discord does not say."""


def person_of(user: discord.User | discord.Member, permissions: discord.Permissions | None = None) -> Person:
    """`permissions` are those where they act, if the event tells; otherwise what their roles give them in the server."""
    unread: bool = (
        getattr(user, "guild", None) is None
    )  # a user, or a member of a server that discord.py could not read
    if unread or not isinstance(user, discord.Member):
        # Whoever reaches us here is at least a member: a server has no outsiders. Of which groups is not known.
        return Person(str(user.id), user.display_name, Standing.MEMBER)
    held = permissions or user.guild_permissions
    admin = held.administrator or held.manage_guild
    groups = frozenset(str(role.id) for role in user.roles if not role.is_default())
    return Person(str(user.id), user.display_name, Standing.ADMIN if admin else Standing.MEMBER, groups)
