"""Pictures from elsewhere, fetched by us, so that the page asks nobody but us for anything."""

import base64
import hashlib
import hmac

from bot.domain.conversations import File
from bot.ports.web import Pictures as PictureSource


class ImageUnavailable(Exception):
    """Not an address of ours, or nothing there that is a picture. Becomes a 404 and leaves this folder in no other way."""


class ImageProxy:
    """Turns the provider's picture addresses into our own and serves what stands behind them.

    Only addresses that we signed are fetched, so that nobody can make us visit another. Without a `source` there are none.
    """

    def __init__(self, secret: str, source: PictureSource | None) -> None:
        self._secret = secret.encode()
        self._source = source

    def ours(self, url: str) -> str:
        """The address under which the page finds it; what is inline or ours already stays."""
        if not url.startswith(("http://", "https://")):
            return url if url.startswith(("data:image/", "/")) else ""
        return f"/playground/pictures/{self._signature(url)}/{base64.urlsafe_b64encode(url.encode()).decode()}"

    async def fetch(self, signature: str, encoded: str) -> File:
        """Raises `ImageUnavailable`."""
        url = self._signed(signature, encoded)
        found = await self._source.picture(url) if self._source else None
        if found is None:
            raise ImageUnavailable
        return found

    def _signed(self, signature: str, encoded: str) -> str:
        try:
            url = base64.urlsafe_b64decode(encoded).decode()
        except ValueError:  # not base64, not ASCII, not UTF-8
            raise ImageUnavailable from None
        if not hmac.compare_digest(signature.encode(), self._signature(url).encode()):
            raise ImageUnavailable
        return url

    def _signature(self, url: str) -> str:
        return hmac.new(self._secret, b"picture " + url.encode(), hashlib.sha256).hexdigest()[:32]
