"""A session is watched and talked to in another process as in its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.posts import Speaker
from bot.domain.sessions import SessionStatus
from bot.media.events import Caption
from bot.media.keyframes import BEHIND_S
from bot.media.voices import NOBODY_LISTENS, SpokenWords
from bot.ports.room import VOICE_FRAME, Codec, VideoFrame
from bot.web.links.wire import MOST_PEOPLE
from bot.web.viewer.wire import HEADER, Flag
from tests.browser.session_fixture import SESSION
from tests.integration.web.links.processes import (
    ANN,
    BEN,
    LIVE,
    HeldUp,
    Listener,
    WebProcess,
    Worker,
    page_of,
    playing,
    web_process,
    worker_process,
)
from tests.patience import until


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    async with worker_process() as opened:
        yield opened


@pytest.fixture
async def web(worker: Worker, tmp_path: Path) -> AsyncIterator[WebProcess]:
    async with web_process(tmp_path, worker) as opened:
        yield opened


def spoken(number: int, text: str, *, final: bool = True) -> Caption:
    return Caption(f"u{number}", Speaker.BOT, text, final)


async def test_its_state_and_words_reach_a_page_elsewhere(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core) as page:
        await until(lambda: worker.links)
        worker.events.publish(SESSION, replace(LIVE, note="Fine.", speaking=True))
        worker.events.publish(SESSION, spoken(1, "Good", final=False))
        worker.events.publish(SESSION, spoken(1, "Good morning!"))
        assert (await page.sees("session", note="Fine."))["speaking"]
        await page.sees("said", text="Good morning!", final=True)


async def test_its_picture_reaches_pages_from_a_key_frame_on(worker: Worker, web: WebProcess) -> None:
    async with playing(worker.media), page_of(web.core) as one:
        await until(lambda: len(one.pictures) > 30)
        async with page_of(web.core, BEN) as two:  # for whom there has to be a key frame of their own
            await until(lambda: len(two.pictures) > 60)
            assert worker.links == 1
    for page in (one, two):
        heads = [HEADER.unpack_from(picture) for picture in page.pictures]
        assert heads[0][3] & Flag.KEY
        stamps = [head[5] for head in heads]
        assert stamps == [stamps[0] + 20_000 * number for number in range(len(stamps))]
        assert len(page.pictures[0]) == HEADER.size + 2_000


async def test_a_picture_that_paused_goes_on(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core) as page:
        await until(lambda: worker.media.watched)
        for key in (True, False, False):  # so quick that they are taken as one
            worker.media.show(VideoFrame("1", Codec.VP8, key, 640, 360, 0, b"x"))
        await until(lambda: len(page.pictures) == 3)
        await asyncio.sleep(1.2 * BEHIND_S)
        async with playing(worker.media):
            await until(lambda: len(page.pictures) > 10)


async def test_no_picture_is_fetched_for_who_shows_none(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core, plays=False) as page:
        await page.sees("session", status="live")
        await until(lambda: worker.links)
        assert not worker.media.watched
        async with page_of(web.core, BEN):
            await until(lambda: worker.media.watched)
        await until(lambda: not worker.media.watched)


async def test_a_watched_avatar_stays_awake(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core):
        await until(lambda: worker.events.watchers(SESSION) == 1)
        assert worker.events.all_watchers == 0  # counted where they are
        assert web.core.events.all_watchers == 1


async def test_what_is_being_said_is_there_for_who_comes(worker: Worker, web: WebProcess) -> None:
    worker.events.publish(SESSION, spoken(1, "Good mor", final=False))
    async with page_of(web.core) as page:
        await page.sees("said", text="Good mor", final=False)


async def test_audiences_of_all_processes_are_one(worker: Worker, web: WebProcess, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(web_process(tmp_path / "other", worker))
        ann = await stack.enter_async_context(page_of(web.core))
        await ann.sees("audience", count=1, names=["Ann"])
        ben = await stack.enter_async_context(page_of(other.core, BEN))
        again = await stack.enter_async_context(page_of(other.core))  # Ann once more, elsewhere
        stranger = await stack.enter_async_context(page_of(other.core, None))
        for page in (ann, ben, again, stranger):
            await page.sees("audience", count=3, names=["Ann", "Ben"])
        await ben.socket.close()
        await ann.sees("audience", count=2, names=["Ann"])


async def test_a_voice_is_heard_and_its_words_are_handed_in(worker: Worker, web: WebProcess) -> None:
    listener = Listener()
    with worker.events.voices.of(SESSION).heard_by(listener):
        async with page_of(web.core) as ann, page_of(web.core, BEN) as ben:
            await until(lambda: web.core.events.view(SESSION))
            await ann.send(type="floor", on=True)
            await ann.sees("floor", yours=True)
            await ben.send(type="floor", on=True)
            assert (await ben.sees("floor", place=1))["name"] == "Ann"
            await ann.send(type="speaks")
            await ann.socket.send(b"\1" * VOICE_FRAME)
            await until(lambda: listener.heard == [b"\1" * VOICE_FRAME] and listener.begun == 1)
            assert listener.holder
            listener.holder.show("good mor")
            listener.holder.tell("Please say it again.")
            await ann.sees("heard", text="good mor")
            await ann.sees("note", sentence="Please say it again.")
            await listener.holder.hand_in(SpokenWords("w1", "Good morning"))
            await ann.send(type="floor", on=False)
            await ben.sees("floor", yours=True)
    (said,) = worker.handed_in
    assert (said.person, said.body.text, said.event_id) == (ANN, "Good morning", "voice:w1")  # type: ignore[union-attr]
    assert not [frame for frame in ben.frames if frame["type"] in {"heard", "note"}]


async def test_what_came_of_words_is_told_after_the_floor(worker: Worker, web: WebProcess) -> None:
    listener = Listener()
    with worker.events.voices.of(SESSION).heard_by(listener):
        async with page_of(web.core) as ann:
            await until(lambda: web.core.events.view(SESSION))
            await ann.send(type="floor", on=True)
            await until(lambda: listener.holder)
            spoke = listener.holder
            await ann.send(type="floor", on=False)
            await until(lambda: not listener.holder)
            assert spoke
            spoke.show("good morning")
            spoke.tell("That was not taken.")
            await ann.sees("heard", text="good morning")
            await ann.sees("note", sentence="That was not taken.")


async def test_who_asks_before_a_link_is_open_waits(tmp_path: Path) -> None:
    worker, listener, held = Worker(), Listener(), HeldUp()
    worker.server = held.before(worker.server)
    await worker.start()
    with worker.events.voices.of(SESSION).heard_by(listener):
        async with web_process(tmp_path, worker) as web, page_of(web.core) as ann:
            await held.came.wait()
            await ann.send(type="floor", on=True)
            await ann.send(type="values", option="voice")  # is answered after that was read
            await until(lambda: ann.last("values"))
            held.goes_on.set()
            await ann.sees("floor", yours=True)
            assert not ann.last("note")
    await worker.die()


async def test_who_asks_where_no_link_opens_is_told(tmp_path: Path) -> None:
    worker, held = Worker(), HeldUp()
    worker.server = held.before(worker.server)
    await worker.start()
    async with web_process(tmp_path, worker) as web, page_of(web.core) as ann:
        await held.came.wait()
        await ann.send(type="floor", on=True)
        await ann.sees("note", sentence=NOBODY_LISTENS)
    held.goes_on.set()
    await worker.die()


async def test_a_crowd_with_long_names_keeps_its_link(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core) as page:
        await until(lambda: worker.links)
        with web.core.presence.standing_for(SESSION, lambda _: None) as stand:
            stand({f"{number} {'n' * 80}": "🙂" * 80 for number in range(2 * MOST_PEOPLE)})
            await page.sees("audience", count=MOST_PEOPLE)
        await page.sees("audience", count=1)
        assert web.looked == 1


async def test_the_floor_is_free_when_its_process_is_gone(worker: Worker, tmp_path: Path) -> None:
    listener = Listener()
    with worker.events.voices.of(SESSION).heard_by(listener):
        async with web_process(tmp_path, worker) as web, page_of(web.core) as ann:
            await until(lambda: web.core.events.view(SESSION))
            await ann.send(type="floor", on=True)
            await ann.sees("floor", yours=True)
        await until(lambda: worker.events.voices.of(SESSION).floor.holder is None)
        assert listener.holder is None


async def test_the_link_is_closed_after_the_last_who_watched(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core) as page:
        await page.sees("session", status="live")
        await until(lambda: worker.links)
    assert worker.links == 1  # for whoever loads the page again
    await until(lambda: not worker.links)
    assert web.core.events.view(SESSION) is None
    assert worker.events.watchers(SESSION) == 0


async def test_a_page_outlives_the_worker_and_follows_the_session(worker: Worker, web: WebProcess) -> None:
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(page_of(web.core))
        async with playing(worker.media):
            await until(lambda: len(page.pictures) > 3)
            await worker.die()
        await page.sees("session", status="reconnecting")
        web.core.archive.said["u1"] = spoken(1, "Said while nobody saw it.")
        successor = await stack.enter_async_context(worker_process("successor", 2))
        web.workers.append(successor)
        await page.sees("session", status="live")
        await page.sees("said", text="Said while nobody saw it.")
        before = len(page.pictures)
        async with playing(successor.media):
            await until(lambda: len(page.pictures) > before + 3)
        assert HEADER.unpack_from(page.pictures[before])[3] & Flag.KEY
        assert len([frame for frame in page.frames if frame["type"] == "hello"]) == 1
        successor.events.publish(SESSION, replace(LIVE, note="Back."))
        await page.sees("session", note="Back.")
    assert page.said() == ["Said while nobody saw it."]


async def test_what_falls_asleep_is_followed_when_it_is_woken(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core) as page:
        await until(lambda: worker.links)
        web.core.archive.last = replace(LIVE, status=SessionStatus.SLEEPING, note="Asleep.")
        worker.end_run()
        await page.sees("session", status="sleeping", note="Asleep.")
        async with worker_process("next", 2) as following:
            web.workers.append(following)
            await page.sees("session", status="live")


async def test_what_has_ended_is_shown_as_ended(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core) as page:
        await until(lambda: worker.links)
        web.core.archive.last = replace(LIVE, status=SessionStatus.ENDED, note="Stopped by Ann.")
        worker.end_run()
        await page.sees("session", status="ended", note="Stopped by Ann.")


async def test_of_another_version_the_words_come_and_no_picture(worker: Worker, tmp_path: Path) -> None:
    async with web_process(tmp_path, worker, version=99) as web, page_of(web.core) as page:
        await page.sees(
            "session", status="live", note="No picture while the service is being updated. You can read along."
        )
        web.core.archive.said["u1"] = spoken(1, "Read from the database.")
        await page.sees("said", text="Read from the database.")
        assert worker.links == 0
        assert not page.pictures


async def test_a_worker_that_cannot_be_reached_leaves_the_words(tmp_path: Path) -> None:
    gone = Worker()
    gone.address = "127.0.0.1:9"
    async with web_process(tmp_path, gone) as web, page_of(web.core) as page:
        await page.sees("session", status="reconnecting", note="The picture is coming back …")
        web.core.archive.said["u1"] = spoken(1, "Still talking.")
        await page.sees("said", text="Still talking.")
        await until(lambda: web.failed > 1)


async def test_a_link_that_was_open_has_not_failed(worker: Worker, web: WebProcess) -> None:
    async with page_of(web.core) as page:
        await until(lambda: worker.links)
        await worker.die()
        await page.sees("session", status="reconnecting")
    assert web.failed == 0
