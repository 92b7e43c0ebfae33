"""A page's microphone: what it may send, and how much of it."""

import asyncio
from typing import Final

from bot.media.floor import Floor
from bot.media.voices import Microphone, SessionVoices
from bot.ports.room import VOICE_FRAME
from bot.web.viewer.wire import FloorShown, FloorWanted

FRAMES_PER_S: Final = 60.0
"""A microphone sends 50, and no clock runs a fifth too fast."""
BURST: Final = 75.0
"""Frames at once, behind a network that held them up: a second and a half."""
UNHEARD_LIMIT: Final = 150
"""Frames from who does not have the floor: three seconds on their way when it was lost."""


class FrameMeter:
    """Lets a voice through at the pace of a voice. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._left = BURST
        self._at = 0.0
        self._unheard = 0

    def count(self, frame: bytes, now: float) -> None:
        """One more has come. Raises `ValueError` for what no microphone sends."""
        if len(frame) != VOICE_FRAME:
            raise ValueError("no piece of a voice")
        self._left = min(BURST, self._left + (now - self._at) * FRAMES_PER_S)
        self._at = now
        if self._left < 1:
            raise ValueError("faster than a voice")
        self._left -= 1

    def heard(self, was: bool) -> None:
        """Whether it was heard. Raises `ValueError` for who goes on although they do not have the floor."""
        self._unheard = 0 if was else self._unheard + 1
        if self._unheard > UNHEARD_LIMIT:
            raise ValueError("a voice without the floor")


class PageMicrophone:
    """Of one socket; without a `microphone` of somebody who may only watch."""

    def __init__(self, voices: SessionVoices, microphone: Microphone | None) -> None:
        self._voices = voices
        self._microphone = microphone
        self._meter = FrameMeter()

    def want(self, wanted: FloorWanted) -> bool:
        """Ask for the floor or leave it; False for who may not."""
        if self._microphone is None:
            return False
        if wanted.on:
            self._voices.ask(self._microphone, take=wanted.take)
        else:
            self.leave()
        return True

    def take(self, frame: bytes) -> None:
        """A piece of their voice. Raises `ValueError` for what no page of ours sends."""
        self._meter.count(frame, asyncio.get_running_loop().time())
        mine = self._microphone is not None and self._voices.say(self._microphone.claimant.id, frame)
        self._meter.heard(mine)

    def speaks(self) -> None:
        """They are heard to speak, where no sound is sent."""
        if self._microphone is not None:
            self._voices.speaks(self._microphone.claimant.id)

    def leave(self) -> None:
        """Want the floor no more."""
        if self._microphone is not None:
            self._voices.leave(self._microphone.claimant.id)

    def shown(self, floor: Floor) -> FloorShown:
        """The floor as this page sees it."""
        own = self._microphone.claimant if self._microphone else None
        holder, ends_at = floor.holder, floor.ends_at
        left = 0.0 if ends_at is None else max(0.0, ends_at - asyncio.get_running_loop().time())
        yours = own is not None and floor.is_held_by(own.id)
        same = own is not None and holder is not None and holder.person_id == own.person_id
        return FloorShown(
            name=holder.name if holder else "",
            yours=yours,
            place=floor.place(own.id) if own else 0,
            waiting=len(floor.line),
            left=round(left, 1),
            may_take=not yours and own is not None and (own.may_take or same),
        )

    @property
    def floor(self) -> FloorShown:
        return self.shown(self._voices.floor)
