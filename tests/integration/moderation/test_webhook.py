"""A team's own service, and every trouble it can make: over a real connection."""

import asyncio
import contextlib
import hashlib
import hmac
import re
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from adapters.moderation.moderators import LONGEST_BYTES, NO_REASON, ModerationWebhook
from bot.domain.conversations import ConversationRef
from bot.ports.words import NoVerdict, Objection, ProposedSpeech, Source
from bot.testing.virtual_time import virtual
from tests.patience import until
from tests.unit.moderation.loopback import YES, Loopback

SPEECH = ProposedSpeech("You **clot**!", "Ann: You clot!", ConversationRef("slack", "T1", "C1", "1.2"), Source.PERSON)
SECRET = SecretStr("sixteen characters")


async def verdict(service: Loopback, speech: ProposedSpeech = SPEECH) -> Objection | None:
    async with service.serving(), contextlib.aclosing(ModerationWebhook(service.url)) as webhook:
        return await webhook.review(speech)


async def test_yes_is_yes() -> None:
    assert await verdict(Loopback()) is None


async def test_no_comes_with_its_reason() -> None:
    assert await verdict(Loopback(b'{"allow": false, "reason": " It insults\\nsomebody. "}')) == Objection(
        "It insults somebody"
    )


@pytest.mark.parametrize("answer", [b'{"allow": false}', b'{"allow": false, "reason": " \\u0000 "}'])
async def test_no_needs_no_reason(answer: bytes) -> None:
    assert await verdict(Loopback(answer)) == Objection(NO_REASON)


async def test_a_long_reason_is_cut() -> None:
    objection = await verdict(Loopback(msgspec.json.encode({"allow": False, "reason": "so " * 1_000})))
    assert objection is not None
    assert len(objection.reason) <= 200


@pytest.mark.parametrize(
    "service",
    [
        Loopback(b""),
        Loopback(b"no"),
        Loopback(b"[]"),
        Loopback(b"{}"),
        Loopback(b'{"allow": "false"}'),
        Loopback(b'{"allow": null}'),
        Loopback(b'{"allow": 0}'),
        Loopback(b'{"allow": true, "reason": 7}'),
        Loopback(b'{"allow": true}{"allow": true}'),
        Loopback(b'{"allow": true, "reason": "\xff"}'),
        Loopback(b'{"allow": true, "reason": "' + b"x" * LONGEST_BYTES + b'"}'),
        Loopback(YES, length=len(YES) - 1),
        Loopback(YES, status=b"500 Oh"),
        Loopback(YES, status=b"204 No Content"),
        Loopback(YES, status=b"201 Created"),
        Loopback(YES, status=b"302 Found", headers=(b"location: /yes",)),
        Loopback(YES, headers=(b"content-encoding: gzip",)),
        Loopback(b"", length=10**9, endless=b"x" * 4096),
    ],
    ids=lambda service: f"{service.status.decode()} {service.answer[:30]!r}",
)
async def test_anything_else_is_no_verdict(service: Loopback) -> None:
    with pytest.raises(NoVerdict) as silent:
        await verdict(service)
    assert "clot" not in silent.value.detail


async def test_nobody_there_is_no_verdict() -> None:
    async with Loopback().serving() as gone:
        pass
    async with contextlib.aclosing(ModerationWebhook(gone.url)) as webhook:
        with pytest.raises(NoVerdict):
            await webhook.review(SPEECH)


async def test_what_it_is_asked() -> None:
    service = Loopback()
    await verdict(service)
    head, _, body = service.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /judge HTTP/1.1")
    assert b"signature" not in head.lower()
    assert msgspec.json.decode(body) == {
        "text": "You **clot**!",
        "spoken": "Ann: You clot!",
        "source": "person",
        "platform": "slack",
        "workspace": "T1",
        "channel": "C1",
    }


async def test_the_paper_shows_what_it_is_asked() -> None:
    service = Loopback()
    await verdict(service)
    paper = Path(__file__).parents[3].joinpath("docs", "moderation.md").read_text()
    example = msgspec.json.decode(re.findall(r"```json\n(.*?)```", paper, re.DOTALL)[0])
    asked = msgspec.json.decode(service.requests[0].partition(b"\r\n\r\n")[2])
    assert list(example) == list(asked)
    assert (example["text"], example["spoken"]) == (SPEECH.written, SPEECH.spoken)


async def test_half_a_character_can_be_asked_about() -> None:
    service = Loopback()
    await verdict(service, ProposedSpeech("\ud83d", "\ud83d", SPEECH.place, Source.MODEL))
    assert "\ufffd".encode() in service.requests[0]


async def test_a_request_can_be_known_as_ours() -> None:
    async with (
        Loopback().serving() as service,
        contextlib.aclosing(ModerationWebhook(service.url, SECRET, now=lambda: 1_790_000_000.9)) as webhook,
    ):
        await webhook.review(SPEECH)
    head, _, body = service.requests[0].partition(b"\r\n\r\n")
    signed = hmac.new(b"sixteen characters", b"1790000000." + body, hashlib.sha256).hexdigest()
    assert b"x-avatarbot-timestamp: 1790000000\r\n" in head.lower() + b"\r\n"
    assert f"x-avatarbot-signature: sha256={signed}".encode() in head.lower()


async def test_who_stops_waiting_leaves_the_connection_to_the_next() -> None:
    async with Loopback(wait=asyncio.Event()).serving() as service:
        assert service.wait is not None
        async with contextlib.aclosing(ModerationWebhook(service.url)) as webhook:
            waiting = asyncio.create_task(webhook.review(SPEECH))
            await until(lambda: service.requests)
            waiting.cancel()
            await asyncio.wait([waiting])
            service.wait.set()
            await until(lambda: not webhook._asked)
            assert await webhook.review(SPEECH) is None
    assert waiting.cancelled()
    assert service.connections == 1


async def test_closing_ends_what_is_under_way() -> None:
    async with Loopback(wait=asyncio.Event()).serving() as service:
        webhook = ModerationWebhook(service.url)
        waiting = asyncio.create_task(webhook.review(SPEECH))
        await until(lambda: service.requests)
        await webhook.aclose()
        await asyncio.wait([waiting])
    assert not webhook._asked


@virtual
async def test_a_slow_one_is_given_up() -> None:
    with pytest.raises(NoVerdict):
        await verdict(Loopback(wait=asyncio.Event()))
