"""Who is in a voice channel beside the bot: their end of an encrypted call is Discord's own libdave."""

from dataclasses import dataclass, field

import dave
import discord

from tests.integration.discord.fake.mls import ExternalSender, split
from tests.integration.discord.fake.payloads import BOT

ENCRYPTED = b"\xfa\xfa"
"""How a frame ends that only members of the call can read."""


class Listener:
    """Somebody in the call: their keys are libdave's."""

    def __init__(self, person: str, group_id: int) -> None:
        self.person = person
        self.pcm = b""
        self.frames = 0
        self.unreadable = 0
        self.is_member = False
        self.session = dave.Session(lambda *_: None)
        self.session.init(1, group_id, person)
        self._decryptor = dave.Decryptor()
        self._opus = discord.opus.Decoder()  # type: ignore[no-untyped-call]

    def follow(self) -> None:
        """The keys of the epoch that has begun."""
        ratchet = self.session.get_key_ratchet(BOT)
        assert ratchet is not None
        self._decryptor.transition_to_key_ratchet(ratchet)
        self.is_member = True

    def hear(self, frame: bytes) -> None:
        opus = self._decryptor.decrypt(dave.MediaType.audio, frame) if frame.endswith(ENCRYPTED) else frame
        if opus is None:
            self.unreadable += 1
            return
        self.frames += 1
        self.pcm += self._opus.decode(opus, fec=False)

    def miss(self) -> None:
        """A frame was lost on the way."""
        self.pcm += self._opus.decode(None, fec=False)


@dataclass
class Group:
    """The members of one encrypted call."""

    group_id: int
    listeners: list[Listener] = field(default_factory=list)
    epoch: int = 0
    transitions: int = 0
    sender: ExternalSender = field(init=False)

    def __post_init__(self) -> None:
        self.sender = ExternalSender(self.group_id)

    def people(self) -> set[str]:
        return {BOT, *(each.person for each in self.listeners)}

    def enter(self, person: str) -> Listener:
        listener = Listener(person, self.group_id)
        listener.session.set_external_sender(self.sender.package)
        self.listeners.append(listener)
        return listener

    def welcome_bot(self, key_package: bytes) -> bytes:
        """Its first listener adds the bot; the welcome for it."""
        first, *others = self.listeners
        assert not others, "one person is in the call when the bot comes"
        proposals = b"\0" + self.sender.add(key_package, self.epoch)
        committed = first.session.process_proposals(proposals, self.people())
        assert committed
        commit, welcome = split(committed)
        first.session.process_commit(commit)
        self.epoch += 1
        first.follow()
        return welcome

    def propose(self, listener: Listener) -> bytes:
        """Another person is to be added, as the members are told."""
        key_package = listener.session.get_marshalled_key_package()
        assert key_package
        proposals = b"\0" + self.sender.add(key_package, self.epoch)
        for each in self.listeners:
            if each is not listener:
                each.session.process_proposals(proposals, self.people())
        return proposals

    def take_commit(self, message: bytes) -> bytes:
        """The bot's commit counts: the newest person is welcomed by it."""
        commit, welcome = split(message)
        *members, newcomer = self.listeners
        for each in members:
            each.session.process_commit(commit)
        assert newcomer.session.process_welcome(welcome, self.people())
        self.epoch += 1
        self.transitions += 1
        for each in members:
            each.follow()
        return commit

    def executed(self) -> None:
        """Everybody is in the new epoch, who speaks first of all: the newest person can follow."""
        self.listeners[-1].follow()
