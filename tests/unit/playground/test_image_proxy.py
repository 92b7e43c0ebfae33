"""Pictures of the provider's, under addresses of ours."""

import base64

import pytest

from adapters.playground.image_proxy import ImageProxy, ImageUnavailable
from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from bot.domain.conversations import File, Item
from bot.testing.virtual_time import LoopClock
from tests.contract.platform.harness import RecordingCore

ALMA = File("picture", "image/png", b"png")
URL = "https://cdn.example/alma.png"


class Source:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def picture(self, url: str) -> File | None:
        self.asked.append(url)
        return ALMA if url == URL else None


def parts(address: str) -> tuple[str, str]:
    signature, encoded = address.rsplit("/", 2)[1:]
    return signature, encoded


async def test_our_signed_pictures_use_the_guarded_fetch() -> None:
    source = Source()
    assert await ImageProxy("secret", source).fetch(*parts(ImageProxy("secret", None).ours(URL))) is ALMA
    assert source.asked == [URL]


@pytest.mark.parametrize("signature", ["", "0" * 32, "é"])
async def test_what_we_did_not_sign_is_never_asked_for(signature: str) -> None:
    source = Source()
    with pytest.raises(ImageUnavailable):
        await ImageProxy("secret", source).fetch(signature, base64.urlsafe_b64encode(URL.encode()).decode())
    assert source.asked == []


async def test_where_there_is_none_there_is_none() -> None:
    for source in (Source(), None):
        pictures = ImageProxy("secret", source)
        with pytest.raises(ImageUnavailable):
            await pictures.fetch(*parts(pictures.ours("https://cdn.example/nobody.png")))


@pytest.mark.parametrize(
    ("given", "shown"),
    [("data:image/png;base64,AA", "data:image/png;base64,AA"), ("/v/x.png", "/v/x.png"), ("javascript:alert(1)", "")],
)
def test_only_pictures_have_an_address(given: str, shown: str) -> None:
    assert ImageProxy("secret", None).ours(given) == shown


@pytest.mark.parametrize(("given", "shown"), [(URL, URL), ("javascript:alert(1)", ""), ("", "")])
async def test_a_preview_is_a_web_address_or_nothing(given: str, shown: str) -> None:
    platform = PlaygroundPlatform(RecordingCore(), LoopClock(), PlaygroundSettings())
    assert platform._item(Item("Alma", preview=given)).preview == shown
