"""Pictures of elsewhere: only from the internet, only pictures, and no larger than a picture is."""

import gzip
import ipaddress
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from adapters.web.files import PICTURE_LIMIT, WebPictures
from bot.commands.urls import IpAddress
from bot.domain.conversations import File

PNG = {"content-type": "image/png"}
NAMES = {"cdn.example": "93.184.216.34", "inside.example": "10.0.0.7"}


async def names(host: str) -> Sequence[IpAddress]:
    return [ipaddress.ip_address(NAMES.get(host, host))]


class Body(httpx.AsyncByteStream):
    def __init__(self, piece: bytes, times: int = 1) -> None:
        self.piece = piece
        self.times = times
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.times):
            self.sent += len(self.piece)
            yield self.piece


def pictures(
    body: Body, headers: dict[str, str] = PNG, ours: str = "", asked: list[httpx.Request] | None = None
) -> WebPictures:
    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        return httpx.Response(200, headers=headers, stream=body)

    return WebPictures(ours, names, httpx.MockTransport(answer))


async def test_a_picture_is_fetched_and_kept() -> None:
    asked: list[httpx.Request] = []
    source = pictures(Body(b"png"), asked=asked)
    for _ in range(2):
        assert await source.picture("https://cdn.example/a.png") == File("picture", "image/png", b"png")
    assert len(asked) == 1
    assert asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "url",
    [
        "https://inside.example/a.png",
        "http://127.0.0.1/a.png",
        "http://169.254.169.254/latest",
        "http://[::ffff:127.0.0.1]/a.png",
        "ftp://cdn.example/a.png",
        "https://cdn.example:99999999/a.png",
        "https://",
        "nonsense",
    ],
)
async def test_nothing_is_fetched_from_inside(url: str) -> None:
    asked: list[httpx.Request] = []
    assert await pictures(Body(b"png"), asked=asked).picture(url) is None
    assert asked == []


async def test_what_is_simulated_on_this_machine_is_shown() -> None:
    source = pictures(Body(b"png"), ours="http://127.0.0.1:9000")
    assert await source.picture("http://127.0.0.1:9000/a.png") is not None
    assert await source.picture("http://127.0.0.1:90000/a.png") is None


@pytest.mark.parametrize("headers", [{"content-type": "text/html"}, {}, PNG | {"content-encoding": "gzip"}])
async def test_what_is_no_picture_is_not_shown(headers: dict[str, str]) -> None:
    assert await pictures(Body(gzip.compress(b" " * 100_000)), headers).picture("https://cdn.example/a") is None


async def test_what_is_larger_than_pictures_are_is_not_read() -> None:
    body = Body(b"x" * 100_000, 1_000)
    assert await pictures(body).picture("https://cdn.example/a.png") is None
    assert body.sent <= PICTURE_LIMIT + 100_000
