"""Pictures from elsewhere, fetched by us, so that the page asks nobody but us for anything."""

import base64
import hashlib
import hmac
from collections import OrderedDict

import httpx

SIZE_LIMIT = 2 * 1024 * 1024
KEPT = 128
TIMEOUT_S = 10.0


class PictureUnavailable(Exception):
    """Not an address of ours, or nothing there that is a picture. Becomes a 404 and leaves this folder in no other way."""


class Pictures:
    """Turns the provider's picture addresses into our own and serves what stands behind them.

    Only addresses that we signed are fetched, so that nobody can make us visit another; no redirect is followed.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def ours(self, url: str) -> str:
        """The address under which the page finds it; what is inline or ours already stays."""
        if not url.startswith(("http://", "https://")):
            return url if url.startswith(("data:image/", "/")) else ""
        return f"/playground/pictures/{self._signature(url)}/{base64.urlsafe_b64encode(url.encode()).decode()}"

    async def fetch(self, signature: str, encoded: str) -> tuple[str, bytes]:
        """(media type, content). Raises `PictureUnavailable`."""
        url = self._signed(signature, encoded)
        if url not in self._kept:
            self._kept[url] = await _download(url)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[url]

    def _signed(self, signature: str, encoded: str) -> str:
        try:
            url = base64.urlsafe_b64decode(encoded).decode()
        except ValueError:  # not base64, not ASCII, not UTF-8
            raise PictureUnavailable from None
        if not hmac.compare_digest(signature.encode(), self._signature(url).encode()):
            raise PictureUnavailable
        return url

    def _signature(self, url: str) -> str:
        return hmac.new(self._secret, b"picture " + url.encode(), hashlib.sha256).hexdigest()[:32]


async def _download(url: str) -> tuple[str, bytes]:
    content = bytearray()
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client, client.stream("GET", url) as response:
            kind = response.headers.get("content-type", "").partition(";")[0].strip()
            if response.status_code != httpx.codes.OK or not kind.startswith("image/"):
                raise PictureUnavailable
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > SIZE_LIMIT:
                    raise PictureUnavailable
    except (httpx.HTTPError, httpx.InvalidURL):
        raise PictureUnavailable from None
    return kind, bytes(content)
