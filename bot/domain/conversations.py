"""Where people talk: the channel or thread of a platform, and one message in it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConversationRef:
    """Where something is said: a channel, or a thread in it. `thread_id` is `''`, never None, where there is no thread.

    A session has two: the place where it was started and the thread where its talk goes on. In a direct message, a forum
    post or an existing thread they are the same.
    """

    platform: str
    workspace_id: str
    channel_id: str
    thread_id: str = ""

    def in_thread(self, thread_id: str) -> "ConversationRef":
        return ConversationRef(self.platform, self.workspace_id, self.channel_id, thread_id)

    @property
    def channel(self) -> "ConversationRef":
        """The same place without its thread: what channel settings belong to."""
        return self.in_thread("")

    def __str__(self) -> str:
        """As people name it: `slack/T0123/C0456`, with its thread behind a further slash."""
        return "/".join(filter(None, (self.platform, self.workspace_id, self.channel_id, self.thread_id)))


_PLACE = re.compile(r"(?:[!-.0-~]{1,64}/){2,3}[!-.0-~]{1,64}")


def place_named(name: str) -> ConversationRef | None:
    """The place of a name such as `slack/T0123/C0456` or `discord/81/82/83`, None for what is no such name."""
    return ConversationRef(*name.split("/")) if _PLACE.fullmatch(name) else None


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel of a place as people know it. `name` has its sign (#lobby); who is not in a `private` one need not know it.

    `private_thread` says that the place is a thread which not everybody in the channel sees. What is not known is private.
    """

    name: str
    private: bool = False
    private_thread: bool = False


A_DIRECT_MESSAGE = Channel("a direct message", private=True)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message on a platform."""

    place: ConversationRef
    message_id: str
