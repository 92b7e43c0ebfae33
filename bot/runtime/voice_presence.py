"""The avatar in a voice channel of its chat platform: it joins, is heard there, and leaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bot.delivery.rate_limiter import Priority
from bot.domain.disclosure import Disclosed, Disclosure
from bot.domain.errors import PlatformError
from bot.media.events import SharedFrame
from bot.ports.room import AudioFrame
from bot.ports.storage.records import InboxOutcome, InboxRecord, VoicePlace
from bot.ports.voice import VoiceAudience, VoiceCall, VoiceEvent
from bot.runtime.context import SessionContext
from bot.tasks import cancel_and_wait

JOIN, LEAVE = "join", "leave"

EMPTY_FOR_S = 60.0
"""Seconds without anybody in the channel after which the avatar leaves it."""

TOLD_FOR_S = 300.0
"""Seconds for which those who come find what was written in the channel; later it is written again."""

AGAIN_AFTER_S = (1.0, 5.0, 20.0)
"""Seconds before a call that broke off is begun again."""

STEADY_S = 60.0
"""Seconds after which a call counts as one that did not break off at once."""

NOWHERE = "There are no voice channels here."
OVERTAKEN = "Something else was asked for meanwhile."


class VoicePresence:
    """`run` joins and leaves as it is told, until cancelled; then the avatar leaves. Whatever becomes of the voice, the session goes on.

    Where the avatar is heard stands in the session's row: a later run of the session is heard there again.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._orders: asyncio.Queue[InboxRecord] = asyncio.Queue()
        self._unanswered: InboxRecord | None = None

    def obey(self, row: InboxRecord) -> None:
        """`join` or `leave`: answered once it is done or cannot be."""
        self._orders.put_nowait(row)

    async def run(self) -> None:
        """Raises `LeaseLost` and `StoreUnavailable`, in a group."""
        async with asyncio.TaskGroup() as group:
            staying = self._stay_again(group)
            while True:
                row = await self._orders.get()
                was_there = self._context.heard_by
                if staying:
                    await cancel_and_wait(staying)
                await self._answer(InboxOutcome.REFUSED, OVERTAKEN)
                self._unanswered, staying = row, None
                if row.verb == JOIN:
                    staying = group.create_task(self._stay(row.person_id, row.body.get("channel", "")))
                else:
                    await self._context.stay_in_voice(None)
                    await self._say_left(was_there)

    def _stay_again(self, group: asyncio.TaskGroup) -> asyncio.Task[None] | None:
        voice = self._context.session.voice
        return group.create_task(self._stay(voice.person_id, voice.channel_id)) if voice else None

    async def _say_left(self, was_there: VoiceAudience | None) -> None:
        name = self._context.session.spec.avatar_name
        if was_there:
            await self._answer(InboxOutcome.DONE, f"{name} has left {was_there.channel_name}.")
        else:
            await self._answer(InboxOutcome.REFUSED, f"{name} is in no voice channel.")

    async def _answer(self, outcome: InboxOutcome, sentence: str) -> bool:
        """Whoever asked hears it, unless they have heard something already."""
        row, self._unanswered = self._unanswered, None
        if row is None:
            return False
        async with self._context.fenced() as run:
            run.finish(row.id, outcome, sentence if row.reply_to else "")
        self._context.services.replies_due.set()
        return True

    # ------------------------------------------------------------ one stay

    async def _stay(self, person_id: str, channel: str) -> None:
        """Be heard in a channel until nobody is there any more or it cannot be; then people are told why."""
        pauses, clock = iter(AGAIN_AFTER_S), asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                why = await self._heard(person_id, channel)
            except PlatformError as error:
                self._context.log.info("not heard in a voice channel", reason=error.detail)
                if await self._answer(InboxOutcome.REFUSED, error.sentence):
                    return
                why = error.sentence
                pauses = iter(AGAIN_AFTER_S) if clock() - began > STEADY_S else pauses
                pause = None if error.final else next(pauses, None)
                if pause is not None:
                    await asyncio.sleep(pause)
                    continue
            await self._context.stay_in_voice(None)
            await self._tell_thread(why)
            return

    async def _heard(self, person_id: str, channel: str) -> str:
        """Returns why it left."""
        context, voice = self._context, self._context.platform.features.voice
        if voice is None:
            raise PlatformError(NOWHERE)
        async with voice.call(context.session.place, person_id, channel) as call:
            call_as_seen = _Attended(context, call, person_id)
            try:
                disclosed = await Disclosed.told(context.disclosure, call_as_seen.tell)
                audiences = call.events()
                await call_as_seen.follow(await anext(audiences))
                await self._answer(InboxOutcome.DONE, call_as_seen.welcome())
                with context.media.watching(_Loudspeaker(call), disclosed):
                    return await call_as_seen.attend(audiences)
            finally:
                context.be_heard_by(None)

    async def _tell_thread(self, text: str) -> None:
        context = self._context
        await context.limiter.turn(Priority.CARD)
        try:
            await context.platform.notify(context.session.talk, text)
        except PlatformError as error:
            context.log.info("could not say that it left a voice channel", reason=error.detail)


class _Loudspeaker:
    """A `MediaSink`: the sound of what comes."""

    def __init__(self, call: VoiceCall) -> None:
        self._call = call

    def take(self, frame: SharedFrame) -> None:
        if isinstance(frame.media, AudioFrame):
            self._call.play(frame.media)

    def discontinuity(self) -> None:
        """Sound goes on from anywhere."""

    def interrupted(self) -> None:
        self._call.interrupt()


class _Attended:
    """One call with the people in it: whoever comes is told what it is that they hear."""

    def __init__(self, context: SessionContext, call: VoiceCall, person_id: str) -> None:
        self._context = context
        self._call = call
        self._person_id = person_id
        self._audience: VoiceAudience | None = None
        self._told: set[str] = set()
        self._told_at = 0.0

    @property
    def _name(self) -> str:
        return self._context.session.spec.avatar_name

    def welcome(self) -> str:
        assert self._audience
        return f"{self._name} is heard in {self._audience.channel_name} now. {self._call.note}".strip()

    async def tell(self, disclosure: Disclosure) -> None:
        """Raises `PlatformError`; without having said it the avatar does not stay."""
        self._told_at = asyncio.get_running_loop().time()
        if disclosure.sentence:
            await self._call.tell(f"{self._name} is heard here. {disclosure.sentence}")

    async def follow(self, audience: VoiceAudience) -> None:
        """Somebody came or left, or all of it was moved."""
        before, self._audience = self._audience, audience
        self._context.be_heard_by(audience)
        await self._context.stay_in_voice(VoicePlace(audience.channel_id, self._person_id))
        moved = before is not None and before.channel_id != audience.channel_id
        newcomers = audience.people - self._told if before else frozenset()
        self._told |= audience.people
        if moved or (newcomers and asyncio.get_running_loop().time() - self._told_at > TOLD_FOR_S):
            await self.tell(self._context.disclosure)

    async def attend(self, audiences: AsyncIterator[VoiceEvent]) -> str:
        """Until nobody has been there for `EMPTY_FOR_S`; returns a sentence on that. Raises `VoiceCallEnded`."""
        assert self._audience
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(None if self._audience.people else EMPTY_FOR_S):
                    audience = await anext(audiences)
                await self.follow(audience)
        return f"{self._name} has left {self._audience.channel_name}: nobody was there any more."
