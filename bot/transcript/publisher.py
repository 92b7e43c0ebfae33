"""Writes down what is said in one session, and posts it: a row before it is a message, finals always."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from bot.clock import new_id
from bot.delivery.rate_limiter import Priority
from bot.domain.errors import AvatarbotError, PlaceGone, PlatformError, StoreBusy, StoreUnavailable, Throttled
from bot.domain.posts import Addressee, Delivery, Speaker, TranscriptLine, byline
from bot.media.events import Caption
from bot.ports.avatar import AvatarEvent, Utterance
from bot.ports.storage.records import UtteranceRecord
from bot.ports.storage.transactions import FencedWrites
from bot.speech.sentences import preview, split
from bot.speech.speakable import clean_name
from bot.tasks import rest
from bot.transcript.posts import TranscriptContext, TranscriptEntry, TranscriptPosts

SAVE_EVERY = 1.0
"""Seconds of a growing utterance that a crash may cost."""

LOST = " [connection lost]"
REMEMBERED = 50
"""Utterances of earlier runs that go on when more of them comes in."""

RETRY_FIRST, RETRY_MOST = 1.0, 30.0
"""Seconds before a failed call is tried again, at first and at most."""


class TranscriptPublisher:
    """One per run. `take` and `announce` never wait; `run` does the writing and posting."""

    def __init__(self, context: TranscriptContext) -> None:
        self._context = context
        self._posts = TranscriptPosts(context)
        self._entries: list[TranscriptEntry] = []
        self._keys: dict[tuple[str, str, Speaker], TranscriptEntry] = {}
        self._to_save = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None  # sets it when something is due
        self._to_post = asyncio.Event()
        self._closing = False
        self._saving = asyncio.Lock()  # a row is written to in the order of its texts

    # ------------------------------------------------------------ what comes in

    def hear(self, provider_row: str, event: AvatarEvent) -> None:
        """What people said in the channel is not repeated there."""
        if isinstance(event, Utterance) and not (event.speaker is Speaker.USER and self._context.is_spoken(event.id)):
            self.take(provider_row, event, silent=self._context.is_repetition(event.id))

    def take(self, provider_row: str, utterance: Utterance, *, silent: bool) -> None:
        """An utterance as it stands now."""
        key = (provider_row, utterance.id, utterance.speaker)
        entry = self._keys.get(key)
        if entry is None:
            entry = self._keys[key] = self._new_entry(provider_row, utterance, silent=silent)
        text = entry.before + utterance.text
        if (text, utterance.final) == (entry.record.text, entry.record.final):
            return
        if entry not in self._entries:  # new, or posted as final and open again
            self._entries.append(entry)
        ended = self._context.services.clock.now() if utterance.final else None
        shown = utterance.final and entry.silent
        entry.record = replace(entry.record, text=text, final=utterance.final, shown=shown, ended_at=ended)
        to = entry.answers.name if entry.answers else ""
        caption = Caption(entry.record.id, utterance.speaker, text, utterance.final, to=to)
        self._context.services.events.publish(self._context.session.id, caption)
        if entry.pressing:
            self._to_save.set()
        else:
            self._set_alarm()
        if not entry.silent:
            self._to_post.set()

    def announce(self, row_id: str, speaker: str, text: str) -> None:
        """Words that stand nowhere in the channel are posted before they are answered."""
        now = self._context.services.clock.now()
        record = UtteranceRecord(row_id, "", row_id, Speaker.USER, text, True, False, now, None)
        self._entries.append(TranscriptEntry(record, speaker, self._now(), announcement=True))
        self._notify()

    async def keep(
        self, mids: Collection[str], alongside: Callable[[FencedWrites], object], *, unhurried: bool = False
    ) -> None:
        """What the avatar said to a turn stands in the database once this returns, and so does what `alongside` writes. Raises `LeaseLost`
        and `StoreUnavailable`.
        """
        said = [entry for entry in self._entries if entry.record.mid in mids]
        await self._save(said, alongside, unhurried=unhurried)

    async def resume(self) -> None:
        """Take up what an earlier run left: what still grew then has lost its end."""
        transcripts, session_id = self._context.services.storage.transcripts, self._context.session.id
        asked = {turn.id: Addressee(clean_name(turn.name)) for turn in await transcripts.given(session_id)}
        for record in await transcripts.recent(session_id, REMEMBERED):
            entry = self._resumed(record)
            entry.answers = asked.get(record.mid) if record.speaker is Speaker.BOT else None
            self._keys[record.provider_row, record.mid, record.speaker] = entry
            if not record.shown:
                self._entries.append(entry)
        self._notify()

    def _resumed(self, record: UtteranceRecord) -> TranscriptEntry:
        """What still comes of it goes on behind what was heard before, for we do not know how much is missing between."""
        text = record.text if record.final else record.text + LOST
        ended = record.ended_at or self._context.services.clock.now()
        done = replace(record, text=text, final=True, shown=False, ended_at=ended)
        saved = replace(record, shown=False) if record.final else None
        return TranscriptEntry(
            done, self._name(record.speaker), self._now(), resumed=True, saved=saved, before=text and f"{text} "
        )

    def _new_entry(self, provider_row: str, utterance: Utterance, *, silent: bool) -> TranscriptEntry:
        now = self._context.services.clock.now()
        record = UtteranceRecord(new_id(), provider_row, utterance.id, utterance.speaker, "", False, False, now, None)
        answers = self._context.asked_by(utterance.id) if utterance.speaker is Speaker.BOT else None
        began = self._now()
        return TranscriptEntry(
            record, self._name(utterance.speaker), began, silent=silent, answers=answers, next_save=began + SAVE_EVERY
        )

    def _notify(self) -> None:
        self._to_save.set()
        self._to_post.set()

    def _name(self, speaker: Speaker) -> str:
        return self._context.session.spec.avatar_name if speaker is Speaker.BOT else "Somebody in the room"

    # ------------------------------------------------------------ the writing

    async def run(self) -> None:
        """Write and post until closed. Raises `PlaceGone`, `LeaseLost` and `StoreBusy`."""
        tasks = [asyncio.create_task(work, name="transcript") for work in (self._save_all(), self._post_all())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._look_in(None)
            for entry in self._entries:
                self._stop_growing(entry)

    async def close(self) -> None:
        """No more will be taken: what grows has lost its end. All of it stands in the database once this returns, and `run`
        returns when all is posted. Raises `LeaseLost` and `StoreUnavailable`.
        """
        for entry in tuple(self._entries):
            if not entry.record.final:
                record, now = entry.record, self._context.services.clock.now()
                entry.record = replace(record, text=record.text + LOST, final=True, shown=entry.silent, ended_at=now)
        await self._save(self._entries)
        self._closing = True
        self._notify()

    async def _save_all(self) -> None:
        """What is to be posted at once when it is final, the rest every second, however long a post takes."""
        failing = False
        while not self._closing:
            self._to_save.clear()
            try:
                await self._save(each for each in self._entries if each.pressing or self._now() >= each.next_save)
                failing = False
            except StoreBusy:
                raise
            except StoreUnavailable as error:
                self._warn("what is said is not saved yet", error, first=not failing)
                self._look_in(SAVE_EVERY)
                failing = True
            await self._to_save.wait()

    def _warn(self, what: str, error: AvatarbotError, *, first: bool) -> None:
        """Once for each time that something begins to fail."""
        if first:
            self._context.log.warning(what, reason=error.detail)

    def _set_alarm(self) -> None:
        """For when the next of what is unsaved is due."""
        moments = [entry.next_save for entry in self._entries if entry.unsaved]
        self._look_in(min(moments) - self._now() if moments else None)

    def _look_in(self, seconds: float | None) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._to_save.set)

    async def _save(
        self,
        entries: Iterable[TranscriptEntry],
        alongside: Callable[[FencedWrites], object] | None = None,
        *,
        unhurried: bool = False,
    ) -> None:
        """In one transaction. What is not posted is done with then."""
        async with self._saving:
            unsaved = [(entry, entry.record) for entry in entries if entry.unsaved]
            if unsaved or alongside:
                await self._write(unsaved, alongside, unhurried=unhurried)
        self._set_alarm()

    async def _write(
        self,
        unsaved: list[tuple[TranscriptEntry, UtteranceRecord]],
        alongside: Callable[[FencedWrites], object] | None,
        *,
        unhurried: bool,
    ) -> None:
        async with self._context.fenced(unhurried=unhurried) as run:
            for _, stored in unsaved:
                run.save(stored)
            if alongside:
                alongside(run)
        for entry, stored in unsaved:
            entry.saved, entry.next_save = stored, self._now() + SAVE_EVERY
            if stored.shown and not entry.unsaved:
                self._entries.remove(entry)

    # ------------------------------------------------------------ the posting

    async def _post_all(self) -> None:
        """Post and edit, one call at a time; a call that fails is made again."""
        retry = RETRY_FIRST
        while self._entries or not self._closing:
            self._to_post.clear()
            try:
                wait = await self._step()
                retry = RETRY_FIRST
            except Throttled as throttled:
                self._context.services.metrics.throttled.labels(self._context.session.place.platform).inc()
                wait = throttled.retry_after
            except (PlaceGone, StoreBusy):
                raise
            except (PlatformError, StoreUnavailable) as error:
                self._warn("what is said is not posted yet", error, first=retry == RETRY_FIRST)
                wait, retry = retry, min(retry * 2, RETRY_MOST)
            await rest(self._to_post, wait)

    async def _step(self) -> float | None:
        """Do what is due; how long nothing else is (None: until something comes in)."""
        for index, entry in enumerate(self._entries):
            if entry.resumed:
                await self._posts.recall(entry)
            if entry.pressing:
                await self._finish(entry)
                return 0.0
            followed = index + 1 < len(self._entries)
            overtaken = followed and not entry.posted  # posted now, or it would stand below what came after it
            if self._may_grow(entry) and (overtaken or self._due(entry)):
                await self._preview(entry, must=overtaken)
                return 0.0
        return self._until_due()

    def _may_grow(self, entry: TranscriptEntry) -> bool:
        """Whether it may be shown before it is final: in one message, which is the first and only one, and can be changed."""
        return self._context.platform.features.edits is not None and entry.visible and len(entry.shown) <= 1

    def _due(self, entry: TranscriptEntry) -> bool:
        return self._now() >= self._due_at(entry) and self._differs(entry)

    def _due_at(self, entry: TranscriptEntry) -> float:
        first = 0.0 if entry.posted else entry.began + self._context.platform.pace.first_post
        return max(first, entry.next_edit)

    def _differs(self, entry: TranscriptEntry) -> bool:
        return not entry.shown or entry.shown[0][1] != self._preview_of(entry)

    def _until_due(self) -> float | None:
        moments = [self._due_at(entry) for entry in self._entries if self._may_grow(entry) and self._differs(entry)]
        return max(0.0, min(moments) - self._now()) if moments else None

    async def _preview(self, entry: TranscriptEntry, *, must: bool) -> None:
        """Show what there is so far, in one message: a growing text is cut, never split. Left out where there is no room for it."""
        if entry.saved is None:
            await self._save([entry])
        if must or self._has_room(entry):
            await self._posts.put(entry, 0, self._preview_of(entry), None if entry.shown else Priority.PREVIEW)
        entry.next_edit = self._now() + self._context.limiter.edits.edit_interval

    def _has_room(self, entry: TranscriptEntry) -> bool:
        """Whether a growing text may be shown at all, or shown again, now."""
        edits = self._context.limiter.edits
        if entry.shown:
            return edits.turn_at_once()
        entry.growing = entry.growing or edits.grow()
        return entry.growing

    def _stop_growing(self, entry: TranscriptEntry) -> None:
        if entry.growing:
            self._context.limiter.edits.grown()
            entry.growing = False

    def _preview_of(self, entry: TranscriptEntry) -> TranscriptLine:
        text = preview(entry.record.text, self._room(entry), self._context.platform.measure)
        return TranscriptLine(entry.speaker, text, Delivery.GROWING, entry.disclosure, entry.answers)

    def _room(self, entry: TranscriptEntry) -> int:
        """What a message can hold besides who speaks, and to whom."""
        platform = self._context.platform
        names = byline(entry.speaker, entry.answers.name if entry.answers else "")
        return platform.text_limit - platform.measure(names) - 8

    async def _finish(self, entry: TranscriptEntry) -> None:
        """Show the whole text. What has grown again meanwhile stays among what is to be done."""
        record = entry.record
        await self._save([entry])
        if entry.visible:
            parts = split(record.text, self._room(entry), self._context.platform.measure)
            for number, text in enumerate(parts):
                entry.whole = record if number + 1 == len(parts) and not entry.announcement else None
                await self._posts.put(entry, number, _final(entry, number, text), Priority.FINAL)
        if entry.record is record:
            await self._posts.mark(entry)
            self._stop_growing(entry)
            self._entries.remove(entry)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _final(entry: TranscriptEntry, part: int, text: str) -> TranscriptLine:
    if part:
        return TranscriptLine(entry.speaker, text)
    return TranscriptLine(entry.speaker, text, disclosure=entry.disclosure, answers=entry.answers)
