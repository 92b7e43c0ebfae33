"""What an operator may ask hooks for, and the sentence where it makes no sense."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app.hooks import HookRequest, add, dead_letters, listing, remove, retry
from bot.domain.conversations import Channel, ConversationRef
from bot.domain.errors import AvatarbotError
from bot.domain.hook_events import EventType, PlaceScope
from bot.jobs.webhooks import FIRST_PAUSE, GIVE_UP, LONGEST_PAUSE, failure
from bot.storage.memory import MemoryStorage
from bot.testing.virtual_time import ManualClock

URL = "https://hooks.example/in/SECRET"
PLATFORMS = ("slack", "discord")
LOBBY = ConversationRef("slack", "T1", "C1")


async def added(url: str = URL, events: str = "", places: str = "", inside: tuple[str, ...] = ()) -> MemoryStorage:
    storage = MemoryStorage(ManualClock())
    await add(storage, HookRequest(url, [events], [places]), PLATFORMS, inside)
    return storage


async def test_words_leave_only_where_they_are_asked_for() -> None:
    (hook,) = await (await added()).hooks.everything()
    assert hook.events == {kind for kind in EventType if not kind.has_words}
    assert hook.scope == PlaceScope()
    (hook,) = await (await added(events="all", places="slack/T1/C1 slack/T2/*")).hooks.everything()
    assert hook.events == set(EventType)
    assert hook.scope.places == (LOBBY, ConversationRef("slack", "T2", "*"))


async def test_a_secret_is_shown_once_and_never_listed() -> None:
    storage = MemoryStorage(ManualClock())
    secret = await add(storage, HookRequest(URL, ["session.ended"], []), PLATFORMS, ())
    assert secret.startswith("whsec_")
    shown = await listing(storage)
    assert secret not in shown
    assert "SECRET" not in shown
    assert "https://hooks.example  session.ended  all public channels  on" in shown


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://hooks.example/", "https://"),
        ("ftp://hooks.example/", "must begin with https:// or http://"),
        ("https://a:b@hooks.example/", "must not contain a user name"),
        ("https://127.0.0.1/", "AVATARBOT_HOOKS_INSIDE"),
        ("https://ci.internal/", "AVATARBOT_HOOKS_INSIDE"),
        ("https://hooks.example/" + "a" * 2_000, "longer than 2000"),
        ("https://[::1", "is not a valid address"),
    ],
)
async def test_a_url_that_is_none_gets_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(AvatarbotError, match=sentence):
        await added(url)


async def test_a_host_inside_is_named_by_the_operator() -> None:
    (hook,) = await (await added("http://CI.internal:8080/in", inside=("ci.internal",))).hooks.everything()
    assert hook.url == "http://CI.internal:8080/in"
    with pytest.raises(AvatarbotError):
        await added("ftp://ci.internal/", inside=("ci.internal",))


async def test_events_and_places_that_are_none_get_a_sentence() -> None:
    with pytest.raises(AvatarbotError, match=r"Did you mean “session\.ended”"):
        await added(events="session.end")
    with pytest.raises(AvatarbotError, match="is no place"):
        await added(places="lobby")
    with pytest.raises(AvatarbotError, match="no platform"):
        await added(places="slck/T1/C1")


async def test_there_are_no_more_hooks_than_anybody_needs() -> None:
    storage = MemoryStorage(ManualClock())
    for _ in range(20):
        await add(storage, HookRequest(URL, [], []), PLATFORMS, ())
    with pytest.raises(AvatarbotError, match="20 hooks already"):
        await add(storage, HookRequest(URL, [], []), PLATFORMS, ())


async def test_what_is_not_there_is_said() -> None:
    storage = await added()
    (hook,) = await storage.hooks.everything()
    assert await dead_letters(storage) == "Nothing has failed."
    assert await retry(storage, "") == "Nothing has failed."
    assert await retry(storage, hook.id) == f"Hook {hook.id} is on, and nothing of it has failed."
    with pytest.raises(AvatarbotError, match="Nothing of “x” has failed"):
        await retry(storage, "x")
    with pytest.raises(AvatarbotError, match="no hook “x”"):
        await remove(storage, "x")
    assert await remove(storage, hook.id) == f"Hook {hook.id} is removed."
    assert await listing(storage) == "There are no hooks, so nobody is told anything."


# ---------------------------------------------------------------- where it hears of


@pytest.mark.parametrize(
    ("named", "place", "channel", "heard"),
    [
        ("", LOBBY, Channel("#a"), True),
        ("", LOBBY, Channel("#a", private=True), False),
        ("", LOBBY, Channel("#a", private_thread=True), False),
        ("slack/T1/C1", LOBBY, Channel("#a", private=True), True),
        ("slack/T1/C1", LOBBY.in_thread("t"), Channel("#a", private=True), True),
        ("slack/T1/C1", LOBBY.in_thread("t"), Channel("#a", private_thread=True), False),
        ("slack/T1/C1/t", LOBBY.in_thread("t"), Channel("#a", private=True, private_thread=True), True),
        ("slack/T1/C1/t", LOBBY.in_thread("u"), Channel("#a"), False),
        ("slack/T1/C1/t", LOBBY, Channel("#a"), False),
        ("slack/T1/*", LOBBY, Channel("#a"), True),
        ("slack/T1/*", LOBBY, Channel("#a", private=True), False),
        ("slack/T2/*", LOBBY, Channel("#a"), False),
        ("slack/T1/C2", LOBBY, Channel("#a"), False),
    ],
)
def test_what_is_private_is_heard_of_by_name_only(
    named: str, place: ConversationRef, channel: Channel, heard: bool
) -> None:
    scope = PlaceScope((ConversationRef(*named.split("/")),) if named else ())
    assert scope.covers(place, channel) is heard
    assert scope.may_cover(place) or not heard


# ---------------------------------------------------------------- when it is tried again


@given(st.integers(0, 10_000), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1e12)))
def test_pauses_grow_to_an_hour_and_end_after_a_day(attempts: int, dice: float, asked: float | None) -> None:
    pause = failure("no", attempts, timedelta(), asked, dice).pause
    if asked is not None and asked >= GIVE_UP.total_seconds():
        assert pause is None
    else:
        assert pause is not None
        assert FIRST_PAUSE / 2 <= pause <= max(LONGEST_PAUSE, asked or 0)
        assert pause >= (asked or 0)
    assert failure("no", attempts, GIVE_UP, asked, dice).pause is None
